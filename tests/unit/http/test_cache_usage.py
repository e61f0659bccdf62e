"""How the response cache is used, gathered in memory."""

from cryoasync.http.cache_models import CacheScope
from cryoasync.http.cache_usage import CacheUsage, Usage

PROPERTIES = CacheScope(origin="https://source:443", endpoint="property:InChIKey")
SYNONYMS = CacheScope(origin="https://source:443", endpoint="synonyms")


def test_look_ups_add_up_by_scope() -> None:
    """Hits and misses of one endpoint are not those of another; a row counts as used once."""
    usage = CacheUsage()
    usage.add(PROPERTIES, hits=2, misses=1, used_ids=[7, 8], now=30.0)
    usage.add(SYNONYMS, hits=0, misses=3, used_ids=[], now=10.0)
    usage.add(PROPERTIES, hits=1, misses=0, used_ids=[7], now=20.0)
    assert usage.take() == Usage(
        lookups={PROPERTIES: (3, 1), SYNONYMS: (0, 3)}, used_ids={7, 8}, used_at=30.0
    )


def test_what_was_taken_is_not_taken_again() -> None:
    """Each look-up is written once."""
    usage = CacheUsage()
    usage.add(PROPERTIES, hits=1, misses=0, used_ids=[7], now=1.0)
    usage.take()
    assert usage.is_empty
    assert usage.take().lookups == {}
    assert usage.take().used_ids == set()


def test_usage_is_due_after_a_hundred_look_ups() -> None:
    """A killed process loses no more than that from the statistics."""
    usage = CacheUsage()
    for _ in range(99):
        usage.add(PROPERTIES, hits=1, misses=0, used_ids=[], now=1.0)
    assert not usage.is_due
    usage.add(PROPERTIES, hits=1, misses=0, used_ids=[], now=1.0)
    assert usage.is_due


def test_usage_is_due_when_many_rows_are_to_be_marked() -> None:
    """The set of used rows stays small."""
    usage = CacheUsage()
    usage.add(PROPERTIES, hits=5_000, misses=0, used_ids=range(5_000), now=1.0)
    assert usage.is_due
