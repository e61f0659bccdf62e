"""Options of the command line, taken from the settings they set.

Name, help and default of an option stand once, in the description of its setting.
"""

import inspect
from collections.abc import Iterator, Mapping
from enum import EnumType
from pathlib import Path
from typing import Annotated, Any

import typer

from cryoasync.settings import keys

COMMON = ("dsn", "data_dir", "log.level", "log.format")
"""The settings that every command has options for."""

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="A TOML file with settings; by default cryoasync.toml here, else the user's own.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.", show_default=False)]

_OFF = "__off"


def parameters(settings: tuple[str, ...]) -> Iterator[inspect.Parameter]:
    """Yield the parameters of a command that takes options for ``settings``.

    An option that is not given is ``None``. Values are text, checked when the settings are loaded, so that
    flags, environment and file are checked by the same rules.
    """
    for key in settings:
        option = keys.option(key)
        name = _parameter_name(key)
        field = keys.FIELDS[key]
        if field.annotation is bool:
            names = "/".join(filter(None, (option.name, option.negation)))
            yield _parameter(name, bool, _option(key, names))
            continue
        annotation = field.annotation if isinstance(field.annotation, EnumType) else str
        yield _parameter(name, annotation, _option(key, option.name, metavar=option.metavar))
        if option.negation:
            off = typer.Option(option.negation, help=f"No {name.rpartition('__')[2]}.", show_default=False)
            yield _parameter(name + _OFF, bool, off)


def take_flags(settings: tuple[str, ...], given: dict[str, Any]) -> Mapping[str, Any]:
    """Move the values of ``settings`` out of ``given`` (a command's arguments); return them by dotted key."""
    flags = {}
    for key in settings:
        name = _parameter_name(key)
        flags[key] = given.pop(name)
        if given.pop(name + _OFF, None):
            flags[key] = "off"
    return flags


def _parameter_name(key: str) -> str:
    return key.replace(".", "__")


def _option(key: str, names: str, metavar: str | None = None) -> Any:
    description = (keys.FIELDS[key].description or "").replace("`", "")
    default = keys.default(key)
    if default != keys.NONE:
        description += f" Default: {default.replace('`', '')}."
    return typer.Option(names, metavar=metavar, help=description, show_default=False)


def _parameter(name: str, annotation: Any, option: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[annotation | None, option]
    )
