"""docs/connection-pool.md shows what works."""

import asyncio
import re

import pytest

from tests.unit.packaging.command_words import ROOT

PAGE = (ROOT / "docs" / "connection-pool.md").read_text("utf-8")


async def test_the_example_runs(empty_dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As it stands, on a database of one's own."""
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "connection-pool.md", "exec"), names)
    main = names["main"]
    assert asyncio.iscoroutinefunction(main)
    await main(empty_dsn)
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "0"
    assert told[1].endswith("connections, 0 waited for")
    assert told[2].startswith("99 of 100 waited less than ")
