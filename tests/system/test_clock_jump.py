"""A database whose clock jumps, as after a suspended virtual machine or a correction by hand."""

from pathlib import Path

import pytest

from cryoasync.database.connection import DatabaseSettings, open_database
from tests.faults.scene import SETTINGS, load_on, scene_on, until_more
from tests.servers import running_server
from tests.system.test_hosts import DEBIANS

pytestmark = pytest.mark.system


async def test_nothing_is_lost_or_doubled_where_the_clock_of_the_server_jumps(tmp_path: Path) -> None:
    """An hour ahead, a day back, and to the truth again, while runs store."""
    [library] = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    offset = Path(f"/tmp/clock-{tmp_path.name}")  # for whom the server runs as must read it
    environment = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    offset.write_text("+0")
    try:
        async with (
            running_server(DEBIANS, settings=SETTINGS, environment=environment) as server,
            open_database(DatabaseSettings(dsn=server.dsn())) as onlooker,
            scene_on(server, seed=1) as scene,
            load_on(scene) as works,
        ):

            async def clock() -> float:
                async with onlooker.transaction() as session:
                    seconds: float = await session.fetchval(
                        "SELECT extract(epoch FROM clock_timestamp())::float8"
                    )
                    return seconds

            for jump in ("+3600", "-86400", "+0"):
                before = await clock()
                offset.write_text(jump)
                assert abs(await clock() - before) > 3000
                await until_more(works)
    finally:
        offset.unlink()
