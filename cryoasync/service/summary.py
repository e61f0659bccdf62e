"""What a start of a run came to."""

import resource
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cryoasync.control.traffic import Traffic
from cryoasync.models import FailureKind, RunCounts, RunStatus, WriteStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The totals of a run, and the times and rates of this start of it.

    Attributes:
        status: how the run stands now.
        counts: of the whole run; ``requested`` is their sum.
        already_done: imported before this start, or young enough when the run was made.
        duplicates: entries of the input that repeat others.
        troubles: what those of the source were like, by kind.
        failures: met by this start, by kind; those of a part, as of RDKit's, leave a compound imported.
        work_seconds: from the first request of this start to its last commit, or its end.
    """

    run_id: int
    name: str | None
    source: str
    status: RunStatus
    counts: RunCounts
    already_done: int
    duplicates: int
    traffic: Traffic
    troubles: Mapping[str, Mapping[str, Any]]
    rdkit_filled: int
    failures: Mapping[FailureKind, int]
    database: WriteStatistics
    elapsed_seconds: float
    work_seconds: float

    @property
    def success_rate(self) -> float | None:
        """Imported among those that exist, or ``None`` where there are none."""
        possible = self.counts.requested - self.counts.not_found - self.counts.invalid
        return self.counts.imported / possible if possible else None

    @property
    def compounds_per_minute(self) -> float:
        """Compounds imported by this start, a minute of it."""
        if self.elapsed_seconds <= 0:
            return 0.0
        return 60 * max(0, self.counts.imported - self.already_done) / self.elapsed_seconds

    def to_json(self) -> dict[str, Any]:
        """Return the summary that ``run --json`` prints."""
        return {
            "run_id": self.run_id,
            "name": self.name,
            "source": self.source,
            "status": self.status,
            "requested": self.counts.requested,
            **{
                state: getattr(self.counts, state)
                for state in ("imported", "not_found", "invalid", "failed", "pending")
            },
            "duplicates": self.duplicates,
            "already_done": self.already_done,
            "success_rate": self.success_rate,
            "requests": self.traffic.requests,
            "retries": self.traffic.retries,
            "throttled": self.traffic.throttled,
            "request_rate": self.traffic.requests / self.work_seconds if self.work_seconds > 0 else 0.0,
            "elapsed_seconds": self.elapsed_seconds,
            "work_seconds": self.work_seconds,
            "compounds_per_minute": self.compounds_per_minute,
            "rdkit_filled": self.rdkit_filled,
            "errors": dict(self.traffic.errors),
            "recovered": dict(self.traffic.recovered),
            "troubles": dict(self.troubles),
            "failures": dict(self.failures),
            "database": asdict(self.database),
            "peak_rss_mb": peak_memory_megabytes(),
        }


def peak_memory_megabytes() -> float:
    """Return the largest resident memory of this process so far, in MB; Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
