"""Foreign errors, and what of a DSN may be said."""

import asyncpg
import pytest

from cryoasync.database.error_translation import describe_dsn, translate, translated_errors
from cryoasync.errors import (
    DatabaseDiskFullError,
    DatabaseError,
    DatabaseRefusedError,
    DatabaseUnavailableError,
    UsageError,
)

UNAVAILABLE = [
    asyncpg.CannotConnectNowError("the database system is starting up"),
    asyncpg.AdminShutdownError("terminating connection"),
    asyncpg.CrashShutdownError("terminating connection"),
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    asyncpg.TooManyConnectionsError("too many clients"),
    asyncpg.DeadlockDetectedError("deadlock"),
    asyncpg.SerializationError("could not serialize"),
    asyncpg.LockNotAvailableError("lock timeout"),
    asyncpg.QueryCanceledError("statement timeout"),
    asyncpg.ReadOnlySQLTransactionError("read-only transaction"),
    asyncpg.InterfaceError("cannot perform operation: connection is closed"),
    ConnectionRefusedError(111, "refused"),
    ConnectionResetError("reset"),
    FileNotFoundError(2, "no socket"),
    TimeoutError(),
]
REFUSED = [
    asyncpg.InvalidPasswordError("password authentication failed"),
    asyncpg.InvalidAuthorizationSpecificationError("no pg_hba.conf entry"),
    asyncpg.InvalidCatalogNameError("no such database"),
    asyncpg.InsufficientPrivilegeError("permission denied"),
]
BROKEN = [
    asyncpg.UndefinedColumnError("no such column"),
    asyncpg.InterfaceError("cannot use a released connection"),
    asyncpg.DataCorruptedError("invalid page"),
]


@pytest.mark.parametrize("error", UNAVAILABLE, ids=repr)
def test_what_passes_by_waiting_is_an_outage(error: Exception) -> None:
    """It is waited out."""
    assert type(translate(error, "the database x")) is DatabaseUnavailableError


@pytest.mark.parametrize("error", REFUSED, ids=repr)
def test_what_the_user_must_change_is_a_refusal(error: Exception) -> None:
    """Waiting does not help; a hint does."""
    translated = translate(error, "the database x")
    assert type(translated) is DatabaseRefusedError
    assert translated.hint


@pytest.mark.parametrize("error", BROKEN, ids=repr)
def test_everything_else_is_an_error_of_the_database(error: Exception) -> None:
    """Neither an outage nor a refusal."""
    assert type(translate(error, "the database x")) is DatabaseError


def test_a_full_disk_is_an_outage_with_a_name_of_its_own() -> None:
    """It passes when somebody makes room."""
    translated = translate(asyncpg.DiskFullError("no space left on device"), "the database x")
    assert type(translated) is DatabaseDiskFullError


def test_errors_of_ours_pass_untouched() -> None:
    """What is raised inside on purpose is not translated."""
    with pytest.raises(UsageError), translated_errors("the database x"):
        raise UsageError("no")


def test_a_translated_error_names_the_database_and_keeps_the_cause() -> None:
    """The message begins as a sentence."""
    with (
        pytest.raises(
            DatabaseUnavailableError, match=r"^The database x is out of reach: no answer in time$"
        ) as raised,
        translated_errors("the database x"),
    ):
        raise TimeoutError
    assert isinstance(raised.value.__cause__, TimeoutError)


@pytest.mark.parametrize(
    ("dsn", "description"),
    [
        ("postgresql://ann:hunter2@db.example:6543/chem", "the database ann@db.example:6543/chem"),
        ("postgres://ann:hunter2@db.example", "the database ann@db.example:5432/ann"),
        ("postgresql:///chem?host=/run/pg&user=ann&password=hunter2", "the database ann@/run/pg:5432/chem"),
        (
            "postgresql://ann:hunter2@a:1,b:2/chem?target_session_attrs=primary",
            "the database ann@a:1,b:2/chem",
        ),
        ("postgresql://localhost/chem", "the database localhost:5432/chem"),
        ("postgresql:///?service=lab&password=hunter2", "the database of the service lab"),
        ("postgresql://ann:12#hunter2@db/chem", "the database of the DSN given"),
        ("postgresql://ann:a/hunter2@db/chem", "the database of the DSN given"),
        ("postgresql://ann:a?hunter2@db/chem", "the database of the DSN given"),
        ("postgresql://ann:hunter2@db:port/chem", "the database of the DSN given"),
        ("ann:hunter2@db/chem", "the database of the DSN given"),
        ("hunter2", "the database of the DSN given"),
        (None, "the database that the PG* environment variables name"),
    ],
)
def test_a_dsn_is_described_without_its_password(dsn: str | None, description: str) -> None:
    """Where it is not clear what is the password, nothing is repeated."""
    assert describe_dsn(dsn) == description
