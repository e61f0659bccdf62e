"""From a typer command's options to loaded settings, a running event loop and an exit code."""

import asyncio
import functools
import gc
import inspect
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from cryoasync.cli.crash import internal_error
from cryoasync.cli.options import COMMON, Config, parameters, take_flags
from cryoasync.cli.output import wants_color
from cryoasync.errors import CryoasyncError
from cryoasync.settings import LoadedSettings, LogFormat, LogSettings, Settings, load_settings

# An import has tens of thousands of rows in hand, none of them in a cycle. To go through them after every 700
# new objects, as Python does by itself, takes a fifth of its processor time.
_OBJECTS_BETWEEN_COLLECTIONS = 50_000

Command = Callable[..., int] | Callable[..., Coroutine[Any, Any, int]]


def with_settings(*settings: str) -> Callable[[Command], Callable[..., None]]:
    """Give a command options for ``settings`` besides the common ones, and the loaded settings.

    The decorated function takes the :class:`LoadedSettings` first, then its own arguments and options by
    keyword, and returns the exit code. A coroutine function runs on uvloop.

    Args:
        settings: Dotted keys, such as ``run.workers``, of settings that have an option.
    """
    keys = tuple(dict.fromkeys((*settings, *COMMON)))

    def decorate(command: Command) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**given: Any) -> None:
            loaded = load_settings(take_flags(keys, given), given.pop("config"), os.environ)
            _start_logging(loaded.settings.log)
            with reporting_errors(loaded.settings):
                code = _call(command, loaded, given)
            raise typer.Exit(code)

        _, *own = inspect.signature(command, eval_str=True).parameters.values()
        config = inspect.Parameter("config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Config)
        own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        signature = inspect.Signature([*own, *parameters(keys), config])
        # Typer reads both; wraps() has copied those of the command.
        run.__annotations__ = {name: item.annotation for name, item in signature.parameters.items()}
        run.__signature__ = signature  # type: ignore[attr-defined]  # a function takes any attribute
        return run

    return decorate


@contextmanager
def reporting_errors(settings: Settings | None = None) -> Iterator[None]:
    """Turn what a command raises into one error that can be told to the user.

    Raises:
        CryoasyncError: As raised, also out of a group of nothing else; for anything unexpected one with exit
            code 70, with a report written.
    """
    try:
        yield
    except (CryoasyncError, typer.Exit, typer.Abort, typer.TyperException):
        raise
    except ExceptionGroup as group:
        known, unknown = group.split(CryoasyncError)
        if known is None or unknown is not None:
            raise internal_error(group, settings) from group
        raise _first(known) from group
    except Exception as error:
        raise internal_error(error, settings) from error


def _first(group: BaseExceptionGroup[CryoasyncError]) -> CryoasyncError:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _call(command: Command, loaded: LoadedSettings, given: dict[str, Any]) -> int:
    result = command(loaded, **given)
    if isinstance(result, int):
        return result
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    import uvloop  # noqa: PLC0415 - only commands with an event loop should pay for the import

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(result)


def _start_logging(log: LogSettings) -> None:
    from cryoasync.logs import configure_logging  # noqa: PLC0415 - structlog's import takes 0.2 s: not for --help

    as_json = log.format is LogFormat.JSON or (log.format is LogFormat.AUTO and not sys.stderr.isatty())
    configure_logging(level=log.level, as_json=as_json, colors=wants_color(os.environ))
