"""An import by a role that can only import."""

import uuid
from urllib.parse import urlsplit

from cryoasync.database.embedded import EmbeddedServer
from tests.end_to_end.commands import CommandLine
from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.tables import compounds, query, true_compounds, value


def test_a_whole_run_needs_no_more_than_the_grants(
    cryoasync: CommandLine, at_once: RunningSimulator, postgres: EmbeddedServer, dsn: str
) -> None:
    """Import, failures and all that a second run does again; the role's own statements are those printed."""
    role = f"importer_{uuid.uuid4().hex[:8]}"
    grants = cryoasync("db", "grants", role, "--dsn", dsn)
    assert grants.exit_code == 0
    query(dsn, f"{grants.stdout.split('GRANT CONNECT')[0]}")
    for statement in grants.stdout[grants.stdout.index("GRANT CONNECT") :].split(";\n"):
        query(dsn, statement)
    query(dsn, f"ALTER ROLE {role} PASSWORD 'x'")
    address = urlsplit(postgres.tcp_dsn(urlsplit(dsn).path.lstrip("/")))
    cryoasync.environment["DATABASE_URL"] = (
        f"postgresql://{role}:x@{address.hostname}:{address.port}{address.path}"
    )
    words = ("run", "pubchem", "1-300", "999999999", "--json", "--no-cache", "--rdkit", "all")
    for _ in range(2):
        ended = cryoasync(*words, "--refresh")
        assert (ended.exit_code, ended.document["imported"], ended.document["not_found"]) == (0, 300, 1)
    assert compounds(dsn) == true_compounds(at_once, 1, 300)
    assert cryoasync("status", "--json").exit_code == 0
    assert value(dsn, "SELECT count(*) FROM cryoasync.runs") == 2
    query(dsn, f"DROP OWNED BY {role}")
    query(dsn, f"DROP ROLE {role}")
