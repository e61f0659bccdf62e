"""The values of the response cache."""

from cryoasync.http.cache_models import CachePart, CacheScope, CacheStatistics, PruneReport


def statistics(*parts: CachePart) -> CacheStatistics:
    """Give each part a scope of its own."""
    scopes = {CacheScope(origin="o", endpoint=str(number)): part for number, part in enumerate(parts)}
    return CacheStatistics(scopes=scopes, file_bytes=0, read_failures=0, write_failures=0)


def test_the_whole_is_the_sum_of_its_scopes() -> None:
    """Counts add up; the oldest and the newest are those of any scope that has entries."""
    total = statistics(
        CachePart(entries=2, bytes=20, hits=1, misses=1, oldest=5.0, newest=9.0),
        CachePart(entries=1, bytes=5, hits=2, misses=0, oldest=3.0, newest=3.0),
        CachePart(misses=4),
    ).total
    assert total == CachePart(entries=3, bytes=25, hits=3, misses=5, oldest=3.0, newest=9.0)
    assert total.hit_ratio == 3 / 8


def test_an_empty_cache_has_no_hit_ratio_and_no_ages() -> None:
    """Nothing by nothing is no number."""
    total = statistics().total
    assert total == CachePart()
    assert total.hit_ratio is None


def test_deletions_add_up() -> None:
    """A long deletion is the sum of its steps."""
    assert PruneReport(entries=1, bytes=2) + PruneReport(entries=3, bytes=4) == PruneReport(
        entries=4, bytes=6
    )
