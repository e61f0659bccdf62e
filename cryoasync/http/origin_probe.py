"""Asks a host whether it is our simulator, by the endpoint that only a simulator has."""

from urllib.parse import urlsplit, urlunsplit

import aiohttp

from cryoasync.http.reach import SIMULATOR_HEADER

PROBE_SECONDS = 5.0
HEALTH_PATH = "/simulator/health"


async def is_simulator(base_url: str) -> bool:
    """Return whether the host of ``base_url`` says that it is a simulator; one that does not answer is none."""
    parts = urlsplit(base_url)
    url = urlunsplit((parts.scheme, parts.netloc, HEALTH_PATH, "", ""))
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PROBE_SECONDS)) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            return SIMULATOR_HEADER in response.headers
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
