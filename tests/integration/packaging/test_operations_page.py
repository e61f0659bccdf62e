"""docs/operations.md, where its statements can be tried on a database."""

import re
import uuid

from cryoasync.database.connection import DatabaseSettings, open_database
from cryoasync.database.embedded import EmbeddedServer
from cryoasync.database.schema import migrate
from tests.conftest import run_statement
from tests.integration.database.builders import (
    batch_of,
    entry_result,
    failure,
    repository,
    started_run,
    store_of,
)
from tests.unit.packaging.command_words import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")


async def test_the_grants_are_all_that_an_importer_needs(postgres: EmbeddedServer, dsn: str) -> None:
    """A user with nothing else imports, and deletes the run; the schema stays its owner's."""
    (statements,) = re.findall(r"```sql\n(GRANT.*?)```", PAGE, re.DOTALL)
    name, role = dsn.partition("@/")[2].partition("?")[0], f"importer_{uuid.uuid4().hex}"
    await run_statement(dsn, f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    await run_statement(dsn, f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    await run_statement(dsn, statements.replace("lab", name).replace("importer", role))
    try:
        address = postgres.tcp_dsn(name).partition("@")[2]
        async with open_database(DatabaseSettings(dsn=f"postgresql://{role}:x@{address}")) as database:
            assert await migrate(database) == ()
            run = await started_run(database, 2)
            batch = batch_of(entry_result(0), entry_result(1, failures=[failure(1)]))
            report = await store_of(database, run).commit(batch)
            assert (report.counts.imported, report.rows, report.refused) == (2, 2, 0)
            await repository(database).delete(run)
    finally:
        await run_statement(dsn, f"DROP OWNED BY {role}")
        await run_statement(dsn, f"DROP ROLE {role}")
