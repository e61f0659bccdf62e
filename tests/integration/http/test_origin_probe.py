"""Whether a host is a simulator, asked at its own address."""

import asyncio

import pytest

from cryoasync.http import origin_probe
from cryoasync.http.origin_probe import HEALTH_PATH, is_simulator
from cryoasync.http.reach import SIMULATOR_HEADER
from cryoasync.simulator.server import SIMULATOR_HEADER as SIGNED_WITH
from tests.integration.http.loopback import Handler, Received, loopback
from tests.ports import free_port


async def signed(received: Received) -> None:
    """Answer as a simulator does."""
    await received.answer(b"ok", **{SIMULATOR_HEADER.lower(): "steady"})


async def unsigned(received: Received) -> None:
    """Answer as any other server."""
    await received.answer(b"not here", status="404 Not Found")


async def broken(received: Received) -> None:
    """Break off."""
    received.reset()


async def no_http(received: Received) -> None:
    """Answer in another language."""
    await received.send(b"220 mail.example ESMTP\r\n\r\n")


@pytest.mark.parametrize(
    ("handler", "simulator"), [(signed, True), (unsigned, False), (broken, False), (no_http, False)]
)
async def test_a_simulator_is_known_by_its_header(handler: Handler, simulator: bool) -> None:
    """Whatever the path of the base URL is, the endpoint that only a simulator has is asked."""
    async with loopback(handler) as server:
        assert await is_simulator(f"{server.url}/rest/pug") is simulator
    assert {request.head.splitlines()[0] for request in server.requests} == {f"GET {HEALTH_PATH} HTTP/1.1"}


async def test_the_simulator_signs_with_the_header_that_is_looked_for() -> None:
    """The two are written down apart, since neither layer may know the other."""
    assert SIGNED_WITH == SIMULATOR_HEADER


async def test_a_host_out_of_reach_is_no_simulator() -> None:
    """Nothing listens there."""
    assert await is_simulator(f"http://127.0.0.1:{free_port()}") is False


async def test_a_silent_host_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that asks first must not hang."""
    monkeypatch.setattr(origin_probe, "PROBE_SECONDS", 0.1)

    async def silent(received: Received) -> None:
        await received.reader.read()

    async with asyncio.timeout(5), loopback(silent) as server:
        assert await is_simulator(server.url) is False


async def test_a_redirect_to_a_simulator_makes_none() -> None:
    """The host that was named is asked, and no other."""

    async def moved(received: Received) -> None:
        await received.answer(status="302 Found", Location=f"{simulator.url}{HEALTH_PATH}")

    async with loopback(signed) as simulator, loopback(moved) as server:
        assert await is_simulator(server.url) is False
        assert simulator.connections == 0
