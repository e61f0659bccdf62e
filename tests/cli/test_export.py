"""``cryoasync export``."""

import csv
import gzip
import io
import json
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from pyarrow import parquet

from cryoasync.database.connection import Database
from cryoasync.database.runs.record import Run
from cryoasync.database.runs.spool import SpooledEntry
from cryoasync.models import EntryState, FailureKind, Row
from cryoasync.sources.files.table import FILE_RECORDS
from tests.cli.conftest import CommandLine
from tests.cli.seeds import ASPIRIN_KEY, mixed_run, with_database
from tests.integration.database.builders import (
    NOON,
    batch_of,
    bring,
    compound,
    descriptors,
    entry_result,
    failure,
    merge,
    molecule,
    started_run,
    store_of,
)

NOWHERE = "postgresql://nobody@127.0.0.1:1/nowhere"
TABLES = (
    "pubchem_compounds",
    "chembl_molecules",
    "rdkit_descriptors",
    "file_records",
    "molecules",
    "molecule_sources",
    "molecular_properties",
    "molecule_conflicts",
    "run_entries",
    "failures",
    "requests",
    "runs",
)
ORDERS = {
    "molecules": "ORDER BY id",
    "molecule_sources": 'ORDER BY source, source_id COLLATE "C"',
    "molecular_properties": "ORDER BY molecule_id, property, source, source_id",
    "molecule_conflicts": "ORDER BY kind, cid",
}
ANYTHING = [
    'with "quotes", and a comma',
    "two\nlines\r\nand a half\r",
    "β-D-glucopyranose 水 🧪",
    "tab\tand \\backslash\\",
    "\\.",
    "NULL",
    "{a,b}",
    "",
    " ",
    "=1+1",
    "\x01\x02\x1f\u2028",
]
ROW = {
    "title": ANYTHING[0],
    "iupac_name": "",
    "molecular_weight": Decimal("18.0150"),
    "exact_mass": Decimal("0.00000000000000000000010"),
    "xlogp": 0.1 + 0.2,
    "synonyms": ANYTHING,
    "extra": {"a": ANYTHING, "b": None, "c": 1.5},
}


async def every_table_filled(database: Database) -> Run:
    """A run with entries of all states, and a row in each table that can be exported."""
    run = await mixed_run(database)
    record = Row(
        table=FILE_RECORDS,
        source_id="a.sdf:1",
        values=("a.sdf", 1, None, "O", "water\n\n$$$$", {"name": "water", "n": ["1.0"]}, 1),
    )
    await merge(database, compound(10, **ROW), compound(11, synonyms=[]), compound(12, synonyms=None))
    await merge(database, record)
    # Not quite the molecule of CID 1.
    await bring(database, molecule("CHEMBL25", full_mwt=Decimal("202.140"), standard_inchi_key=ASPIRIN_KEY))
    return run


def stored(dsn: str, table: str) -> list[dict[str, Any]]:
    """The rows of a table as the database gives them; decimals and ranges as the text they are exported as."""

    async def fetch(database: Database) -> list[asyncpg.Record]:
        async with database.transaction() as connection:
            order = ORDERS.get(table, "")
            return await connection.fetch(f"SELECT * FROM cryoasync.{table} {order}")

    return [{name: as_text(value) for name, value in row.items()} for row in with_database(dsn, fetch)]


def as_text(value: Any) -> Any:
    """A decimal, a range or a UUID as PostgreSQL writes it; anything else as it is."""
    match value:
        case Decimal():
            return f"{value:f}"
        case asyncpg.Range():
            return f"[{value.lower},{value.upper})"
        case UUID():
            return str(value)
        case _:
            return value


def read_back(path: Path) -> list[dict[str, Any]]:
    """The rows of an exported file, each value as its format gives it."""
    name = path.name.lower()
    if name.endswith(".parquet"):
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
        return rows
    content = path.read_bytes()
    text = (gzip.decompress(content) if name.endswith(".gz") else content).decode()
    if ".csv" in name:
        return list(csv.DictReader(io.StringIO(text, newline="")))
    return [json.loads(line) for line in text.removesuffix("\n").split("\n")]


