"""How long an unreachable source is waited for, and when it was never the API."""

import pytest
from multidict import CIMultiDict

from cryoasync.errors import NotTheApiError, SourceUnavailableError
from cryoasync.http.reach import SIMULATOR_HEADER, STRANGE_ANSWERS_AT_MOST, Reach

BASE_URL = "https://source.example/rest/pug"
NO_HEADERS: CIMultiDict[str] = CIMultiDict()


class HandClock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time that was set."""
        return self.now


def reach(clock: HandClock, *, patience_seconds: float = 60.0, spoke_before: bool = False) -> Reach:
    """Begin in reach."""
    return Reach(BASE_URL, patience_seconds, spoke_before=spoke_before, clock=clock)


def fail(subject: Reach, times: int, *, spoke: bool = False) -> None:
    """Let some attempts fail."""
    for _ in range(times):
        subject.failed("a page instead of JSON: <html>", spoke=spoke)


def test_a_host_that_never_speaks_the_api_is_told_soon() -> None:
    """No patience is spent on an address that is not the source's; the error says what answered there."""
    subject = reach(HandClock())
    fail(subject, STRANGE_ANSWERS_AT_MOST - 1)
    with pytest.raises(NotTheApiError, match=r"https://source\.example/rest/pug .*a page instead") as caught:
        fail(subject, 1)
    assert caught.value.hint is not None
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("how", ["earlier start", "rows", "refusal", "fault"])
def test_a_host_that_once_spoke_the_api_is_waited_for(how: str) -> None:
    """However strange its answers become, a single word of the API is enough for the whole patience."""
    clock = HandClock()
    subject = reach(clock, spoke_before=how == "earlier start")
    match how:
        case "rows":
            subject.passed_through(NO_HEADERS)
        case "refusal":
            subject.spoke()
        case "fault":
            fail(subject, 1, spoke=True)
    fail(subject, 100 * STRANGE_ANSWERS_AT_MOST)
    clock.now = 60.0
    fail(subject, 1)
    clock.now = 60.1
    with pytest.raises(SourceUnavailableError, match="for 60 s") as caught:
        fail(subject, 1)
    assert "Progress is saved" in (caught.value.hint or "")


def test_patience_is_for_each_outage_anew() -> None:
    """Any answer that works ends an outage, also one without rows."""
    clock = HandClock()
    subject = reach(clock, spoke_before=True)
    for _ in range(10):
        fail(subject, 1)
        clock.now += 59.0
        fail(subject, 1)
        subject.spoke()
    clock.now += 1000.0
    fail(subject, 1)


def test_without_patience_the_second_failure_ends_it() -> None:
    """The first failure begins the outage; any time after it is too long."""
    clock = HandClock()
    subject = reach(clock, patience_seconds=0.0, spoke_before=True)
    fail(subject, 1)
    clock.now = 0.001
    with pytest.raises(SourceUnavailableError):
        fail(subject, 1)


def test_an_answer_with_rows_tells_a_simulator_from_the_source() -> None:
    """The header is looked for whatever its case, and nothing is known before the first answer."""
    subject = reach(HandClock())
    assert subject.is_simulator is None
    subject.passed_through(CIMultiDict({SIMULATOR_HEADER.lower(): "steady"}))
    assert subject.is_simulator is True
    subject.passed_through(NO_HEADERS)
    assert subject.is_simulator is False
