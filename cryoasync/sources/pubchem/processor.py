"""Turns a chunk of CIDs into rows: properties, synonyms, and descriptors where PubChem left something out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryoasync.chemistry.policy import can_fill
from cryoasync.chemistry.rows import descriptor_row
from cryoasync.models import Chunk, ChunkResult, Entry, EntryState, FailureKind, Row
from cryoasync.ports import ActivityReport, WallClock
from cryoasync.sources.asking.answer_cache import CachedClient
from cryoasync.sources.asking.fetch import Absent, Answer, Failed, Found
from cryoasync.sources.drafts import Draft, add_descriptors, unanswered
from cryoasync.sources.equipment import DescriptorPool, RowLookup
from cryoasync.sources.pubchem.endpoints import SYNONYMS, Endpoint, property_endpoint
from cryoasync.sources.pubchem.records import Compound, read_property_row, read_synonym_row
from cryoasync.sources.pubchem.table import KNOWN_SMILES, PROPERTY_COLUMNS, PUBCHEM_COMPOUNDS

SOURCE = "pubchem"
UNKNOWN_CID = "PubChem has no compound of this CID"

_SMILES = PROPERTY_COLUMNS.index("smiles")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What one run asks for.

    Attributes:
        run_id: written to each row.
        synonyms: whether synonyms are asked for.
        properties: further properties of the property table.
        compute_all: whether descriptors are computed for every compound, not only where they fill a gap.
    """

    run_id: int
    synonyms: bool
    properties: tuple[str, ...]
    compute_all: bool


@dataclass(slots=True)
class _Draft(Draft):
    compound: Compound | None = None
    answered_at: datetime | None = None
    synonyms: tuple[str, ...] | None = None


class PubChemProcessor:
    """The :class:`~cryoasync.ports.ChunkProcessor` of PubChem."""

    def __init__(
        self,
        client: CachedClient[Endpoint],
        pool: DescriptorPool | None,
        lookup: RowLookup,
        options: ImportOptions,
        *,
        wall_clock: WallClock,
    ) -> None:
        """Compute descriptors in ``pool``, none where it is ``None``."""
        self._client = client
        self._pool = pool
        self._lookup = lookup
        self._options = options
        self._wall_clock = wall_clock
        self._property_endpoint = property_endpoint(options.properties)

    async def process(self, chunk: Chunk, report: ActivityReport) -> ChunkResult:
        """Settle every entry of ``chunk``; see the port for the errors."""
        properties = await self._client.fetch(self._property_endpoint, chunk.entries, report)
        drafts = [self._draft(entry, properties.by_id[entry.source_id]) for entry in chunk.entries]
        attempts = properties.attempts
        if self._options.synonyms:
            known = [draft for draft in drafts if draft.compound is not None]
            synonyms = await self._client.fetch(SYNONYMS, [draft.entry for draft in known], report)
            attempts += synonyms.attempts
            for draft in known:
                _add_synonyms(draft, synonyms.by_id[draft.entry.source_id])
        if self._pool is not None:
            await self._add_descriptors(self._pool, drafts, report)
        return ChunkResult(
            chunk=chunk, entries=tuple(draft.result(self._rows(draft)) for draft in drafts), attempts=attempts
        )

    def _draft(self, entry: Entry, answer: Answer) -> _Draft:
        if not isinstance(answer, Found):
            return unanswered(_Draft, entry, answer)
        return self._read(entry, answer.raw, answer.answered_at)

    def _read(self, entry: Entry, raw: bytes, answered_at: datetime) -> _Draft:
        draft = _Draft(entry, EntryState.IMPORTED, answered_at=answered_at)
        try:
            draft.compound = read_property_row(raw, self._options.properties)
        except ValueError as error:
            draft.fail(FailureKind.DECODE, f"its properties cannot be read: {error}", 1)
            return draft
        if draft.compound is None:
            draft.state, draft.reason = EntryState.NOT_FOUND, UNKNOWN_CID
        return draft

    async def _add_descriptors(
        self, pool: DescriptorPool, drafts: Sequence[_Draft], report: ActivityReport
    ) -> None:
        wanted = {
            draft.entry.source_id: smiles
            for draft in drafts
            if (smiles := self._wanted_smiles(draft)) is not None
        }
        await add_descriptors(pool, drafts, wanted | await self._smiles_at_hand(drafts), report)

    def _wanted_smiles(self, draft: _Draft) -> str | None:
        """Return the SMILES to compute from, where there is one and something to gain."""
        if draft.compound is None:
            return None
        smiles: str | None = draft.compound.values[_SMILES]
        if smiles is None or self._options.compute_all:
            return smiles
        absent = [
            column
            for column, value in zip(PROPERTY_COLUMNS, draft.compound.values, strict=True)
            if value is None
        ]
        return smiles if can_fill(absent) else None

    async def _smiles_at_hand(self, drafts: Sequence[_Draft]) -> dict[str, str]:
        """Return structures for the compounds that cannot be fetched: from an older answer or an earlier row."""
        failed = [draft.entry for draft in drafts if draft.compound is None and draft.failures]
        if not failed:
            return {}
        at_hand: dict[str, str] = await self._lookup.pairs(
            KNOWN_SMILES, [entry.source_id for entry in failed]
        )
        for source_id, answer in (await self._client.remembered(self._property_endpoint, failed)).items():
            compound = _readable(answer)
            if compound is not None and compound.values[_SMILES] is not None:
                at_hand[source_id] = compound.values[_SMILES]
        return at_hand

    def _rows(self, draft: _Draft) -> list[Row]:
        rows = []
        source_id = draft.entry.source_id
        if draft.compound is not None:
            values: tuple[Any, ...] = (
                draft.compound.cid,
                *draft.compound.values,
                None if draft.synonyms is None else list(draft.synonyms),
                draft.compound.extra,
                draft.answered_at,
                self._options.run_id,
            )
            rows.append(Row(table=PUBCHEM_COMPOUNDS, source_id=source_id, values=values))
        if draft.descriptors is not None:
            rows.append(descriptor_row(SOURCE, source_id, draft.descriptors, self._wall_clock()))
        return rows


def _add_synonyms(draft: _Draft, answer: Answer) -> None:
    match answer:
        case Absent():
            draft.synonyms = ()
        case Failed(message=message, attempts=attempts):
            draft.fail(FailureKind.SYNONYMS, message, attempts)
        case Found(raw=raw):
            try:
                _, draft.synonyms = read_synonym_row(raw)
            except ValueError as error:
                draft.fail(FailureKind.SYNONYMS, f"its synonyms cannot be read: {error}", 1)


def _readable(answer: Answer) -> Compound | None:
    try:
        return read_property_row(answer.raw, ()) if isinstance(answer, Found) else None
    except ValueError:
        return None
