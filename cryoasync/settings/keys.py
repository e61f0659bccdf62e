"""Settings by their dotted keys, such as ``run.workers``."""

import difflib
from collections.abc import Iterator, Mapping
from enum import EnumType
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cryoasync.settings.model import Settings

ENVIRONMENT_PREFIX = "CRYOASYNC_"
_DELIMITER = "__"


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


def flag(key: str, value: object = None) -> str:
    """Return the option that sets ``key`` to ``value``, or the key itself where it has no option."""
    name, _, negation = str(_extra(FIELDS[key]).get("flag") or key).partition("/")
    return negation if negation and value in (False, "off") else name


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
    kind = {int: "a whole number", float: "a number", bool: "true or false"}.get(_plain_type(field), "text")
    return f"{kind} {_limits(field)}".strip()


def default(key: str) -> str:
    """Say what a setting is where nothing sets it."""
    field = FIELDS[key]
    if text := _extra(field).get("default"):
        return str(text)
    match field.default:
        case None | ():
            return "none"
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
    bounds = {
        name: getattr(item, name)
        for item in field.metadata
        for name in ("gt", "ge", "le")
        if hasattr(item, name)
    }
    parts = []
    if "gt" in bounds:
        parts.append(f"above {bounds['gt']:g}")
    if "ge" in bounds and "le" in bounds:
        return f"from {bounds['ge']:d} to {bounds['le']:d}"
    if "ge" in bounds:
        parts.append(f"not below {bounds['ge']:g}")
    if "le" in bounds:
        parts.append(f"up to {bounds['le']:g}")
    return ", ".join(parts)
