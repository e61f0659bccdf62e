"""Turns a chunk of ids, or of places in a list, into rows: molecules, and descriptors where ChEMBL has none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from cryoasync.chemistry.rows import descriptor_row
from cryoasync.models import Attempt, Chunk, ChunkResult, Entry, EntryState, FailureKind, Row
from cryoasync.ports import ActivityReport, WallClock
from cryoasync.sources.asking.fetch import Answer, Found
from cryoasync.sources.chembl.answers import NOBODY
from cryoasync.sources.chembl.conversation import Conversation
from cryoasync.sources.chembl.endpoints import (
    PAGE,
    Parameters,
    is_place,
    molecules,
    pages,
    position_of,
)
from cryoasync.sources.chembl.records import Molecule, read_chembl_id, read_molecule, read_object
from cryoasync.sources.chembl.seen import SeenIds
from cryoasync.sources.chembl.shapes import ShapeWatch
from cryoasync.sources.chembl.table import CHEMBL_MOLECULES, VALUE_COLUMNS
from cryoasync.sources.drafts import Draft, add_descriptors, unanswered
from cryoasync.sources.equipment import DescriptorPool

SOURCE = "chembl"
BEHIND_THE_END = "the list ended before this place"

_SMILES = VALUE_COLUMNS.index("canonical_smiles")
_FORMULA = VALUE_COLUMNS.index("full_molformula")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What one run asks for.

    Attributes:
        run_id: written to each row.
        filters: what the list is of that places stand in.
        compute_all: whether descriptors are computed for every structure, not only where ChEMBL has none.
    """

    run_id: int
    filters: Parameters
    compute_all: bool


@dataclass(slots=True)
class _Draft(Draft):
    """``place`` is what the entry was known by before its molecule was, if it was one."""

    place: Entry | None = None
    molecule: Molecule | None = None
    answered_at: datetime | None = None


class ChemblProcessor:
    """The :class:`~cryoasync.ports.ChunkProcessor` of ChEMBL."""

    def __init__(
        self,
        talk: Conversation,
        seen: SeenIds,
        pool: DescriptorPool | None,
        options: ImportOptions,
        *,
        wall_clock: WallClock,
    ) -> None:
        """Ask through ``talk``; ``seen`` are the ids that were settled already, by their places or by themselves.

        Descriptors are computed in ``pool``, none where it is ``None``.
        """
        self._talk = talk
        self._seen = seen
        self._pool = pool
        self._options = options
        self._wall_clock = wall_clock
        self._shapes = ShapeWatch()

    async def process(self, chunk: Chunk, report: ActivityReport) -> ChunkResult:
        """Settle every entry of ``chunk``; see the port for the errors."""
        release = await self._talk.release.known(report)
        drafts: list[_Draft] = []
        attempts: list[Attempt] = [*self._talk.aside.take_attempts()]
        for entries in _requests(chunk.entries):
            answers = await self._answers(entries, release, report, attempts)
            drafts += [self._draft(entry, answers[entry.source_id]) for entry in entries]
        if self._pool is not None:
            await add_descriptors(self._pool, drafts, self._wanted_smiles(drafts), report)
        # From here on nothing waits: a chunk that is begun again has marked no id as seen.
        results = [self._settled(draft) for draft in drafts]
        return ChunkResult(
            chunk=chunk,
            entries=tuple(draft.result(list(self._rows(draft, release))) for draft in results),
            attempts=tuple(attempts),
        )

    async def _answers(
        self, entries: Sequence[Entry], release: str | None, report: ActivityReport, attempts: list[Attempt]
    ) -> Mapping[str, Answer]:
        """Return an answer for each of ``entries``, which one request can ask for; add it to ``attempts``.

        The cache knows no places, and keeps nothing of which the release is unknown.
        """
        by_place = is_place(entries[0].source_id)
        if by_place or release is None:
            endpoint = pages(self._options.filters) if by_place else molecules(None)
            fetch = await self._talk.client.fetch(endpoint, entries, report)
            attempts += fetch.attempts
            return fetch.answers
        found = await self._talk.cached.fetch(molecules(release), entries, report)
        attempts += found.attempts
        return found.by_id

    def _draft(self, entry: Entry, answer: Answer) -> _Draft:
        if not isinstance(answer, Found):
            return unanswered(_Draft, entry, answer)
        if answer.raw == NOBODY:
            self._talk.release.doubt()
            return _Draft(entry, EntryState.NOT_FOUND, BEHIND_THE_END)
        return self._read(entry, answer.raw, answer.answered_at)

    def _read(self, entry: Entry, raw: bytes, answered_at: datetime) -> _Draft:
        place = entry if is_place(entry.source_id) else None
        draft = _Draft(entry, EntryState.IMPORTED, place=place, answered_at=answered_at)
        try:
            draft.entry = replace(entry, source_id=read_chembl_id(raw))
            answer = read_object(raw)
            self._shapes.look(answer)
            draft.molecule = read_molecule(answer)
        except ValueError as error:
            draft.fail(FailureKind.DECODE, f"it cannot be read: {error}", 1)
        return draft

    def _wanted_smiles(self, drafts: Sequence[_Draft]) -> dict[str, str]:
        """Return what to compute from: structures of which ChEMBL gives no properties, or all of them."""
        return {
            draft.entry.source_id: draft.molecule.values[_SMILES]
            for draft in drafts
            if draft.molecule is not None
            and draft.molecule.values[_SMILES] is not None
            and (self._options.compute_all or draft.molecule.values[_FORMULA] is None)
        }

    def _settled(self, draft: _Draft) -> _Draft:
        """Return the draft, or where another place brought its molecule already, one that says so of this place."""
        identity = draft.entry.source_id
        is_new = self._seen.add(identity)
        if draft.place is None or is_new:
            return draft
        self._talk.release.doubt()
        return _Draft(draft.place, EntryState.NOT_FOUND, f"{identity} stands in another place, too")

    def _rows(self, draft: _Draft, release: str | None) -> Iterator[Row]:
        source_id = draft.entry.source_id
        if draft.molecule is not None:
            molecule = draft.molecule
            values = (
                molecule.chembl_id,
                *molecule.values,
                None if molecule.synonyms is None else list(molecule.synonyms),
                molecule.extra,
                release,
                draft.answered_at,
                self._options.run_id,
            )
            yield Row(table=CHEMBL_MOLECULES, source_id=source_id, values=values)
        if draft.descriptors is not None:
            yield descriptor_row(SOURCE, source_id, draft.descriptors, self._wall_clock())


def _requests(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Cut entries into those that one request can ask for: ids, or places without gaps on one page."""

    def request(numbered: tuple[int, Entry]) -> tuple[int, int]:
        index, entry = numbered
        if not is_place(entry.source_id):
            return -1, 0
        position = position_of(entry.source_id)
        return position // PAGE, position - index

    for _, group in groupby(enumerate(entries), key=request):
        yield [entry for _, entry in group]
