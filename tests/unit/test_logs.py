"""Log lines carry what they should, and no secrets."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog

from cryoasync.logs import configure_logging


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    """Leave the logging of the test run as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("cryoasync").setLevel(logging.NOTSET)
    structlog.reset_defaults()


def logged(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Return the one JSON line on stderr."""
    captured = capsys.readouterr()
    assert captured.out == ""
    line: dict[str, object] = json.loads(captured.err)
    return line


def test_a_json_line_has_time_level_and_context(capsys: pytest.CaptureFixture[str]) -> None:
    """Run, chunk and endpoint come from the context, the time is in UTC."""
    configure_logging(level="info", as_json=True, colors=False)
    with structlog.contextvars.bound_contextvars(run=3, chunk=7, endpoint="property"):
        structlog.get_logger("cryoasync.pipeline").info("chunk fetched", rows=200)
    line = logged(capsys)
    assert datetime.fromisoformat(str(line.pop("timestamp"))).tzinfo == UTC
    assert line == {
        "event": "chunk fetched",
        "level": "info",
        "logger": "cryoasync.pipeline",
        "run": 3,
        "chunk": 7,
        "endpoint": "property",
        "rows": 200,
    }


def test_lines_of_libraries_have_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    """A warning of asyncio is a JSON line too, with the context; its chatter is left out."""
    configure_logging(level="debug", as_json=True, colors=False)
    with structlog.contextvars.bound_contextvars(run=3):
        logging.getLogger("asyncio").info("chatter")
        logging.getLogger("asyncio").warning("slow %s", "callback")
    line = logged(capsys)
    assert (line["event"], line["logger"], line["level"], line["run"]) == (
        "slow callback",
        "asyncio",
        "warning",
        3,
    )


def test_lines_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """``warning`` silences what is less severe."""
    configure_logging(level="warning", as_json=True, colors=False)
    log = structlog.get_logger("cryoasync.pipeline")
    log.info("left out")
    log.warning("written")
    assert logged(capsys)["event"] == "written"


def test_no_secret_is_logged_wherever_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    """Keys, nested values, texts, exceptions and tracebacks are all looked through."""
    configure_logging(level="info", as_json=True, colors=False)
    url = "postgresql://ada:hidden@db/lab"
    try:
        float(url)
    except ValueError as error:
        structlog.get_logger("cryoasync.database").exception(
            f"lost {url}", dsn=url, password="hidden", nested={"token": ["hidden"], "to": [url]}, cause=error
        )
    line = logged(capsys)
    assert "hidden" not in str(line)
    assert line["dsn"] == "postgresql://ada:***@db/lab"
    assert "Traceback" in str(line["exception"])


def test_text_has_colours_only_where_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences do not end up in files."""
    for colors in (False, True):
        configure_logging(level="info", as_json=False, colors=colors)
        structlog.get_logger("cryoasync.pipeline").info("chunk fetched", rows=200)
        text = capsys.readouterr().err
        assert "chunk fetched" in text
        assert ("\x1b[" in text) is colors


def test_a_live_display_that_takes_stderr_over_gets_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines go to whatever stderr is when they are written."""
    configure_logging(level="info", as_json=False, colors=False)
    display = io.StringIO()
    monkeypatch.setattr("sys.stderr", display)
    structlog.get_logger("cryoasync.pipeline").info("chunk fetched")
    assert "chunk fetched" in display.getvalue()
