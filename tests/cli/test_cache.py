"""``cryoasync cache``."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cryoasync.http.cache import ResponseCache
from cryoasync.http.cache_models import CacheProblem
from tests.cli.conftest import CommandLine

PUBCHEM = "https://pubchem.ncbi.nlm.nih.gov:443"
MIRROR = "http://localhost:8017"
DAY = 86_400.0
ANSWER = b"x" * 1_000


def refuse(problem: CacheProblem) -> None:
    """A cache made for a test has no problems."""
    raise AssertionError(problem)


@pytest.fixture
def cache(home: Path) -> Path:
    """A cache of 20 properties of PubChem, 10 of them 40 days old, and of 5 of a mirror."""
    path = home / "cache" / "cryoasync" / "responses.sqlite"
    now = time.time()

    async def fill() -> None:
        async with ResponseCache.open(path, max_bytes=2**30, warn=refuse) as opened:
            old, young = ({str(cid): ANSWER for cid in cids} for cids in (range(10), range(10, 20)))
            await opened.put_many(PUBCHEM, "property:A,B,C", old, fetched_at=now - 40 * DAY)
            await opened.put_many(PUBCHEM, "property:A,B,C", young, fetched_at=now)
            await opened.put_many(MIRROR, "synonyms", dict.fromkeys("abcde", b"y"), fetched_at=now)
            await opened.get_many(PUBCHEM, "property:A,B,C", ["1", "2", "99"], now=now)

    asyncio.run(fill())
    return path


def document(command_line: CommandLine, *arguments: str) -> Any:
    """What a ``cache`` command prints as JSON."""
    outcome = command_line("cache", *arguments, "--json")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    return json.loads(outcome.stdout)


def entries(command_line: CommandLine) -> dict[str, int]:
    """The answers kept, by origin."""
    scopes = document(command_line, "stats")["scopes"]
    return {scope["origin"]: scope["entries"] for scope in scopes if scope["entries"]}


def test_stats_tell_answers_and_lookups_by_origin_and_endpoint(
    command_line: CommandLine, cache: Path
) -> None:
    """The total is theirs, and the file is named."""
    found = document(command_line, "stats")
    assert (found["path"], found["file_bytes"]) == (str(cache), cache.stat().st_size)
    mirror, pubchem = found["scopes"]
    assert (mirror["origin"], mirror["endpoint"], mirror["entries"], mirror["hit_ratio"]) == (
        *(MIRROR, "synonyms", 5),
        None,
    )
    assert (pubchem["endpoint"], pubchem["entries"], pubchem["bytes"]) == ("property:A,B,C", 20, 20_000)
    assert (pubchem["hits"], pubchem["misses"], found["hits"], found["entries"]) == (2, 1, 2, 25)
    text = command_line("cache", "stats").stdout
    assert text.startswith(f"{cache}: ")
    for part in (PUBCHEM, "property, 3 columns", "66.7%", "2.0 GiB"):
        assert part in text


@pytest.mark.parametrize("simulate", [(), ("--simulate",)])
@pytest.mark.parametrize("command", [("stats",), ("prune", "--max-age", "1"), ("clear",)])
def test_a_cache_that_is_not_there_is_not_made(
    command_line: CommandLine, home: Path, command: tuple[str, ...], simulate: tuple[str, ...]
) -> None:
    """The answer is that there is nothing, under the name of the file that was looked for."""
    outcome = command_line("cache", *command, *simulate)
    name = "responses-simulated.sqlite" if simulate else "responses.sqlite"
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert str(home / "cache" / "cryoasync" / name) in outcome.stdout
    assert document(command_line, *command, *simulate)["path"].endswith(name)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        (("--max-age", "30"), {PUBCHEM: 10, MIRROR: 5}),
        (("--max-age", "50"), {PUBCHEM: 20, MIRROR: 5}),
        (("--max-bytes", "1GiB"), {PUBCHEM: 20, MIRROR: 5}),
        (("--max-bytes", "1GiB", "--max-age", "0"), {}),
        (("--max-bytes", "0"), {}),
    ],
)
def test_prune_removes_what_is_beyond_the_limits_given(
    command_line: CommandLine, cache: Path, limits: tuple[str, ...], left: dict[str, int]
) -> None:
    """What is gone is told, and what is left is within the limits."""
    gone = document(command_line, "prune", *limits)["removed"]
    assert entries(command_line) == left
    assert gone["entries"] == 25 - sum(left.values())
    assert gone["bytes"] == 20_005 - 1_000 * left.get(PUBCHEM, 0) - left.get(MIRROR, 0)


@pytest.mark.parametrize(
    "limits", [(), ("--max-bytes", "much"), ("--max-bytes", "-1"), ("--max-age", "-1"), ("--max-age", "inf")]
)
def test_limits_that_cannot_be_meant_remove_nothing(
    command_line: CommandLine, cache: Path, limits: tuple[str, ...]
) -> None:
    """Neither does a command without any."""
    outcome = command_line("cache", "prune", *limits)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert entries(command_line) == {PUBCHEM: 20, MIRROR: 5}


def test_clear_asks_first(
    command_line: CommandLine, cache: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question on stderr says how much it is about; with --yes there is none."""
    with (home / "empty").open("w+") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        refused = command_line("cache", "clear")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"Remove 25 answers of {MIRROR}, {PUBCHEM} from the cache?" in refused.stderr
    assert entries(command_line) == {PUBCHEM: 20, MIRROR: 5}
    assert document(command_line, "clear", "--yes")["removed"] == {"entries": 25, "bytes": 20_005}
    assert document(command_line, "stats")["hits"] == 0


