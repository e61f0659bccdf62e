"""The embedded server, seen by a client that is not ours."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from cryoasync.database.embedded import EmbeddedServer

pytestmark = pytest.mark.system


async def test_debians_psql_reads_the_embedded_server(tmp_path: Path) -> None:
    """The DSN of the embedded server is one for every tool of libpq, not only for our own driver."""
    server = EmbeddedServer(tmp_path)
    await server.ensure_running()
    try:
        await server.create_database("laboratory")
        answer = await asyncio.to_thread(
            subprocess.run,
            [
                "psql",
                "--no-psqlrc",
                "--tuples-only",
                "--no-align",
                "-c",
                "SELECT current_database()",
                server.dsn("laboratory"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        await server.destroy()

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "laboratory\n", "")