def revived(value: Any, read: Any, ending: str) -> Any:
    """What a file holds where the database holds ``value``, in the type of that."""
    match value:
        case datetime() if isinstance(read, str):
            return datetime.fromisoformat(read)
        case dict() if ending == ".parquet":
            return json.loads(read)
        case _ if ".csv" not in ending:
            return read
        case None:
            return read or None
        case list() | dict():
            return json.loads(read)
        case _:
            return type(value)(read)


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".jsonl", ".JSONL.GZ", ".ndjson", ".parquet"])
def test_every_table_comes_back_as_it_is_stored(
    command_line: CommandLine, dsn: str, home: Path, ending: str
) -> None:
    """Any text, trailing zeros, NULL beside nothing, arrays, documents, times: column by column."""
    with_database(dsn, every_table_filled)
    ending = ending.lower() if ending.isupper() else ending
    for table in TABLES:
        path = home / f"{table}{ending}"
        outcome = command_line("export", table, "-o", path.name, "--dsn", dsn)
        assert (outcome.exit_code, outcome.stdout) == (0, ""), outcome.stderr
        expected = stored(dsn, table)
        assert expected
        rows = read_back(path)
        assert f"{len(rows)} rows of {table} are in {path.name}" in outcome.stderr
        assert [list(row) for row in rows] == [list(row) for row in expected]
        assert [
            {name: revived(value, found[name], ending.lower()) for name, value in row.items()}
            for row, found in zip(expected, rows, strict=True)
        ] == expected


def test_without_a_file_the_rows_go_to_standard_output(command_line: CommandLine, dsn: str) -> None:
    """In the order of the columns named, as CSV, and nothing else."""
    with_database(dsn, mixed_run)
    words = ("export", "--columns", "molecular_weight, cid", "--limit", "1", "--dsn", dsn)
    outcome = command_line(*words)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout == "molecular_weight,cid\n180.160,1\n"
    assert command_line(*words, "-o", "-", "--format", "jsonl").stdout == (
        '{"molecular_weight":"180.160","cid":1}\n'
    )


def test_with_json_the_report_tells_what_was_written(command_line: CommandLine, dsn: str, home: Path) -> None:
    """The format given goes before the file's ending."""
    with_database(dsn, mixed_run)
    words = ("export", "run_entries", "-o", "out.txt", "--format", "JSONL", "--json", "--dsn", dsn)
    report = json.loads(command_line(*words).stdout)
    size = (home / "out.txt").stat().st_size
    expected = {"table": "run_entries", "rows": 6, "file": "out.txt", "format": "jsonl", "bytes": size}
    assert report == expected | {"license_note": None, "license_file": None}


