"""The release in force, looked up seldom and by one at a time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import msgspec
import pytest
from structlog.testing import capture_logs

from cryoasync.models import Activity, FailureKind
from cryoasync.sources.asking.fetch import Answer, Failed, Found
from cryoasync.sources.chembl.aside import Aside
from cryoasync.sources.chembl.endpoints import OBJECTS, STATUS, Endpoint
from cryoasync.sources.chembl.release import LOOK_AGAIN_SECONDS, ReleaseWatch

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
NO_ANSWER = Failed(kind=FailureKind.POISON, message="status 500", attempts=8)


def told(release: str) -> Found:
    return Found(raw=msgspec.Raw(b'{"chembl_db_version": "%b"}' % release.encode()), answered_at=NOON)


@dataclass(slots=True)
class Answers:
    answers: dict[str, Answer]


@dataclass(slots=True)
class Source:
    """Says one thing after the other, and always the last."""

    says: list[Answer]
    asked: int = 0
    now: float = 0.0
    seen: list[tuple[Endpoint, Sequence[str]]] = field(default_factory=list)

    async def fetch(self, endpoint: Endpoint, names: Sequence[str], _: object) -> Answers:
        self.seen.append((endpoint, names))
        await asyncio.sleep(0)
        answer = self.says[min(self.asked, len(self.says) - 1)]
        self.asked += 1
        return Answers({STATUS: answer})

    def watch(self) -> ReleaseWatch:
        return ReleaseWatch(cast("Aside", self), clock=lambda: self.now)


def unheard(_: Activity) -> None:
    """Tell nobody."""


async def test_eight_workers_ask_once() -> None:
    """The status takes half a minute."""
    source = Source([told("ChEMBL_37")])
    watch = source.watch()
    assert await asyncio.gather(*(watch.known(unheard) for _ in range(8))) == ["ChEMBL_37"] * 8
    assert source.seen == [(OBJECTS, [STATUS])]


async def test_it_is_looked_up_again_after_a_while_and_in_doubt() -> None:
    """A new release is told of."""
    source = Source([told("ChEMBL_37"), told("ChEMBL_37"), told("ChEMBL_38")])
    watch = source.watch()
    assert await watch.known(unheard) == "ChEMBL_37"
    source.now = LOOK_AGAIN_SECONDS - 1
    await watch.known(unheard)
    assert source.asked == 1
    source.now = LOOK_AGAIN_SECONDS
    await watch.known(unheard)
    assert source.asked == 2
    watch.doubt()
    with capture_logs() as logs:
        assert await watch.known(unheard) == "ChEMBL_38"
    assert [(line["before"], line["now"]) for line in logs] == [("ChEMBL_37", "ChEMBL_38")]


@pytest.mark.parametrize("said", [NO_ANSWER, Found(raw=msgspec.Raw(b"[]"), answered_at=NOON)])
async def test_a_release_that_is_not_told_is_unknown_and_keeps_nothing_up(said: Answer) -> None:
    """It is warned of, once a look; what was known before stays."""
    first, later = Source([said]), Source([told("ChEMBL_37"), said])
    with capture_logs() as logs:
        assert await first.watch().known(unheard) is None
        watch = later.watch()
        assert [await watch.look(), await watch.look()] == ["ChEMBL_37", "ChEMBL_37"]
    assert [line["event"] for line in logs] == ["ChEMBL does not tell its release"] * 2
