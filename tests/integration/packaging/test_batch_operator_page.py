"""docs/batch-operator.md shows what works."""

import re
from dataclasses import fields

import pytest

from cryoasync.database.bulk.batch_operator import BatchLimits
from cryoasync.models import WriteStatistics
from tests.conftest import Fetch, run_statement
from tests.unit.packaging.command_words import ROOT

PAGE = (ROOT / "docs" / "batch-operator.md").read_text("utf-8")


async def test_the_example_does_what_it_says(
    dsn: str, fetch: Fetch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table, a bad row and all."""
    await run_statement(
        dsn,
        "CREATE SCHEMA lab; CREATE TABLE lab.samples (id int PRIMARY KEY, name text, mass float8 CHECK (mass <> 500))",
    )
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    example: dict[str, object] = {}
    exec(compile(code, "example", "exec"), example)
    await example["main"](dsn)  # type: ignore[operator]
    told = capsys.readouterr().out
    assert "99999 rows, of which changed: 99999" in told
    assert "row 5000 was refused" in told
    assert await fetch("SELECT id, mass FROM lab.samples WHERE id IN (7, 8, 9) ORDER BY id") == [
        (7, 0.75),
        (8, 0.85),
        (9, 0.9),
    ]


def test_every_figure_and_every_limit_is_named() -> None:
    """The table has no others."""
    table = PAGE.partition("| `get_stats()` |")[2]
    named = re.findall(
        r"`(\w+)`", "".join(line.split("|")[1] for line in table.splitlines() if line[:3] == "| `")
    )
    assert sorted(named) == sorted(field.name for field in fields(WriteStatistics))
    assert {name for name in (field.name for field in fields(BatchLimits)) if f"`{name}`" not in PAGE} == {
        "retry_seconds",
        "retries_outages",
    }
