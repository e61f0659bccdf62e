"""Settings by their dotted keys, such as ``run.workers``."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import EnumType
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cryoasync.redaction import redact
from cryoasync.settings.model import Settings

ENVIRONMENT_PREFIX = "CRYOASYNC_"
NONE = "none"
"""What stands for the default of a setting that has none."""

_DELIMITER = "__"
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", Path: "a path"}
_LIMITS = {"gt": "above", "ge": "at least", "le": "at most"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """How a setting is typed on the command line: ``--cache PATH``, ``--no-cache``."""

    name: str
    metavar: str | None
    negation: str | None


def fields(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every setting's key and field, section by section."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field


FIELDS: Mapping[str, FieldInfo] = dict(fields())
"""Every setting by its key."""


def environment_name(key: str) -> str:
    """Return the environment variable of a setting: ``run.workers`` → ``CRYOASYNC_RUN__WORKERS``."""
    return ENVIRONMENT_PREFIX + key.replace(".", _DELIMITER).upper()


def environment_key(name: str) -> str:
    """Return the key that an environment variable stands for, whether or not there is such a setting."""
    return name.removeprefix(ENVIRONMENT_PREFIX).lower().replace(_DELIMITER, ".")


def with_option() -> tuple[str, ...]:
    """Return the keys of the settings that the command line has an option for."""
    return tuple(key for key, field in FIELDS.items() if _extra(field).get("flag"))


def option(key: str) -> Option:
    """Return the option that sets ``key``, which must have one (see :func:`with_option`)."""
    positive, _, negation = str(_extra(FIELDS[key])["flag"]).partition("/")
    name, _, metavar = positive.partition(" ")
    return Option(name=name, metavar=metavar or None, negation=negation or None)


def flag(key: str, value: object) -> str:
    """Return what is typed to set ``key`` to ``value``: the option, or the key itself where there is none."""
    if key not in with_option():
        return key
    chosen = option(key)
    return chosen.negation if chosen.negation and value in (False, "off") else chosen.name


def values(settings: Settings) -> dict[str, Any]:
    """Return every setting's value by key, in JSON's types and with the DSN's password left out."""
    tree = settings.model_dump(mode="json")
    shown = {}
    for key in FIELDS:
        *sections, name = key.split(".")
        branch = tree
        for section in sections:
            branch = branch[section]
        shown[key] = branch[name]
    if settings.dsn is not None:
        shown["dsn"] = redact(settings.dsn.get_secret_value())
    return shown


def is_public(key: str) -> bool:
    """Whether the value of a setting may be shown."""
    return not _extra(FIELDS[key]).get("secret")


def nearest(unknown: str) -> str:
    """Return the known key that reads most like ``unknown``, with or without its section."""

    def likeness(key: str) -> float:
        names = (key, key.rpartition(".")[2])
        return max(difflib.SequenceMatcher(None, unknown, name).ratio() for name in names)

    return max(FIELDS, key=likeness)


def allowed(key: str) -> str:
    """Say which values a setting takes."""
    field = FIELDS[key]
    if text := _extra(field).get("allowed"):
        return str(text)
    if isinstance(field.annotation, EnumType):
        return ", ".join(str(member) for member in field.annotation)
    kind = _KINDS.get(_plain_type(field), "text")
    return ", ".join(filter(None, (kind, _limits(field))))


def default(key: str) -> str:
    """Say what a setting is where nothing sets it."""
    field = FIELDS[key]
    if text := _extra(field).get("default"):
        return str(text)
    match field.default:
        case None | ():
            return NONE
        case bool():
            return str(field.default).lower()
        case float():
            return f"{field.default:g}"
        case _:
            return str(field.default)


def _extra(field: FieldInfo) -> Mapping[str, Any]:
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _plain_type(field: FieldInfo) -> Any:
    """Return the type of a field without the ``None`` of an optional one."""
    alternatives = getattr(field.annotation, "__args__", (field.annotation,))
    return alternatives[0]


def _limits(field: FieldInfo) -> str:
    return " and ".join(
        f"{phrase} {getattr(limit, name):g}"
        for limit in field.metadata
        for name, phrase in _LIMITS.items()
        if hasattr(limit, name)
    )
