"""Why a chunk has its size, for people: what each size promises, and what keeps it from being more."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cryoasync.control.chunks.chunk_choice import ChunkChoice, ChunkCost, EndpointCost, Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePromise:
    """The compounds a second that chunks of a size are expected to bring, and two thirds of the time between."""

    size: int
    per_second: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkExplanation:
    """One choice of a size, explained.

    Attributes:
        size: what was chosen.
        best: the size that seems best; the choice differs from it to learn.
        limit: what keeps a chunk of the best size from bringing more; ``None`` before enough answers.
        considered: all sizes there were to choose from; empty before an answer.
    """

    size: int
    best: int
    limit: Limit | None
    considered: tuple[SizePromise, ...]

    @property
    def explored(self) -> bool:
        """Whether the size was chosen to learn."""
        return self.size != self.best

    def to_json(self) -> dict[str, Any]:
        """Return what the live state of a run shows."""
        return {**asdict(self), "explored": self.explored}


def explained(
    choice: ChunkChoice,
    all_sizes: Sequence[int],
    *,
    worse: Sequence[EndpointCost],
    better: Sequence[EndpointCost],
) -> ChunkExplanation:
    """Explain ``choice``, with costs that are a standard deviation worse and better than expected.

    The interval has both times and hazards off in the same direction, which makes it wide rather than narrow.
    """
    if not choice.expected:
        return ChunkExplanation(size=choice.size, best=choice.size, limit=None, considered=())
    expected, low, high = (ChunkCost(costs, choice.budget) for costs in (choice.expected, worse, better))
    return ChunkExplanation(
        size=choice.size,
        best=choice.best,
        limit=expected.limit(choice.best, choice.sizes, all_sizes[-1]) if choice.drawn else None,
        considered=tuple(
            SizePromise(size=size, per_second=per_second, low=low, high=high)
            for size, per_second, low, high in zip(
                choice.sizes,
                *(costs.compounds_per_second(choice.sizes) for costs in (expected, low, high)),
                strict=True,
            )
        ),
    )
