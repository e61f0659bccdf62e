"""The errors a user can meet, as a tree by what can be done about them.

Each class carries the exit code and the ``kind`` that the command line reports. The message says what is
wrong and where; ``hint`` says what to do. Neither ever holds a secret.
"""

from typing import ClassVar


class CryoasyncError(Exception):
    """An error inside cryoasync."""

    exit_code: int = 70
    kind: ClassVar[str] = "internal"

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        """Keep the message (the class's own docstring where none is given) and the hint apart."""
        self.message = message or (self.__doc__ or "").strip()
        self.hint = hint
        super().__init__(self.message)


class UsageError(CryoasyncError):
    """The command cannot be carried out as it was given."""

    exit_code = 2
    kind = "usage"


class InputError(UsageError):
    """An input holds nothing that can be imported."""

    kind = "input"


class SettingsError(UsageError):
    """A setting is unknown or has an impossible value."""

    kind = "settings"


class OriginMismatchError(UsageError):
    """Simulated and real compounds may not share a database."""

    kind = "origin"


class SourceError(CryoasyncError):
    """The source refuses, is out of reach, or does not speak the expected API."""

    exit_code = 3
    kind = "source"


class SourceUnavailableError(SourceError):
    """The source was out of reach for longer than the patience set."""

    kind = "source_unavailable"


class NotTheApiError(SourceError):
    """The base URL does not speak the expected API."""

    kind = "not_the_api"


class SourceChangedError(SourceError):
    """The source answers in another form than was agreed on."""

    kind = "source_changed"


class DatabaseError(CryoasyncError):
    """The database cannot be used."""

    exit_code = 4
    kind = "database"


class DatabaseUnavailableError(DatabaseError):
    """The database is out of reach."""

    kind = "database_unavailable"


class CommitUnknownError(DatabaseUnavailableError):
    """Nobody knows whether the last batch was written."""

    kind = "commit_unknown"


class DatabaseDiskFullError(DatabaseUnavailableError):
    """The disk of the database is full."""

    kind = "database_disk_full"


class DatabaseRefusedError(DatabaseError):
    """The database refuses the user, the password or the permission needed."""

    exit_code = 2
    kind = "database_refused"


class StoppedError(CryoasyncError):
    """Stopped by a signal before any work was begun."""

    kind = "stopped"

    def __init__(self, signal_number: int) -> None:
        """Exit as a shell reports a program that a signal ended."""
        super().__init__()
        self.exit_code = 128 + signal_number


class RunHeldError(CryoasyncError):
    """Another process holds this run."""

    exit_code = 75
    kind = "run_held"


class RunSilentError(RunHeldError):
    """The process that holds a run does not answer."""

    kind = "run_silent"


class RunFencedError(RunHeldError):
    """This run was taken over by another process."""

    kind = "run_fenced"
