import asyncio
import random
from collections.abc import Coroutine
from typing import Any

from structlog.testing import capture_logs

from cryoasync.control.circuit.circuit_breaker import HOST, Pass, SharedCircuitBreaker
from cryoasync.control.circuit.circuit_policy import CircuitPolicy, CircuitState
from cryoasync.testing import VirtualTimeLoop

POLICY = CircuitPolicy(jitter=0.0)
PROPERTY, SYNONYMS = "property", "synonyms"


def on_virtual_time(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(work)


def breaker(*endpoints: str) -> SharedCircuitBreaker:
    """A breaker that each of ``endpoints`` was asked through once."""
    clock = asyncio.get_running_loop().time
    target = SharedCircuitBreaker(policy=POLICY, clock=clock, rng=random.Random(1))
    for endpoint in endpoints or (PROPERTY, SYNONYMS):
        target.record_success(admitted(target, endpoint))
    return target


def admitted(target: SharedCircuitBreaker, endpoint: str) -> Pass:
    given = target.admit(endpoint)
    assert given is not None
    assert target.begin(given)
    return given


def break_down(target: SharedCircuitBreaker, *endpoints: str) -> None:
    """Let requests to each endpoint fail, all of them under way at the same time."""
    under_way = [
        admitted(target, endpoint) for endpoint in endpoints for _ in range(POLICY.failures_in_a_row)
    ]
    for given in under_way:
        target.record_failure(given)


def states(target: SharedCircuitBreaker) -> dict[str, CircuitState]:
    return {name: statistics.state for name, statistics in target.get_stats().items()}


def test_an_endpoint_that_is_down_leaves_the_others_alone() -> None:
    async def work() -> None:
        target = breaker()
        break_down(target, PROPERTY)
        assert target.is_open(PROPERTY)
        assert target.admit(PROPERTY) is None
        assert not target.is_open(SYNONYMS)

    on_virtual_time(work())


def test_endpoints_that_are_down_together_are_one_outage_of_the_host() -> None:
    async def work() -> None:
        target = breaker()
        break_down(target, PROPERTY, SYNONYMS)
        assert states(target) == {
            HOST: CircuitState.OPEN,
            PROPERTY: CircuitState.CLOSED,
            SYNONYMS: CircuitState.CLOSED,
        }
        await target.wait(SYNONYMS)
        assert target.admit(PROPERTY) is None, "one trial for the whole host"

    on_virtual_time(work())


def test_a_trial_of_the_host_that_succeeds_opens_the_way_for_all() -> None:
    async def work() -> None:
        target = breaker()
        break_down(target, PROPERTY, SYNONYMS)
        for _ in range(sum(POLICY.trial_steps)):
            given = await target.wait(PROPERTY)
            assert target.begin(given)
            target.record_success(given)
        assert set(states(target).values()) == {CircuitState.CLOSED}

    on_virtual_time(work())


def test_whoever_waits_goes_on_when_the_open_time_is_over_and_one_at_a_time() -> None:
    async def work() -> None:
        target, clock = breaker(PROPERTY), asyncio.get_running_loop().time
        break_down(target, PROPERTY)
        under_way = most = 0
        sent_at = []

        async def worker() -> None:
            nonlocal under_way, most
            given = await target.wait(PROPERTY)
            assert target.begin(given)
            sent_at.append(clock())
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(1.0)
            under_way -= 1
            target.record_success(given)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(7):
                tasks.create_task(worker())
        assert sent_at == [4.0, 5.0, 5.0, 6.0, 6.0, 6.0, 6.0]
        assert most == 4
        assert states(target)[PROPERTY] is CircuitState.CLOSED

    on_virtual_time(work())


def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    async def work() -> None:
        target = breaker(PROPERTY)
        break_down(target, PROPERTY)
        waiting = [asyncio.create_task(target.wait(PROPERTY)) for _ in range(5)]
        await asyncio.sleep(0.5)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        given = await target.wait(PROPERTY)
        assert target.begin(given)

    on_virtual_time(work())


def test_a_trial_request_that_is_withdrawn_lets_the_next_one_try() -> None:
    async def work() -> None:
        target = breaker(PROPERTY)
        break_down(target, PROPERTY)
        first = await target.wait(PROPERTY)
        waiting = asyncio.create_task(target.wait(PROPERTY))
        await asyncio.sleep(1.0)
        assert not waiting.done()
        target.withdraw(first)
        assert target.begin(await waiting)

    on_virtual_time(work())


def test_an_isolated_host_waits_for_whoever_closes_it() -> None:
    async def work() -> None:
        target = breaker()
        target.isolate("maintenance")
        waiting = asyncio.create_task(target.wait(PROPERTY))
        await asyncio.sleep(3600.0)
        assert not waiting.done()
        target.reset("done")
        await waiting
        transitions = target.get_stats()[HOST].transitions
        assert [(t.after, t.evidence) for t in transitions] == [
            (CircuitState.ISOLATED, "maintenance"),
            (CircuitState.CLOSED, "done"),
        ]

    on_virtual_time(work())


def test_a_request_admitted_before_the_outage_does_not_go_out_in_it() -> None:
    async def work() -> None:
        target = breaker()
        early = await target.wait(PROPERTY)
        break_down(target, PROPERTY, SYNONYMS)
        assert not target.begin(early)
        target.withdraw(early)
        assert target.is_open(PROPERTY)

    on_virtual_time(work())


def test_one_endpoint_is_isolated_and_reset_by_itself() -> None:
    async def work() -> None:
        target = breaker()
        target.isolate("broken for days", endpoint=SYNONYMS)
        assert target.is_open(SYNONYMS)
        assert not target.is_open(PROPERTY)
        target.reset("mended", endpoint=SYNONYMS)
        assert not target.is_open(SYNONYMS)

    on_virtual_time(work())


def test_its_statistics_tell_states_times_waits_and_evidence() -> None:
    async def work() -> None:
        target, clock = breaker(PROPERTY), asyncio.get_running_loop().time
        break_down(target, PROPERTY)
        target.withdraw(await target.wait(PROPERTY))
        told = target.get_stats()[PROPERTY].to_json(clock())
        assert told["state"] == "half_open"
        assert told["held"] == 1
        assert told["changes_in_seconds"] == POLICY.longest_trial_seconds
        assert told["seconds_by_state"]["open"] == POLICY.first_open_seconds
        assert [(t["after"], t["evidence"], t["seconds_ago"]) for t in told["transitions"]] == [
            ("open", "10 failures in a row", 4.0),
            ("half_open", "its time is over", 0.0),
        ]

    on_virtual_time(work())


def test_the_log_says_when_requests_begin_to_wait_and_when_they_go_out_again() -> None:
    async def work() -> None:
        target = breaker(PROPERTY)
        with capture_logs() as logs:
            break_down(target, PROPERTY)
            for outcome in (False, True, *[True] * 6):
                given = await target.wait(PROPERTY)
                assert target.begin(given)
                if outcome:
                    target.record_success(given)
                else:
                    target.record_failure(given)
        assert [(entry["event"], entry["endpoint"], entry["reason"]) for entry in logs] == [
            ("circuit open: requests wait", PROPERTY, "10 failures in a row"),
            ("circuit closed: requests go out again", PROPERTY, "the trial succeeded"),
        ]

    on_virtual_time(work())
