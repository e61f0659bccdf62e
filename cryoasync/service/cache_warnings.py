"""Says in the log what the response cache had to deal with."""

import structlog

from cryoasync.http.cache_models import CacheProblem

_log = structlog.get_logger(__name__)


def warn_of_cache(problem: CacheProblem) -> None:
    """Log a problem of the cache, which goes on without what failed."""
    _log.warning(
        "cache",
        action=problem.action,
        path=str(problem.path),
        reason=problem.reason,
        moved_to=None if problem.moved_to is None else str(problem.moved_to),
        off=problem.is_off,
    )
