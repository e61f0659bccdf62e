"""Settings from flags, environment and file, each value with where it came from.

Flags win over the environment, the environment over the TOML file, the file over the defaults. The layers are
merged here, key by key: that keeps the origin of each value, which pydantic-settings loses and which
``config show`` and every error message name.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cryoasync.errors import SettingsError
from cryoasync.redaction import redact
from cryoasync.settings import keys
from cryoasync.settings.model import APPLICATION, Settings

FILE_NAME = "cryoasync.toml"
DEFAULT_ORIGIN = "default"

_DATABASE_URL = "DATABASE_URL"
# The first group says which database is meant, so it outranks a DSN in a file; the second fills gaps of one.
_LIBPQ_TARGET = ("PGSERVICE", "PGHOST", "PGHOSTADDR", "PGDATABASE")
_LIBPQ_DETAIL = ("PGPORT", "PGUSER")

_OF_THE_SIMULATOR = ("run.scenario", "run.seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings:
    """Settings, and where each came from.

    ``origins`` has every setting's dotted key; its values read ``default``, ``flag --workers``,
    ``environment CRYOASYNC_RUN__WORKERS`` or ``file /path/cryoasync.toml``.
    """

    settings: Settings
    origins: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """A value as it was given, before it is checked."""

    value: Any
    origin: str


def load_settings(
    flags: Mapping[str, Any], config_file: Path | None, environ: Mapping[str, str]
) -> LoadedSettings:
    """Merge flags, environment, file and defaults.

    Args:
        flags: Values by dotted key (``{"run.workers": 8}``); ``None`` is not given.
        config_file: The TOML file; where ``None``, ``cryoasync.toml`` in the current directory, else
            ``config.toml`` in the user's configuration directory, else no file.
        environ: The environment variables.

    Raises:
        SettingsError: A key is unknown, a value impossible, the file unreadable, or a flag has no effect.
    """
    given = {**_from_file(config_file), **_from_environment(environ), **_from_flags(flags)}
    try:
        settings = Settings.model_validate(_nested({key: item.value for key, item in given.items()}))
    except ValidationError as error:
        sentences = [_sentence(detail, given) for detail in error.errors(include_url=False)]
        # Not "from error": pydantic's message shows the values, passwords included.
        raise SettingsError(" ".join(dict.fromkeys(sentences))) from None
    if not settings.run.simulate:
        _refuse_simulators_flags(flags)
    origins = {key: given[key].origin if key in given else DEFAULT_ORIGIN for key in keys.FIELDS}
    return LoadedSettings(settings=settings, origins=origins)


def _from_flags(flags: Mapping[str, Any]) -> dict[str, _Given]:
    given = {key: value for key, value in flags.items() if value is not None}
    for key in given:
        if key not in keys.FIELDS:
            raise _unknown(key, "the flags", keys.nearest(key))
    return {key: _Given(value=value, origin=f"flag {keys.flag(key, value)}") for key, value in given.items()}


def _refuse_simulators_flags(flags: Mapping[str, Any]) -> None:
    """Refuse what is said of a simulator where none is asked: the real source would be, behind the user's back."""
    for key in _OF_THE_SIMULATOR:
        if (value := flags.get(key)) is not None:
            raise SettingsError(
                f"{keys.flag(key, value)} is for simulated runs only.", hint="Give --simulate as well."
            )


def _from_environment(environ: Mapping[str, str]) -> dict[str, _Given]:
    given = _from_foreign_variables(environ)
    for name, value in environ.items():
        if not name.startswith(keys.ENVIRONMENT_PREFIX):
            continue
        key = keys.environment_key(name)
        if key not in keys.FIELDS:
            raise _unknown(name, "the environment", keys.environment_name(keys.nearest(key)))
        # Compose files and CI set a variable to nothing where they mean that it is not set.
        if value:
            given[key] = _Given(value=value, origin=f"environment {name}")
    return given


def _from_foreign_variables(environ: Mapping[str, str]) -> dict[str, _Given]:
    """Take the variables that are not ours: libpq's, and ``DATABASE_URL``, which outranks them."""
    given = {}
    target = [name for name in _LIBPQ_TARGET if environ.get(name)]
    if names := target + [name for name in _LIBPQ_DETAIL if environ.get(name)]:
        given["libpq_environment"] = _Given(value=True, origin=f"environment {', '.join(names)}")
    if target:
        given["dsn"] = _Given(value=None, origin=f"environment {', '.join(target)}")
    if url := environ.get(_DATABASE_URL):
        given["dsn"] = _Given(value=url, origin=f"environment {_DATABASE_URL}")
    return given


def _from_file(config_file: Path | None) -> dict[str, _Given]:
    path = config_file or _default_file()
    if path is None:
        return {}
    given = {}
    for key, value in _flat(_read_toml(path)):
        if key not in keys.FIELDS:
            raise _unknown(key, str(path), keys.nearest(key))
        given[key] = _Given(value=value, origin=f"file {path}")
    return given


def _default_file() -> Path | None:
    candidates = (Path.cwd() / FILE_NAME, platformdirs.user_config_path(APPLICATION) / "config.toml")
    return next((path for path in candidates if path.is_file()), None)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"The settings file {path} is not UTF-8 text.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The settings file {path} is not valid TOML: {error}.") from error


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[name] = value
    return tree


def _unknown(name: str, where: str, suggestion: str) -> SettingsError:
    return SettingsError(f"{name} in {where} is no setting.", hint=f"Did you mean {suggestion}?")


def _sentence(detail: ErrorDetails, given: Mapping[str, _Given]) -> str:
    """Say which setting has which impossible value, where that came from, and what it takes."""
    context = detail.get("ctx", {})
    key = context.get("setting") or next(
        key for key in keys.FIELDS if tuple(key.split(".")) == detail["loc"][: key.count(".") + 1]
    )
    item = given.get(key, _Given(value=keys.default(key), origin=DEFAULT_ORIGIN))
    value = f" {redact(str(item.value))!r}" if keys.is_public(key) else " the value given"
    return f"{key} cannot be{value} ({item.origin}): it takes {context.get('allowed') or keys.allowed(key)}."
