"""How long answers take by their size, endpoint by endpoint: what is slow is not what is much."""

from collections import defaultdict

from cryoasync.control.chunks.time_model import TimeModel


class AnswerTimes:
    """The models of one source's endpoints."""

    def __init__(self) -> None:
        """Know nothing."""
        self._models: defaultdict[str, TimeModel] = defaultdict(TimeModel)

    def record(self, endpoint: str, ids: int, seconds: float) -> float:
        """Learn from an answer, and return how many times the expected its time was."""
        return self._models[endpoint].record(ids, seconds)

    def expected_seconds(self, endpoint: str, ids: int) -> float:
        """Return what an answer about ``ids`` takes in the mean; 0 before the first."""
        model = self._models[endpoint]
        return model.line.seconds(ids) if model.answers else 0.0
