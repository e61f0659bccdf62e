"""A cut quota, seen from the percentages that a source puts on its answers before it refuses anything.

What the source says is used, divided by what was used by our own count, stays the same while the quota does: it is
the share of the traffic that the source's instance sees. Where the quota is cut to 1/f, it rises by f.
"""

import statistics
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


class HeaderRatio:
    """By what factor the quota of each kind seems to have been cut.

    A figure that does not follow when fewer requests go out is not about them, and is not believed until it is
    back where it was.
    """

    def __init__(self) -> None:
        """Know nothing of what is calm."""
        self._calm: dict[str, deque[float]] = {}
        self._cut: dict[str, tuple[float, float]] = {}
        self._distrusted: set[str] = set()

    @property
    def cut(self) -> float:
        """The largest factor; 1 where nothing was cut."""
        return max((factor for factor, _ in self._cut.values()), default=1.0)

    def update(self, said: Mapping[str, int], own: Mapping[str, float], now: float) -> None:
        """Compare the percentages that the source says with our own, by kind."""
        for kind, own_percent in own.items():
            if kind in said and own_percent >= LEAST_USED_PERCENT:
                self._compare(kind, said[kind] / own_percent, now)

    def _compare(self, kind: str, ratio: float, now: float) -> None:
        calm = self._calm.setdefault(kind, deque(maxlen=CALM_SAMPLES_KEPT))
        if len(calm) < CALM_SAMPLES:
            calm.append(ratio)
            return
        usual = statistics.median(calm)
        if usual <= 0:
            calm.append(ratio)
            return
        jump = ratio / usual
        if kind in self._cut:
            self._review(kind, jump, now)
        elif jump < JUMP:
            self._distrusted.discard(kind)
            calm.append(ratio)
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
