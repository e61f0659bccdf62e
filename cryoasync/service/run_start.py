"""Which run a command means: found, made, or started afresh, and claimed for this process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryoasync.database.runs.hold import RunHold
from cryoasync.database.runs.record import Run
from cryoasync.database.runs.repository import RunRepository
from cryoasync.database.runs.spool import FreshCompounds, Spool, SpooledEntry
from cryoasync.errors import InputError
from cryoasync.models import EntryState, RunIdentity, RunStatus
from cryoasync.settings import RunSettings
from cryoasync.sources.input import (
    InputBlock,
    InputDigest,
    InputDigester,
    InputEntry,
    InputList,
    InvalidEntry,
)
from cryoasync.sources.registry import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedRun:
    """A claimed run, whether this start made it, and what was imported already when it began."""

    run: Run
    is_new: bool
    already_done: int


async def digest_of(inputs: InputList) -> InputDigest:
    """Read the whole input once, off the event loop; errors are those of :meth:`InputList.blocks`."""
    digester = InputDigester()
    async for block in blocks_of(inputs):
        digester.add(block)
    return digester.result()


async def start_run(
    hold: RunHold,
    runs: RunRepository,
    identity: RunIdentity,
    spool: Callable[[], Awaitable[Spool]],
    *,
    restart: bool,
) -> StartedRun:
    """Claim the run that ``identity`` means.

    An unfinished run is resumed, one that finished with failures tries those again; else, or to ``restart``, a
    new one is made of what ``spool`` returns.
    """
    found = await runs.find(identity)
    is_new = found is None or restart or _is_clean(found)
    if found is None or is_new:
        found = await hold.create(identity, await spool())
    run = await hold.claim(found)
    return StartedRun(run=run, is_new=is_new, already_done=run.counts.imported)


def spool_of(
    inputs: InputList, digest: InputDigest, source: Source, settings: RunSettings, now: datetime
) -> Spool:
    """Return the spool of a list of ids, in which compounds younger than the maximum age count as done."""
    return Spool(
        pages=_spooled(inputs, digest),
        duplicates=digest.duplicates,
        fresh=None if settings.refresh or settings.restart else _fresh(source, settings, now),
    )


def _is_clean(run: Run) -> bool:
    return run.status is RunStatus.FINISHED and run.counts.failed == 0 and run.counts.pending == 0


def _fresh(source: Source, settings: RunSettings, now: datetime) -> FreshCompounds:
    query, arguments = source.fresh_compounds(now - timedelta(days=settings.max_age_days))
    return FreshCompounds(query=query, arguments=arguments)


async def _spooled(inputs: InputList, digest: InputDigest) -> AsyncIterator[Sequence[SpooledEntry]]:
    """Yield the input as entries for the spool, seeing that it is still the one that was digested."""
    digester = InputDigester()
    async for block in blocks_of(inputs):
        digester.add(block)
        yield [_spooled_entry(entry) for entry in block.entries]
    if digester.result() != digest:
        raise InputError("The input changed while it was read.", hint="Run the command again.")


def _spooled_entry(entry: InputEntry | InvalidEntry) -> SpooledEntry:
    if isinstance(entry, InputEntry):
        return SpooledEntry(entry.source_id, entry.line)
    place = entry.origin if entry.line is None else f"{entry.origin}, line {entry.line}"
    return SpooledEntry(entry.text, entry.line, EntryState.INVALID, f"{place}: {entry.reason}")


async def blocks_of(inputs: InputList) -> AsyncIterator[InputBlock]:
    """Read the input once more, off the event loop; errors are those of :meth:`InputList.blocks`."""
    blocks = inputs.blocks()
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        yield block
