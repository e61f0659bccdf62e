"""A server for all faults."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.faults.scene import SETTINGS
from tests.servers import Server, running_server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server that may be ill-treated, and runs again after each test."""
    with asyncio.Runner() as runner:
        context = running_server(settings=SETTINGS)
        yield runner.run(context.__aenter__())
        runner.run(context.__aexit__(None, None, None))
