"""A cut quota, seen from the percentages that a source puts on its answers before it refuses anything.

What the source says is used, divided by what was used by our own count, stays the same while the quota does: it is
the share of the traffic that the source's instance sees. Where the quota is cut to 1/f, it rises by f.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Mapping

LEAST_USED_PERCENT = 20.0
"""Below such a use of our own, whole percentages are too coarse to be divided."""

CALM_SAMPLES = 60
CALM_SAMPLES_KEPT = 300
JUMP = 1.4
SETTLING_SECONDS = 150.0
"""How long a new figure is left alone: the source's minute and ours have to pass first."""

FOLLOWS_WITHIN = 1.3


class _Calm:
    """The last ratios that were nothing unusual, also in their order."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque()
        self._ordered: list[float] = []

    def add(self, ratio: float) -> None:
        if len(self._samples) == CALM_SAMPLES_KEPT:
            del self._ordered[bisect_left(self._ordered, self._samples.popleft())]
        self._samples.append(ratio)
        insort(self._ordered, ratio)

    @property
    def usual(self) -> float:
        """The median; 0 while there are too few."""
        known = len(self._ordered)
        if known < CALM_SAMPLES:
            return 0.0
        return (self._ordered[(known - 1) // 2] + self._ordered[known // 2]) / 2


class HeaderRatio:
    """By what factor the quota of each kind seems to have been cut.

    A figure that does not follow when fewer requests go out is not about them, and is not believed until it is
    back where it was.
    """

    def __init__(self) -> None:
        """Know nothing of what is calm."""
        self.cut = 1.0
        """The largest factor; 1 where nothing was cut."""
        self._calm: dict[str, _Calm] = {}
        self._cut: dict[str, tuple[float, float]] = {}
        self._distrusted: set[str] = set()

    def update(self, said: Mapping[str, int], own: Mapping[str, float], now: float) -> None:
        """Compare the percentages that the source says with our own, by kind."""
        for kind, own_percent in own.items():
            if kind in said and own_percent >= LEAST_USED_PERCENT:
                self._compare(kind, said[kind] / own_percent, now)
        self.cut = max((factor for factor, _ in self._cut.values()), default=1.0)

    def _compare(self, kind: str, ratio: float, now: float) -> None:
        calm = self._calm.setdefault(kind, _Calm())
        usual = calm.usual
        if usual <= 0:
            calm.add(ratio)
            return
        jump = ratio / usual
        if kind in self._cut:
            self._review(kind, jump, now)
        elif jump < JUMP:
            self._distrusted.discard(kind)
            calm.add(ratio)
        elif kind not in self._distrusted:
            self._cut[kind] = (jump, now + SETTLING_SECONDS)

    def _review(self, kind: str, jump: float, now: float) -> None:
        """See whether the source's figure has followed what was made of it."""
        factor, settled_at = self._cut[kind]
        if now < settled_at:
            return
        if jump > FOLLOWS_WITHIN * factor:
            self._distrusted.add(kind)
        if jump > FOLLOWS_WITHIN * factor or jump < JUMP:
            del self._cut[kind]
