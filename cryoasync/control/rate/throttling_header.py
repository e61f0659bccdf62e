"""``X-Throttling-Control``: how much of its quotas a client has used, as one of PubChem's instances counts it.

A refused client reads ``Green (0%)`` there; the truth stands in a free text behind the percentages
(https://pubchem.ncbi.nlm.nih.gov/docs/dynamic-request-throttling).
"""

import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

THROTTLING_HEADER = "X-Throttling-Control"
WORST_OF_SECONDS = 60.0
LONGEST_READ = 1000
"""Characters that are looked at: a header that is longer says nothing more."""

_ITEM = re.compile(r"([A-Za-z][\w ]{0,60}?) (?i:status):\s*\w{1,20}\s*\((\d+)\s*%\)")
_BLOCKED = re.compile(r"blacklisted|blocking time", re.IGNORECASE)
_BLOCKING_TIME = re.compile(
    r"blocking time:?\s*(?:(\d{1,3}):(\d\d):(\d\d)|(\d{1,9}(?:\.\d{1,9})?)\s*([hms]?))", re.IGNORECASE
)
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "": 1.0}
_DIGITS_READ = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottlingStatus:
    """What one header said.

    Attributes:
        percents: by what is counted, in lower case (``request count``); above 100 where a quota was exceeded.
        text: what stands behind the items.
        blocking_seconds: how long the address stays blocked, where the text says so.
    """

    percents: Mapping[str, int]
    text: str = ""
    blocking_seconds: float | None = None

    @property
    def is_blocked(self) -> bool:
        """Whether the address is refused, whatever the percentages say."""
        return bool(_BLOCKED.search(self.text))


class Part(NamedTuple):
    """What stands between two commas of the header: percentages by name, and the text beside them."""

    percents: Mapping[str, int]
    text: str


def read_part(part: str) -> Part:
    """Read a part of the header."""
    pieces = _ITEM.split(part)
    percents = {
        " ".join(name.lower().split()): int(percent[:_DIGITS_READ])
        for name, percent in zip(pieces[1::3], pieces[2::3], strict=True)
    }
    return Part(percents, "".join(pieces[::3]))


def read_throttling(value: str, read_part: Callable[[str], Part] = read_part) -> ThrottlingStatus | None:
    """Read the header, of any number of items; ``None`` where there is none, or nothing to read in it.

    ``read_part`` may remember what it has read: whole percentages repeat, item by item.
    """
    percents: dict[str, int] = {}
    texts = []
    for part in value[:LONGEST_READ].split(","):
        read = read_part(part)
        percents |= read.percents
        texts.append(read.text)
    text = ",".join(texts).strip(" ,;")
    if not percents and not _BLOCKED.search(text):
        return None
    return ThrottlingStatus(percents=percents, text=text, blocking_seconds=_blocking_seconds(text))


def _blocking_seconds(text: str) -> float | None:
    found = _BLOCKING_TIME.search(text)
    if found is None:
        return None
    hours, minutes, seconds, amount, unit = found.groups()
    if amount is not None:
        return float(amount) * _SECONDS[unit.lower()] or None
    return (int(hours) * 60 + int(minutes)) * 60.0 + int(seconds) or None


class WorstOfAMinute:
    """The highest percentages of the last minute: every instance of the source knows a part of the traffic only."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._falling: dict[str, deque[tuple[float, int]]] = {}

    def add(self, percents: Mapping[str, int], now: float) -> None:
        """Take one answer's percentages in; a lower one is remembered only for when the higher before it are past."""
        for name, percent in percents.items():
            falling = self._falling.setdefault(name, deque())
            while falling and falling[-1][1] <= percent:
                falling.pop()
            falling.append((now, percent))

    def percents(self, now: float) -> dict[str, int]:
        """Return the worst of each; empty where no header came for a minute."""
        for falling in self._falling.values():
            while falling and falling[0][0] <= now - WORST_OF_SECONDS:
                falling.popleft()
        self._falling = {name: falling for name, falling in self._falling.items() if falling}
        return {name: falling[0][1] for name, falling in self._falling.items()}
