"""As whom the server runs."""

import os
import pwd
import sys
from pathlib import Path

import pytest

from cryoasync.database.embedded import account
from cryoasync.database.embedded.account import Account, choose_account
from cryoasync.errors import UsageError


def pretend_uid(monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    """Let the module believe that another user runs it."""
    monkeypatch.setattr(os, "geteuid", lambda: uid)


def nowhere(*_: int) -> Account | None:
    """Find no account."""
    return None


def test_an_ordinary_user_is_taken_as_he_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user with a name runs the server himself."""
    daemon = pwd.getpwnam("daemon").pw_uid
    pretend_uid(monkeypatch, daemon)
    assert choose_account(Path("/never/run")) == Account(prefix=(), client="daemon", uid=daemon)


def test_root_never_runs_the_server_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's server starts by way of a program that makes it somebody else."""
    pretend_uid(monkeypatch, 0)
    monkeypatch.setattr(account, "_runs", lambda *_: True)
    chosen = choose_account(Path(sys.executable))
    assert chosen.prefix
    assert chosen.client not in ("root", "nobody")


def test_root_becomes_nobody_where_namespaces_are_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """As nobody the server owns its files, and knows its client as root."""
    pretend_uid(monkeypatch, 0)
    monkeypatch.setattr(account, "_runs", lambda *_: True)
    monkeypatch.setattr(account, "_in_namespace", nowhere)
    chosen = choose_account(Path(sys.executable))
    assert (chosen.client, chosen.uid) == ("root", pwd.getpwnam("nobody").pw_uid)


@pytest.mark.parametrize("uid", [0, 4_000_000_000])
def test_where_no_way_is_open_the_user_is_told(monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    """Root without rights, and a nameless user without namespaces, learn what else they can do."""
    pretend_uid(monkeypatch, uid)
    monkeypatch.setattr(account, "_in_namespace", nowhere)
    monkeypatch.setattr(account, "_as_nobody", nowhere)
    with pytest.raises(UsageError, match="does not run as") as caught:
        choose_account(Path(sys.executable))
    assert "--dsn" in (caught.value.hint or "")
