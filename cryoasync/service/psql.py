"""How psql is called for the database that the settings mean."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryoasync.database.embedded.programs import find_programs
from cryoasync.database.opening import database_dsn
from cryoasync.errors import DatabaseError, UsageError
from cryoasync.service.dsn_password import without_password
from cryoasync.settings import Settings

_PROGRAM = "psql"

# The terminal library beside the server's own psql does not know where Debian keeps its descriptions.
_TERMINALS = "/etc/terminfo:/lib/terminfo:/usr/lib/terminfo:/usr/share/terminfo"


@dataclass(frozen=True, slots=True, kw_only=True)
class PsqlCall:
    """The program's path, its further arguments and its environment."""

    program: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


async def psql_call(settings: Settings, further: Sequence[str], environ: Mapping[str, str]) -> PsqlCall:
    """Return the call of psql for the settings' database, with the ``further`` arguments.

    The embedded server, started where it is meant, is met by the psql of its own version; any other by the
    one on the ``PATH``, which may have what the wheel's lacks, such as TLS. The password goes through the
    environment, since every user of the machine can list arguments.

    Raises:
        UsageError: there is no psql, the data dir cannot be used, or the DSN is ambiguous.
        DatabaseError: the embedded server does not start.
    """
    dsn = await database_dsn(settings)
    if dsn is not None and not settings.database_is_external:
        # The user's PG* variables are meant for other servers.
        kept = {name: value for name, value in environ.items() if not name.startswith("PG")}
        return _own(kept, (f"--dbname={dsn}", *further))
    environment, arguments = dict(environ), tuple(further)
    if dsn is not None:
        target, password = without_password(dsn)
        arguments = (f"--dbname={target}", *further)
        if password is not None:
            environment["PGPASSWORD"] = password
    on_path = shutil.which(_PROGRAM, path=environ.get("PATH"))
    if on_path is None:
        return _own(environment, arguments)
    return PsqlCall(program=on_path, arguments=arguments, environment=environment)


def _own(environment: Mapping[str, str], arguments: Sequence[str]) -> PsqlCall:
    """Return the call of the psql that the embedded server brings along."""
    try:
        program = find_programs() / _PROGRAM
    except DatabaseError as error:
        raise UsageError(
            "psql is not installed.", hint="Install it, as with: apt install postgresql-client"
        ) from error
    return PsqlCall(
        program=str(program),
        arguments=tuple(arguments),
        environment={"TERMINFO_DIRS": _TERMINALS} | dict(environment),
    )
