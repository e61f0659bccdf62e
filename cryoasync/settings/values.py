"""The types of settings that pydantic has no type for, and how they are read from text."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, SecretStr

LARGEST_CHUNK = 10_000


class RdkitMode(StrEnum):
    """Which descriptors RDKit computes."""

    MISSING = "missing"
    ALL = "all"
    OFF = "off"


class PoolerChoice(StrEnum):
    """What stands between us and PostgreSQL; ``auto`` finds out."""

    AUTO = "auto"
    NONE = "none"
    SESSION = "session"
    TRANSACTION = "transaction"


class ProgressMode(StrEnum):
    """How the progress of a run is shown on stderr."""

    AUTO = "auto"
    RICH = "rich"
    LOG = "log"
    NONE = "none"


class LogFormat(StrEnum):
    """How log lines are written; ``auto`` is text on a terminal and JSON elsewhere."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """The least severe log lines that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Weekday(StrEnum):
    """A day of the week, in order."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkSizeRange:
    """How many ids one request may carry, both ends included."""

    minimum: int
    maximum: int

    def __str__(self) -> str:
        """Return the range as it is typed."""
        return f"{self.minimum}-{self.maximum}"


def _chunk_size(value: object) -> object:
    if isinstance(value, ChunkSizeRange):
        return value
    low, dash, high = str(value).partition("-")
    try:
        minimum = int(low)
        maximum = int(high) if dash else minimum
    except ValueError:
        raise ValueError("no range") from None
    if not 1 <= minimum <= maximum <= LARGEST_CHUNK:
        raise ValueError("out of range")
    return ChunkSizeRange(minimum=minimum, maximum=maximum)


def _names(value: object) -> object:
    if isinstance(value, str):
        return tuple(name for part in value.split(",") if (name := part.strip()))
    return value


def _cache_choice(value: object) -> object:
    match value:
        case False:
            return "off"
        case True:
            return "default"
        case str() if value.lower() in {"off", "default"}:
            return value.lower()
        case _:
            return value


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("no http URL with a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("holds more than scheme, host, port and path")
    _ = parts.port  # raises ValueError for a port that is no number below 65,536
    return value.rstrip("/")


def _dsn(secret: SecretStr) -> SecretStr:
    parts = urlsplit(secret.get_secret_value())
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError("no PostgreSQL URL")
    return secret


_AS_TEXT = PlainSerializer(str, return_type=str)

AbsolutePath = Annotated[Path, AfterValidator(_absolute), _AS_TEXT]
"""A path with ``~`` expanded, taken from the current directory where it is relative."""

BaseUrl = Annotated[str, AfterValidator(_base_url)]
"""An http or https URL with a host, without credentials, query or a slash at the end."""

CacheChoice = Annotated[Literal["default", "off"] | AbsolutePath, BeforeValidator(_cache_choice)]
"""Where the response cache stands, or that there is none."""

ChunkSize = Annotated[ChunkSizeRange, BeforeValidator(_chunk_size), _AS_TEXT]
"""``MIN-MAX``, or ``N`` for a fixed size."""

Dsn = Annotated[SecretStr, AfterValidator(_dsn)]
"""A ``postgresql://`` URL, whose password no ``repr`` shows."""

Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
"""Names, as a list or separated by commas."""


Weekdays = Annotated[tuple[Weekday, ...], BeforeValidator(_names)]
"""Days of the week, as a list or separated by commas."""

Level = Annotated[LogLevel, BeforeValidator(_lower)]
"""A log level in any case."""
