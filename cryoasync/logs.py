"""Structured log lines on stderr, as text or JSON, without secrets.

Modules log with ``structlog.get_logger()``; ``structlog.contextvars.bound_contextvars(run=…, chunk=…,
endpoint=…)`` puts the run, the chunk and the endpoint into every line of a task.
"""

import logging
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from cryoasync.redaction import MASK, redact

_SECRET_KEYS = frozenset({"password", "passwd", "token", "secret", "api_key", "authorization"})


def configure_logging(*, level: str, as_json: bool, colors: bool) -> None:
    """Send every log line of this process to stderr.

    cryoasync's own lines are written from ``level`` on, those of libraries from WARNING on, asyncpg's from ERROR on.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        as_json: One JSON object a line instead of text.
        colors: Whether text is coloured.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = _StandardErrorHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.StackInfoRenderer(),
                # Before the secrets are taken out, because a traceback may show one.
                structlog.processors.format_exc_info,
                redact_event,
                _renderer(as_json=as_json, colors=colors),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # asyncpg's pool shows a traceback for each connection that it cannot make. That the database is out of
    # reach is said by whoever needs it.
    logging.getLogger("asyncpg").setLevel(logging.ERROR)
    logging.getLogger("cryoasync").setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take passwords and tokens out of a log line: by the name of their key, and inside any text."""
    return {key: _redacted(key, value) for key, value in event.items()}


def _redacted(key: str, value: Any) -> Any:
    if key.lower() in _SECRET_KEYS:
        return MASK
    match value:
        case str():
            return redact(value)
        case Mapping():
            return {inner: _redacted(str(inner), item) for inner, item in value.items()}
        case list() | tuple():
            return [_redacted(key, item) for item in value]
        case BaseException():
            return redact(repr(value))
        case _:
            return value


def _renderer(*, as_json: bool, colors: bool) -> Processor:
    if as_json:
        return structlog.processors.JSONRenderer(default=str)
    # Rich's tracebacks would print local variables, and with them passwords.
    return structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )


class _StandardErrorHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever ``sys.stderr`` is at the moment, since a live display replaces it for a while."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        """Ignore what the base class wants to keep."""
