"""Where the source of a run is reached: its real address, or a simulator of the run's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryoasync.control.rate.rate_policy import RatePolicy
from cryoasync.settings import RunSettings
from cryoasync.simulator.process import SimulatorProcess
from cryoasync.simulator.scenarios import find_scenario
from cryoasync.simulator.settings import SimulatorSettings
from cryoasync.sources.registry import Source

_SIMULATOR_ORIGIN = "simulator"
_SIMULATOR_PREFIX = f"{_SIMULATOR_ORIGIN}:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """An address and the policy that holds there.

    ``host`` is scheme, host and port, under which the rate budget is kept; ``cache_origin`` is what the cache
    keeps answers under, the same for every simulator of a run's own.
    """

    base_url: str
    host: str
    policy: RatePolicy
    cache_origin: str


def site_name(source: Source, settings: RunSettings) -> str:
    """Return what a run is known by: its base URL, or the scenario where a simulator's port changes each time.

    Raises:
        UsageError: there is no such scenario.
    """
    if settings.simulate:
        return f"{_SIMULATOR_PREFIX}{find_scenario(settings.scenario).name}"
    return source.base_url


def scenario_of(site_name: str) -> str | None:
    """Return the scenario that a run is known by; ``None`` where that is a base URL."""
    return site_name.removeprefix(_SIMULATOR_PREFIX) if site_name.startswith(_SIMULATOR_PREFIX) else None


def cache_origin(source: Source, settings: RunSettings) -> str:
    """Return what the cache keeps the answers of a run under."""
    return _SIMULATOR_ORIGIN if settings.simulate else _host(source.base_url)


def policy_at(source: Source, settings: RunSettings) -> RatePolicy:
    """Return the policy that holds for a run; a scenario may be without one.

    Raises:
        UsageError: there is no such scenario.
    """
    if settings.simulate and find_scenario(settings.scenario).policy is None:
        return RatePolicy().lowered_to(settings.max_rate)
    return source.policy


@asynccontextmanager
async def opened_site(source: Source, settings: RunSettings) -> AsyncIterator[Site]:
    """Yield the site of a run; a simulator runs for as long as the block does.

    Raises:
        UsageError: there is no such scenario.
        SimulatorFailedError: the simulator does not start.
    """
    policy, origin = policy_at(source, settings), cache_origin(source, settings)
    if not settings.simulate:
        host = _host(source.base_url)
        yield Site(base_url=source.base_url, host=host, policy=policy, cache_origin=origin)
        return
    async with SimulatorProcess(
        SimulatorSettings(scenario=settings.scenario, seed=settings.seed)
    ) as simulator:
        base_url = simulator.base_url_of(source.name)
        yield Site(
            base_url=base_url,
            host=_host(base_url),
            policy=policy,
            cache_origin=origin,
        )


def _host(base_url: str) -> str:
    parts = urlsplit(base_url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}:{port}"
