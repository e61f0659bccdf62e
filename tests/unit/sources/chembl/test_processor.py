"""Chunks of ids and of places become rows, each molecule once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from cryoasync.models import Activity, Attempt, Chunk, ChunkResult, Entry, EntryState, FailureKind, Span
from cryoasync.sources.asking.fetch import Answer, Found
from cryoasync.sources.chembl.answers import NOBODY
from cryoasync.sources.chembl.conversation import Conversation
from cryoasync.sources.chembl.endpoints import Endpoint, Kind, place
from cryoasync.sources.chembl.processor import ChemblProcessor, ImportOptions
from cryoasync.sources.chembl.seen import SeenIds
from cryoasync.sources.chembl.table import CHEMBL_MOLECULES
from tests.unit.sources.chembl.builders import RELEASE_37

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@dataclass(slots=True)
class Answered:
    answers: dict[str, Answer]
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def by_id(self) -> dict[str, Answer]:
        return self.answers


@dataclass(slots=True)
class Talk:
    """A ChEMBL in memory: who stands in which place, and what it was asked for."""

    release_name: str | None = "ChEMBL_37"
    listed: Sequence[str] = ()
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    asked: list[tuple[Kind, str, str, str]] = field(default_factory=list)
    doubts: int = 0
    is_cache: bool = False

    @property
    def client(self) -> "Talk":
        return self

    @property
    def cached(self) -> "Cache":
        return Cache(self)

    @property
    def release(self) -> "Talk":
        return self

    @property
    def aside(self) -> "Talk":
        return self

    async def known(self, _: object) -> str | None:
        return self.release_name

    def doubt(self) -> None:
        self.doubts += 1

    def take_attempts(self) -> list[Attempt]:
        return []

    async def fetch(self, endpoint: Endpoint, entries: Sequence[Entry], _: object) -> Answered:
        return self.answer("asked", endpoint, entries)

    def answer(self, how: str, endpoint: Endpoint, entries: Sequence[Entry]) -> Answered:
        names = [entry.source_id for entry in entries]
        self.asked.append((endpoint.kind, names[0], names[-1], how))
        return Answered({name: Found(raw=self._raw(name), answered_at=NOON) for name in names})

    def _raw(self, name: str) -> msgspec.Raw:
        identity = name
        if name.startswith("#"):
            position = int(name[1:])
            if position >= len(self.listed):
                return NOBODY
            identity = self.listed[position]
        molecule = {**RELEASE_37, "molecule_chembl_id": identity, **self.changes.get(identity, {})}
        return msgspec.Raw(json.dumps(molecule).encode())


@dataclass(slots=True)
class Cache:
    """The same behind a cache."""

    talk: Talk

    async def fetch(self, endpoint: Endpoint, entries: Sequence[Entry], _: object) -> Answered:
        return self.talk.answer("cached", endpoint, entries)


def unheard(_: Activity) -> None:
    """Tell nobody."""


def processor_of(talk: Talk, seen: SeenIds | None = None) -> ChemblProcessor:
    options = ImportOptions(run_id=7, filters=(), compute_all=False)
    return ChemblProcessor(
        cast("Conversation", talk), seen or SeenIds(), None, options, wall_clock=lambda: NOON
    )


def chunk_of(*names: str, start: int = 0) -> Chunk:
    entries = tuple(Entry(position=start + offset, source_id=name) for offset, name in enumerate(names))
    return Chunk(number=1, entries=entries, span=Span(start=start, stop=start + len(names)))


def outcomes(result: ChunkResult) -> list[tuple[int, str, str]]:
    return [(each.entry.position, each.entry.source_id, each.state) for each in result.entries]


async def test_ids_become_rows_of_their_release() -> None:
    """Through the cache, in one request."""
    talk = Talk()
    result = await processor_of(talk).process(chunk_of("CHEMBL7", "CHEMBL9"), unheard)
    rows = [
        dict(zip(CHEMBL_MOLECULES.columns, row.values, strict=True)) for e in result.entries for row in e.rows
    ]
    assert [(row["chembl_id"], row["chembl_release"], row["run_id"]) for row in rows] == [
        ("CHEMBL7", "ChEMBL_37", 7),
        ("CHEMBL9", "ChEMBL_37", 7),
    ]
    assert talk.asked == [(Kind.BY_ID, "CHEMBL7", "CHEMBL9", "cached")]


async def test_what_is_of_an_unknown_release_is_not_cached() -> None:
    """It could be of any."""
    talk = Talk(release_name=None)
    await processor_of(talk).process(chunk_of("CHEMBL7"), unheard)
    assert talk.asked == [(Kind.BY_ID, "CHEMBL7", "CHEMBL7", "asked")]


async def test_a_place_takes_the_id_that_stands_there() -> None:
    """And is asked for of ChEMBL, for no cache knows places."""
    talk = Talk(listed=["CHEMBL5", "CHEMBL3"])
    result = await processor_of(talk).process(chunk_of("#0", "#1"), unheard)
    assert outcomes(result) == [(0, "CHEMBL5", EntryState.IMPORTED), (1, "CHEMBL3", EntryState.IMPORTED)]
    assert talk.asked == [(Kind.BY_PLACE, "#0", "#1", "asked")]


async def test_a_molecule_in_two_places_is_one_and_a_place_behind_the_end_is_nobodys() -> None:
    """The place keeps its name, and the release is looked at again."""
    talk = Talk(listed=["CHEMBL5", "CHEMBL5", "CHEMBL8"])
    result = await processor_of(talk, SeenIds(["CHEMBL8"])).process(chunk_of("#0", "#1", "#2", "#3"), unheard)
    assert outcomes(result) == [
        (0, "CHEMBL5", EntryState.IMPORTED),
        (1, "#1", EntryState.NOT_FOUND),
        (2, "#2", EntryState.NOT_FOUND),
        (3, "#3", EntryState.NOT_FOUND),
    ]
    assert result.entries[1].reason == "CHEMBL5 stands in another place, too"
    assert [len(each.rows) for each in result.entries] == [1, 0, 0, 0]
    assert talk.doubts == 3


async def test_an_id_that_a_place_brought_before_is_asked_for_as_any_other() -> None:
    """A failure is tried again by its id; what was settled by its id is not missing from a list."""
    seen = SeenIds(["CHEMBL7"])
    result = await processor_of(Talk(), seen).process(chunk_of("CHEMBL7", "CHEMBL8"), unheard)
    assert [state for _, _, state in outcomes(result)] == [EntryState.IMPORTED, EntryState.IMPORTED]
    assert list(SeenIds(["CHEMBL7", "CHEMBL8", "CHEMBL9"]).without(seen)) == ["CHEMBL9"]


async def test_pages_end_at_their_borders_and_at_gaps() -> None:
    """Whatever a chunk holds."""
    talk = Talk(listed=[f"CHEMBL{number}" for number in range(1, 1100)])
    names = [*map(place, (998, 999, 1000, 1001, 1004)), "CHEMBL7", "CHEMBL8"]
    await processor_of(talk).process(chunk_of(*names), unheard)
    assert [(first, last) for _, first, last, _ in talk.asked] == [
        ("#998", "#999"),
        ("#1000", "#1001"),
        ("#1004", "#1004"),
        ("CHEMBL7", "CHEMBL8"),
    ]


async def test_what_cannot_be_read_fails_under_its_id() -> None:
    """The others of its page arrive."""
    talk = Talk(listed=["CHEMBL5", "CHEMBL3"], changes={"CHEMBL5": {"max_phase": "high"}})
    result = await processor_of(talk).process(chunk_of("#0", "#1"), unheard)
    assert outcomes(result) == [(0, "CHEMBL5", EntryState.FAILED), (1, "CHEMBL3", EntryState.IMPORTED)]
    [failure] = result.entries[0].failures
    assert (failure.source_id, failure.kind) == ("CHEMBL5", FailureKind.DECODE)
    assert "max_phase: 'high' is no number" in failure.message