@pytest.mark.parametrize(
    "name",
    [
        *(PUBCHEM, "https://pubchem.ncbi.nlm.nih.gov", "pubchem.ncbi.nlm.nih.gov"),
        *("https://PubChem.ncbi.nlm.nih.gov/rest/pug", "pubchem.ncbi.nlm.nih.gov:443"),
    ],
)
def test_clear_takes_the_answers_of_one_origin(command_line: CommandLine, cache: Path, name: str) -> None:
    """However it is called; the others stay."""
    assert document(command_line, "clear", "--yes", "--origin", name)["removed"]["entries"] == 20
    assert entries(command_line) == {MIRROR: 5}


@pytest.mark.parametrize("name", ["http://pubchem.ncbi.nlm.nih.gov", "http://localhost", "example.org"])
def test_an_origin_that_the_cache_does_not_know_is_an_error(
    command_line: CommandLine, cache: Path, name: str
) -> None:
    """Another scheme or port is another origin; those it knows are named."""
    outcome = command_line("cache", "clear", "--yes", "--origin", name)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert PUBCHEM in outcome.stderr
    assert entries(command_line) == {PUBCHEM: 20, MIRROR: 5}


def a_list(path: Path) -> None:
    """Put a list of compounds there."""
    path.write_text("2244\n962\n", encoding="utf-8")


def a_database(path: Path) -> None:
    """Put another program's database there."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x)")


def a_folder(path: Path) -> None:
    """Put a folder there."""
    path.mkdir()


@pytest.mark.parametrize("command", ["stats", "clear"])
@pytest.mark.parametrize("make", [a_list, a_database, a_folder])
def test_what_is_no_cache_is_left_as_it_is(
    command_line: CommandLine, home: Path, make: Callable[[Path], None], command: str
) -> None:
    """A slip in --cache must not cost anybody a file."""
    path = home / "precious"
    make(path)
    before = path.stat()
    outcome = command_line("cache", command, "--cache", "precious")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert f"The cache {path} cannot be used" in outcome.stderr
    assert list(home.iterdir()) == [path]
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_a_damaged_cache_is_moved_aside_with_a_word(command_line: CommandLine, cache: Path) -> None:
    """An empty one takes its place; the old one is kept under the name told."""
    with cache.open("r+b") as file:
        file.truncate(8_192)
    outcome = command_line("cache", "stats")
    aside = cache.with_name("responses.sqlite.corrupt-1")
    assert outcome.exit_code == 0
    assert f"It is {aside} now" in outcome.stderr
    assert aside.stat().st_size == 8_192
    assert entries(command_line) == {}


def test_a_cache_that_is_off_cannot_be_looked_after(command_line: CommandLine) -> None:
    """The error says what turned it off."""
    outcome = command_line("cache", "stats", "--no-cache")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "The cache is off (flag --no-cache)" in outcome.stderr
