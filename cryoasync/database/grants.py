"""What a role needs to import, and no more: no table can be made by it, and nothing removed that a source said."""

import re

EMPTIED_TABLES = (
    "molecule_backlog",
    "molecule_redirects",
    "molecules",
    "rdkit_descriptors",
    "requests",
    "run_outcomes",
    "unichem_links",
)
"""The tables that imports remove rows from: what is computed anew, retried, or has grown old."""

_READ_ONLY_TABLES = ("migrations",)
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def grants_for(role: str, database: str) -> str:
    """Return the SQL, for the owner of the schema to execute, that lets ``role`` import into ``database``.

    It may be executed again at any time. What is granted holds for tables that later migrations add, too.
    """
    name, where = quoted(role), quoted(database)
    emptied = ", ".join(f"cryoasync.{table}" for table in EMPTIED_TABLES)
    read_only = ", ".join(f"cryoasync.{table}" for table in _READ_ONLY_TABLES)
    literal = "'" + role.replace("'", "''") + "'"
    return f"""\
-- Lets a role import into this database, and do nothing else. To be executed by the owner of the schema cryoasync,
-- who also runs `cryoasync db migrate` after an upgrade. Set a password with \\password in psql.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal}) THEN CREATE ROLE {name} LOGIN; END IF;
END $$;
GRANT CONNECT, TEMPORARY ON DATABASE {where} TO {name};
GRANT USAGE ON SCHEMA cryoasync TO {name};
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA cryoasync TO {name};
GRANT DELETE ON {emptied} TO {name};
REVOKE INSERT, UPDATE ON {read_only} FROM {name};
ALTER DEFAULT PRIVILEGES IN SCHEMA cryoasync GRANT SELECT, INSERT, UPDATE ON TABLES TO {name};
"""  # noqa: S608 - the names are quoted


def quoted(name: str) -> str:
    """Return an identifier as SQL takes it, quoted where it must be."""
    return name if _PLAIN_NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'
