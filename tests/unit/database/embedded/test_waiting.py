"""The lock between processes."""

from pathlib import Path

import pytest

from cryoasync.database.embedded.waiting import locked, try_lock, wait_until
from cryoasync.errors import DatabaseUnavailableError


async def test_a_held_lock_is_not_given_twice(tmp_path: Path) -> None:
    """A second holder waits for its patience and is told; afterwards the lock is free."""
    async with locked(tmp_path / "lock", timeout_seconds=0):
        assert try_lock(tmp_path / "lock") == []
        with pytest.raises(DatabaseUnavailableError, match="starting or stopping"):
            async with locked(tmp_path / "lock", timeout_seconds=0):
                pass
    async with locked(tmp_path / "lock", timeout_seconds=0):
        pass


async def test_a_lock_file_that_was_removed_locks_nobody_out(tmp_path: Path) -> None:
    """Whoever removes a server takes its lock file away; the next one has a lock of its own."""
    async with locked(tmp_path / "lock", timeout_seconds=0):
        (tmp_path / "lock").unlink()
        async with locked(tmp_path / "lock", timeout_seconds=0):
            assert (tmp_path / "lock").exists()


async def test_waiting_says_whether_it_came_true() -> None:
    """The last look counts, even after the time is over."""
    looks = iter([False, True])
    assert await wait_until(lambda: next(looks), timeout_seconds=0)
    assert not await wait_until(lambda: False, timeout_seconds=0)
