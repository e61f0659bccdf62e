"""Transactions that are tried again where that helps, and whose outcome is known where a connection dies."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cryoasync.database.connection import Connection, Database
from cryoasync.database.error_translation import is_conflict
from cryoasync.database.pool.queue import Priority
from cryoasync.errors import CommitUnknownError, DatabaseError, DatabaseUnavailableError
from cryoasync.ports import Clock

FIRST_BACKOFF_SECONDS = 0.05
LONGEST_BACKOFF_SECONDS = 2.0

_Result = TypeVar("_Result")

# A batch takes well under a second. What takes this long is stuck, and is repeated later.
_BEGIN = """
SELECT pg_current_xact_id()::text,
       set_config('statement_timeout', '60s', true),
       set_config('lock_timeout', '20s', true),
       set_config('idle_in_transaction_session_timeout', '60s', true)
"""

# What the server says of a number in the future: after a failover it may not have seen the transaction.
_NUMBER_NEVER_GIVEN_OUT = "22023"


class ExactTransactions:
    """Runs work in transactions: wholly and once, or not at all."""

    def __init__(
        self,
        database: Database,
        *,
        priority: Priority = Priority.WORK,
        retry_seconds: float,
        retries_outages: bool = True,
        on_retry: Callable[[DatabaseUnavailableError], None],
        clock: Clock,
        rng: random.Random,
    ) -> None:
        """Try again for up to ``retry_seconds``, telling ``on_retry`` each time; ``rng`` draws the jitter.

        Without ``retries_outages`` only conflicts with other transactions are tried again.
        """
        self._database = database
        self._priority = priority
        self._retry_seconds = retry_seconds
        self._retries_outages = retries_outages
        self._on_retry = on_retry
        self._clock = clock
        self._rng = rng

    async def run(
        self, work: Callable[[Connection], Awaitable[_Result]], *, is_repeatable: bool = False
    ) -> _Result:
        """Return what ``work`` gives, once it is committed.

        It is called again after a deadlock, a serialization failure, a lost connection and whatever else waiting
        can mend. What ``is_repeatable`` changes nothing the second time, so that a commit without an answer is
        simply tried again; else the server is asked whether it happened.

        Raises:
            CommitUnknownError: the connection was lost during the commit, and the server could not be asked.
            DatabaseUnavailableError: nothing is written, and the time for trying again is over.
            DatabaseError: nothing is written, and trying again would not help.
        """
        end_at, ceiling = self._clock() + self._retry_seconds, FIRST_BACKOFF_SECONDS
        while True:
            pause = self._rng.uniform(ceiling / 2, ceiling)
            try:
                return await self._attempt(work, end_at, is_repeatable=is_repeatable)
            except CommitUnknownError:
                raise
            except DatabaseUnavailableError as error:
                is_for_others = not (self._retries_outages or is_conflict(error))
                if is_for_others or self._clock() + pause > end_at:
                    raise
                self._on_retry(error)
            await asyncio.sleep(pause)
            ceiling = min(LONGEST_BACKOFF_SECONDS, 2 * ceiling)

    async def _attempt(
        self, work: Callable[[Connection], Awaitable[_Result]], end_at: float, *, is_repeatable: bool
    ) -> _Result:
        number: str | None = None
        try:
            async with self._database.transaction(self._priority) as connection:
                begun = await connection.fetchval(_BEGIN)
                result = await work(connection)
                number = begun
        except DatabaseUnavailableError:
            if number is None or is_repeatable or not await self._is_committed(number, end_at):
                raise
        return result

    async def _is_committed(self, number: str, end_at: float) -> bool:
        """Ask for the outcome of a transaction until there is one: its process may be at it still."""
        while True:
            try:
                status = await self._status(number)
            except DatabaseUnavailableError:
                status = "unknown"
            except DatabaseError as error:
                if getattr(error.__cause__, "sqlstate", None) != _NUMBER_NEVER_GIVEN_OUT:
                    raise CommitUnknownError(error.message) from error
                return False
            if status in {"committed", "aborted"}:
                return status == "committed"
            if self._clock() > end_at:
                raise CommitUnknownError(
                    f"The connection to {self._database.described} was lost during a commit.",
                    hint="See whether its rows are there before they are written again.",
                )
            await asyncio.sleep(FIRST_BACKOFF_SECONDS)

    async def _status(self, number: str) -> str | None:
        async with self._database.transaction(self._priority) as connection:
            status: str | None = await connection.fetchval("SELECT pg_xact_status($1::text::xid8)", number)
            return status
