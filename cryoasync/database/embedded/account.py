"""As whom the server's programs run, for PostgreSQL refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryoasync.errors import UsageError

_NAMESPACE_ACCOUNTS = ("daemon", "bin", "sys")
_SERVICE_ACCOUNT = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How to start a program of the server, and whom the server sees on the other end of its socket.

    Attributes:
        prefix: The words before the program's own command line.
        client: The name under which the server knows the user who started it.
        uid: Who owns the server's files.
    """

    prefix: tuple[str, ...]
    client: str
    uid: int


def choose_account(probe: Path) -> Account:
    """Choose as whom the server runs; ``probe`` is one of its programs, run once to see that the way is open.

    An ordinary user is taken as he is. Root, and a user id without a name (as containers have), enter a user
    namespace in which the same user has an ordinary name: the files stay his. Where the kernel forbids that,
    root becomes ``nobody`` and keeps the one capability that opens root's own folders, so that the mode of no
    folder needs to change.

    Raises:
        UsageError: PostgreSQL cannot run as this user.
    """
    uid = os.geteuid()
    name = _name_of(uid)
    if uid != 0 and name:
        return Account(prefix=(), client=name, uid=uid)
    for account in (_in_namespace(uid), _as_nobody() if uid == 0 else None):
        if account and _runs(account, probe):
            return account
    raise UsageError(
        "PostgreSQL does not run as root, and becoming another user is not permitted here."
        if uid == 0
        else f"PostgreSQL does not run as user id {uid}, which has no name on this machine.",
        hint="Run cryoasync as an ordinary user with a name, or give a server of your own with --dsn.",
    )


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def _in_namespace(uid: int) -> Account | None:
    """Map ``uid`` to an ordinary name; never to nobody, whose number stands there for every other user."""
    unshare = shutil.which("unshare", path=os.defpath)
    inside = next((found for found in map(_entry, _NAMESPACE_ACCOUNTS) if found), None)
    if not unshare or not inside:
        return None
    prefix = (unshare, "--user", f"--map-user={inside.pw_uid}", "--")
    return Account(prefix=prefix, client=inside.pw_name, uid=uid)


def _as_nobody() -> Account | None:
    setpriv = shutil.which("setpriv", path=os.defpath)
    nobody = _entry(_SERVICE_ACCOUNT)
    if not setpriv or not nobody:
        return None
    prefix = (
        setpriv,
        f"--reuid={nobody.pw_uid}",
        f"--regid={nobody.pw_gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        "--",
    )
    return Account(prefix=prefix, client=_name_of(0), uid=nobody.pw_uid)


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _runs(account: Account, probe: Path) -> bool:
    command = (*account.prefix, str(probe), "--version")
    return subprocess.run(command, check=False, capture_output=True, env={}).returncode == 0
