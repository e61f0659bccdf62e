"""A new run and its entries, in one transaction: after a kill in the middle there is no trace of them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cryoasync.database.connection import Connection
from cryoasync.database.runs.owner import Owner
from cryoasync.database.runs.record import RUN_COLUMNS, Run, owner_to_json, run_from, run_key
from cryoasync.models import EntryState, RunCounts, RunIdentity

BLOCK_POSITIONS = 1_000_000
"""Positions to a block of the checkpoint; the SQL statements know it too."""

_INPUT_COLUMNS = ("run_id", "position", "source_id", "line", "state", "reason")

_INSERT_RUN = """
INSERT INTO cryoasync.runs (
    name, source, base_url, run_key, input_digest, settings, status, owner, heartbeat_at,
    requested, imported, not_found, invalid, failed, pending, duplicates, listing
)
VALUES ($1, $2, $3, $4, $5, $6, 'running', $7, clock_timestamp(), 0, 0, 0, 0, 0, 0, $8, $9)
RETURNING id
"""
_INSERT_BLOCKS = """
INSERT INTO cryoasync.run_blocks (run_id, block) SELECT $1, generate_series(0, $2::bigint)
"""
_SET_COUNTS = f"""
UPDATE cryoasync.runs
SET requested = $2, imported = $3, invalid = $4, pending = $5, heartbeat_at = clock_timestamp()
WHERE id = $1
RETURNING {RUN_COLUMNS}
"""  # noqa: S608 - a constant of ours


class SpooledEntry(NamedTuple):
    """One distinct entry of an input: ``state`` is set (with a reason) where no work is needed."""

    source_id: str
    line: int | None = None
    state: EntryState | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshCompounds:
    """How to tell which compounds are here already and young enough.

    Attributes:
        query: takes the ids to look at as the text array ``$1``; returns source_id and fetched_at.
        arguments: the values of ``$2`` and so on.
    """

    query: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spool:
    """The input of a new run.

    Attributes:
        pages: the entries in order; pages of about 10,000 are best.
        duplicates: entries that the input holds more than once and ``pages`` does not.
        fresh: which entries count as imported at once; None asks for all of them.
        listing: where the entries are places in a list of the source's: its release and length.
    """

    pages: AsyncIterator[Sequence[SpooledEntry]]
    duplicates: int = 0
    fresh: FreshCompounds | None = None
    listing: Mapping[str, Any] | None = None


async def create_run(connection: Connection, identity: RunIdentity, spool: Spool, owner: Owner) -> Run:
    """Insert a run and its entries inside the transaction that is open; memory stays flat for any length."""
    run_id = await connection.fetchval(
        _INSERT_RUN,
        identity.name,
        identity.source,
        identity.base_url,
        run_key(identity),
        identity.input_digest,
        dict(identity.settings),
        owner_to_json(owner),
        spool.duplicates,
        spool.listing,
    )
    counts = await _copy_entries(connection, run_id, spool)
    last_block = (counts.requested - 1) // BLOCK_POSITIONS
    await connection.execute(_INSERT_BLOCKS, run_id, last_block)
    record = await connection.fetchrow(
        _SET_COUNTS, run_id, counts.requested, counts.imported, counts.invalid, counts.pending
    )
    assert record is not None, "the row was inserted in this transaction"
    return run_from(record)


async def _copy_entries(connection: Connection, run_id: int, spool: Spool) -> RunCounts:
    position = imported = invalid = 0
    async for page in spool.pages:
        entries = await _marked_fresh(connection, page, spool.fresh) if spool.fresh else page
        await connection.copy_records_to_table(
            "run_inputs",
            schema_name="cryoasync",
            columns=_INPUT_COLUMNS,
            records=[(run_id, position + offset, *_storable(entry)) for offset, entry in enumerate(entries)],
        )
        position += len(entries)
        states = [entry[2] for entry in entries]
        imported += states.count(EntryState.IMPORTED)
        invalid += states.count(EntryState.INVALID)
    return RunCounts(imported=imported, invalid=invalid, pending=position - imported - invalid)


async def _marked_fresh(
    connection: Connection, page: Sequence[SpooledEntry], fresh: FreshCompounds
) -> list[SpooledEntry]:
    ids = [entry.source_id for entry in page if entry.state is None]
    fetched_at = dict(map(tuple, await connection.fetch(fresh.query, ids, *fresh.arguments)))
    return [
        entry._replace(
            state=EntryState.IMPORTED, reason=f"fetched {fetched_at[entry.source_id]:%Y-%m-%d %H:%M:%S}"
        )
        if entry.state is None and entry.source_id in fetched_at
        else entry
        for entry in page
    ]


def _storable(entry: SpooledEntry) -> SpooledEntry:
    """Return the entry such that PostgreSQL can store it: invalid ones may hold anything."""
    if entry.state is not EntryState.INVALID:
        return entry
    return entry._replace(source_id=storable_text(entry.source_id), reason=storable_text(entry.reason or ""))


def storable_text(text: str) -> str:
    """Replace what PostgreSQL cannot store in text: NUL characters and lone surrogates."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
