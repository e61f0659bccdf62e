"""The report of an error that is ours, for the user to attach to an issue."""

import importlib.metadata
import platform
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

import cryoasync
from cryoasync.errors import CryoasyncError
from cryoasync.redaction import redact
from cryoasync.settings import Settings

_LIBRARIES = ("aiohttp", "asyncpg", "msgspec", "pydantic", "rdkit", "typer", "uvloop")


def internal_error(error: BaseException, settings: Settings | None) -> CryoasyncError:
    """Write a report on an unexpected error and return the error that tells the user of it.

    The report goes to the state directory, or where that cannot be written to the temporary one.
    """
    summary = f"cryoasync failed: {type(error).__name__}: {error}"
    text = _report(error, settings)
    now = datetime.now(UTC)
    for directory in _directories(settings):
        path = directory / f"crash-{now:%Y%m%dT%H%M%S.%f}.txt"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600, exist_ok=False)
            path.write_text(text, encoding="utf-8")
        except OSError:
            continue
        return CryoasyncError(summary, hint=f"Please report this, and attach {path}.")
    return CryoasyncError(summary, hint="Please report this. No report file could be written.")


def _directories(settings: Settings | None) -> list[Path]:
    temporary = Path(tempfile.gettempdir())
    return [settings.state_dir / "reports", temporary] if settings else [temporary]


def _report(error: BaseException, settings: Settings | None) -> str:
    """Say what happened where; secrets are left out."""
    versions = [f"{name} {_version(name)}" for name in _LIBRARIES]
    parts = [
        f"cryoasync {cryoasync.__version__}, Python {sys.version}, {platform.platform()}",
        ", ".join(versions),
        f"command: {sys.argv[1:]}",
        f"settings: {settings.model_dump_json(indent=2) if settings else 'not loaded'}",
        "".join(traceback.format_exception(error)),
    ]
    return redact("\n\n".join(parts))


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "missing"
