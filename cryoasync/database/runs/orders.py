"""Orders to the process that works on a run, left in the run's row."""

from dataclasses import replace
from typing import Any

import msgspec

from cryoasync.database.connection import Database
from cryoasync.database.runs.record import Run
from cryoasync.errors import UsageError
from cryoasync.models import RunOrders

_READ = "SELECT orders FROM cryoasync.runs WHERE id = $1 AND epoch = $2 AND status = 'running' FOR UPDATE"
_WRITE = "UPDATE cryoasync.runs SET orders = $2 WHERE id = $1"


def orders_from(stored: Any) -> RunOrders:
    """Read the column ``orders``."""
    return RunOrders() if stored is None else msgspec.convert(stored, RunOrders)


async def give_orders(
    database: Database, run: Run, *, reset_breaker: bool = False, **changes: Any
) -> RunOrders:
    """Change the orders to the process that works on ``run``, and return all that hold now.

    Raises:
        UsageError: no process works on the run any more, or another start of it does.
        DatabaseError: nothing is changed.
    """
    async with database.transaction() as connection:
        record = await connection.fetchrow(_READ, run.id, run.epoch)
        if record is None:
            raise UsageError(f"Run {run.id} has just ended, or was started again.")
        before = orders_from(record["orders"])
        resets = before.breaker_resets + reset_breaker
        orders = replace(before, breaker_resets=resets, **changes)
        await connection.execute(_WRITE, run.id, orders.to_json())
    return orders
