"""Simulated and real compounds do not meet."""

import pytest

from cryoasync.database.connection import Database
from cryoasync.database.origin import Origin, assert_origin
from cryoasync.errors import OriginMismatchError


@pytest.mark.parametrize(("held", "other"), [tuple(Origin), tuple(reversed(Origin))])
async def test_a_database_keeps_the_origin_of_its_first_run(
    database: Database, held: Origin, other: Origin
) -> None:
    """Runs of the same kind may come back; of the other kind none is let in, and the error says why."""
    async with database.session() as connection:
        await assert_origin(connection, held)
        await assert_origin(connection, held)
        with pytest.raises(OriginMismatchError, match=f"holds {held} compounds; a run on {other}") as raised:
            await assert_origin(connection, other)
        await assert_origin(connection, held)
    assert "--simulate" in (raised.value.hint or "")