def test_a_run_has_what_it_was_asked_for(command_line: CommandLine, dsn: str) -> None:
    """Also a compound that another run had fetched, and one of which a part failed; not what it did not find."""

    async def three_runs(database: Database) -> Run:
        await mixed_run(database)
        run = await started_run(database, [SpooledEntry("4", 1), SpooledEntry("1", 2), SpooledEntry("2", 3)])
        without_synonyms = entry_result(
            0, EntryState.FAILED, rows=[compound(4)], failures=[failure(3, FailureKind.SYNONYMS)]
        )
        known = entry_result(1, rows=[descriptors(NOON)])
        gone = entry_result(2, EntryState.NOT_FOUND)
        await store_of(database, run).commit(batch_of(without_synonyms, known, gone))
        await started_run(database, [SpooledEntry("1", 1)])
        # As a file of PubChem's is imported: its entries are records, and its rows tell the run.
        await merge(database, compound(7, run_id=run.id))
        return run

    run = with_database(dsn, three_runs)
    of_run = ("--dsn", dsn, "--run", str(run.id))
    assert command_line("export", "--columns", "cid", *of_run).stdout.split() == ["cid", "1", "4", "7"]
    descriptors_of = ("export", "rdkit_descriptors", "--columns", "source_id")
    assert command_line(*descriptors_of, *of_run).stdout.split() == ["source_id", "1"]
    assert command_line("export", "runs", "--columns", "id", *of_run).stdout.split() == ["id", str(run.id)]
    # The third has done nothing yet.
    assert command_line(*descriptors_of, "--dsn", dsn, "--run", "trial").stdout.split() == ["source_id"]
    entries = command_line("export", "run_entries", "--columns", "run_id", *of_run).stdout.split()
    assert entries == ["run_id", *[str(run.id)] * 3]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("pubchem_compund",), ("'pubchem_compund' is no table", "Did you mean pubchem_compounds?", *TABLES)),
        (("--format", "cvs"), ("no format 'cvs'", "Did you mean csv?", "jsonl", "parquet")),
        (("-o", "out.json"), ("ending of 'out.json'", ".jsonl")),
        (("-o", "out"), ("ending of 'out'", "--format")),
        (("-o", "out.parquet.gz"), ("Parquet does not go into .gz",)),
        (("-o", "out.gz", "--format", "parquet"), ("Parquet does not go into .gz",)),
        (("--limit", "-1"), ("--limit",)),
    ],
)
def test_a_wrong_word_is_told_before_a_database_is_opened(
    command_line: CommandLine, home: Path, words: tuple[str, ...], told: tuple[str, ...]
) -> None:
    """What was probably meant is named."""
    outcome = command_line("export", *words, "--dsn", NOWHERE)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert all(part in outcome.stderr for part in told), outcome.stderr
    assert not list(home.glob("*out*"))


def test_the_report_and_the_rows_do_not_share_standard_output(command_line: CommandLine) -> None:
    """With --json stdout holds one object."""
    outcome = command_line("export", "--json", "--dsn", NOWHERE)
    assert outcome.exit_code == 2
    assert "-o" in json.loads(outcome.stdout)["error"]["hint"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--columns", "cid,titel"), ("no column 'titel'", "Did you mean title?", "molecular_weight")),
        (("--columns", ""), ("no column ''",)),
        (("--columns", "cid;title"), ("no column 'cid;title'",)),
        (("--run", "99"), ("no run '99'",)),
    ],
)
def test_what_the_database_does_not_have_leaves_the_file_as_it_was(
    command_line: CommandLine, dsn: str, home: Path, words: tuple[str, ...], told: tuple[str, ...]
) -> None:
    """Nothing is left beside it either."""
    (home / "out.csv").write_text("old")
    outcome = command_line("export", "-o", "out.csv", *words, "--dsn", dsn)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert all(part in outcome.stderr for part in told), outcome.stderr
    assert [(path.name, path.read_text()) for path in home.iterdir()] == [("out.csv", "old")]


def test_the_help_names_every_table(command_line: CommandLine) -> None:
    """The error for a wrong one lists them from where they are defined."""
    listed = command_line("export", "x", "--json", "-o", "x.csv", "--dsn", NOWHERE).stdout
    tables = json.loads(listed)["error"]["hint"].partition("There are: ")[2].strip(".").split(", ")
    assert tables == list(TABLES)
    shown = command_line("export", "--help").stdout
    assert all(table in shown for table in tables)


def test_without_pyarrow_parquet_says_what_to_install(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other formats need no such thing."""
    monkeypatch.delitem(sys.modules, "cryoasync.service.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    outcome = command_line("export", "-o", "out.parquet", "--dsn", NOWHERE)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "hint: pip install 'cryoasync[parquet]'" in outcome.stderr


def test_a_terminal_gets_no_parquet(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be noise there."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    outcome = command_line("export", "--format", "parquet", "--dsn", NOWHERE)
    assert outcome.exit_code == 2
    assert "-o" in outcome.stderr
