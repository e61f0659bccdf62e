"""Asks the command line whether it would take some words, without carrying them out."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from cryoasync.cli.app import app
from cryoasync.settings import keys, load_settings

ROOT = Path(__file__).parents[3]
"""The folder of the project."""

_NO_FILE = Path("/dev/null")


def understand(words: Sequence[str]) -> None:
    """Follow ``words`` (without ``cryoasync``) to their command, and check its options and their values.

    Raises:
        typer.TyperException: there is no such command or option.
        SettingsError: an option's value is impossible.
    """
    command: Any = typer.main.get_command(app)
    context = command.make_context("cryoasync", list(words))
    while hasattr(command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
    given = {name.replace("__", "."): value for name, value in context.params.items()}
    load_settings({key: given[key] for key in keys.FIELDS if key in given}, _NO_FILE, {})


def all_commands() -> Iterator[str]:
    """Yield every command that does something: ``run pubchem``, ``status``."""
    yield from _leaves(typer.main.get_command(app), "")


def _leaves(command: Any, path: str) -> Iterator[str]:
    for name, below in getattr(command, "commands", {}).items():
        if not below.hidden:
            yield from _leaves(below, f"{path} {name}".strip())
    if not hasattr(command, "commands"):
        yield path
