"""The files of an embedded server, and what is said when they cannot be made."""

import errno
import os
import stat
from pathlib import Path

import pytest

from cryoasync.database.embedded.folder import ServerFolder, translated
from cryoasync.errors import CryoasyncError, DatabaseError, UsageError


def test_the_folder_is_private_whatever_it_was(tmp_path: Path) -> None:
    """Making sure of the folder closes it to everybody else."""
    folder = ServerFolder.of(tmp_path)
    folder.root.mkdir(mode=0o755)
    folder.create()
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700


def test_a_folder_of_somebody_else_is_left_to_him(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's folder is neither entered nor closed, and the message says whose it is."""
    folder = ServerFolder.of(tmp_path)
    assert not folder.exists()
    folder.root.mkdir(mode=0o755)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    for attempt in (folder.exists, folder.create):
        with pytest.raises(UsageError, match=f"another user .uid {owner}.") as caught:
            attempt()
        assert "--data-dir" in (caught.value.hint or "")
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o755


def test_a_short_path_keeps_its_socket_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket folder is empty, private, and in the server's folder where that is possible."""
    monkeypatch.chdir(tmp_path)
    folder = ServerFolder.of(tmp_path)
    folder.create()
    inside = folder.create_socket_dir()
    (inside / ".s.PGSQL.5432.lock").touch()
    assert folder.create_socket_dir() == inside
    assert list(inside.iterdir()) == []
    assert stat.S_IMODE(inside.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["long" * 30, "a,b"])
def test_another_path_links_to_a_short_one(tmp_path: Path, name: str) -> None:
    """Where no client could reach the socket it is elsewhere, at the same place in each start, gone with the link."""
    folder = ServerFolder.of(tmp_path / name)
    folder.create()
    short = folder.create_socket_dir()
    (short / ".s.PGSQL.5432.lock").touch()
    assert folder.create_socket_dir() == short
    assert list(short.iterdir()) == []
    assert not short.is_relative_to(tmp_path)
    assert stat.S_IMODE(short.stat().st_mode) == 0o700
    folder.discard_socket_dir()
    assert not short.exists()
    assert not folder.run.is_symlink()


def test_a_link_into_a_folder_of_others_is_not_followed_to_remove_it(tmp_path: Path) -> None:
    """A temporary folder that was cleared and made anew by somebody is not ours to remove."""
    folder = ServerFolder.of(tmp_path / "data")
    folder.create()
    others = tmp_path / "others"
    others.mkdir(mode=0o755)
    folder.run.symlink_to(others)
    folder.discard_socket_dir()
    assert others.exists()
    assert not folder.run.is_symlink()


def test_a_short_place_that_others_have_taken_is_left_to_them(tmp_path: Path) -> None:
    """Then the socket gets another one."""
    folder = ServerFolder.of(tmp_path / ("long" * 30))
    folder.create()
    taken = folder.create_socket_dir()
    taken.chmod(0o755)
    try:
        other = folder.create_socket_dir()
        assert other != taken
        folder.discard_socket_dir()
        assert taken.exists()
    finally:
        taken.rmdir()


def test_leftovers_go_and_the_cluster_stays(tmp_path: Path) -> None:
    """What an interrupted start or removal left is cleared away, and nothing else."""
    folder = ServerFolder.of(tmp_path)
    folder.create()
    folder.cluster.mkdir()
    for leftover in (folder.root / "new-a", tmp_path / f"{folder.root.name}.removed-b"):
        (leftover / "deep").mkdir(parents=True)
    folder.discard_leftovers()
    assert list(tmp_path.iterdir()) == [folder.root]
    assert list(folder.root.iterdir()) == [folder.cluster]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DatabaseError),
        (errno.EDQUOT, DatabaseError),
        (errno.EACCES, UsageError),
        (errno.EROFS, UsageError),
    ],
)
def test_what_the_file_system_refuses_is_told_with_a_way_out(number: int, kind: type[CryoasyncError]) -> None:
    """A full disk is the database's trouble, a folder that cannot be written is the user's choice."""
    with pytest.raises(CryoasyncError, match="/some/where") as caught, translated(Path("/some/where")):
        raise OSError(number, "refused")
    assert type(caught.value) is kind
    assert caught.value.hint
