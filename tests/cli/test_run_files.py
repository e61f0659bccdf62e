"""``cryoasync run files``: SDF and SMILES files in the database, without any source to ask."""

import asyncio
import gzip
import json
import os
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cryoasync.database.connection import Database
from cryoasync.sources.chembl.table import FRESH_MOLECULES
from tests.cli.conftest import CommandLine
from tests.cli.seeds import with_database
from tests.integration.database.builders import EARLIER, LATER, NOON, compound, merge, molecule
from tests.unit.sources.files.builders import dump, molblock, sdf, written

BROKEN = "no molecule\n$$$$\n"
RECORDS = "SELECT file, record, source_id, smiles, molfile, fields, run_id FROM cryoasync.file_records ORDER BY 1, 2"
ENTRIES = "SELECT source_id, line, state, reason FROM cryoasync.run_entries ORDER BY run_id, position"
COMPUTED = "SELECT source, source_id, molecular_formula FROM cryoasync.rdkit_descriptors ORDER BY 1, 2"
FAILURES = "SELECT source, source_id, kind FROM cryoasync.failures ORDER BY 1, 2"
COUNTS = ("requested", "imported", "invalid", "failed", "pending")


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    """What a query gives."""

    async def ask(database: Database) -> list[tuple[Any, ...]]:
        async with database.session() as connection:
            return [tuple(record) for record in await connection.fetch(query)]

    return with_database(dsn, ask)


def run(command_line: CommandLine, dsn: str, *words: str, exit_code: int = 0) -> dict[str, Any]:
    """The summary of a run over files."""
    outcome = command_line("run", "files", *words, "--dsn", dsn, "--json", "--progress", "none")
    assert outcome.exit_code == exit_code, outcome.stdout + outcome.stderr
    summary: dict[str, Any] = json.loads(outcome.stdout)
    return summary


def test_records_land_as_the_files_say(command_line: CommandLine, home: Path, dsn: str) -> None:
    """Each record has its row, its entry and what RDKit computes of it, all found by file and number."""
    written(home / "own.sdf", sdf("methane", 1, {"CODE": "M-1"}) + sdf("", 3, {"NOTE": "two\nlines"}))
    written(home / "list.smi.gz", gzip.compress(b"CCO\tethanol\n\nOCCO glycol\n"))
    own, listed = str(home / "own.sdf"), str(home / "list.smi.gz")
    summary = run(command_line, dsn, "own.sdf", "list.smi.gz", "--name", "mine")
    assert (summary["status"], summary["source"], summary["name"]) == ("finished", "files", "mine")
    assert [summary[count] for count in COUNTS] == [4, 4, 0, 0, 0]
    assert (summary["requests"], summary["rdkit_filled"], summary["duplicates"]) == (0, 4, 0)
    run_id = summary["run_id"]
    assert rows(dsn, RECORDS) == [
        (listed, 1, "ethanol", "CCO", None, {}, run_id),
        (listed, 3, "glycol", "OCCO", None, {}, run_id),
        (own, 1, "methane", None, molblock("methane", 1), {"CODE": "M-1"}, run_id),
        (own, 2, None, None, molblock("", 3), {"NOTE": "two\nlines"}, run_id),
    ]
    assert rows(dsn, ENTRIES) == [
        (f"{own}#1", 1, "imported", None),
        (f"{own}#2", 2, "imported", None),
        (f"{listed}#1", 1, "imported", None),
        (f"{listed}#3", 3, "imported", None),
    ]
    assert rows(dsn, COMPUTED) == [
        ("files", f"{listed}#1", "C2H6O"),
        ("files", f"{listed}#3", "C2H6O2"),
        ("files", f"{own}#1", "CH4"),
        ("files", f"{own}#2", "C3H8"),
    ]


def test_a_summary_has_the_keys_of_any_run(command_line: CommandLine, home: Path, dsn: str) -> None:
    """What a program reads of an import by id, it reads of an import of files."""
    written(home / "a.smi", "C\n")
    fixed = """
        run_id name source status requested imported not_found invalid failed pending duplicates already_done
        success_rate requests retries throttled request_rate elapsed_seconds compounds_per_minute rdkit_filled
        errors recovered database peak_rss_mb
    """
    summary = run(command_line, dsn, "a.smi", "--rdkit", "off")
    assert set(fixed.split()) <= summary.keys()
    assert (summary["success_rate"], summary["rdkit_filled"]) == (1.0, 0)


def test_the_same_files_again_rewrite_nothing(command_line: CommandLine, home: Path, dsn: str) -> None:
    """A second run over them finds everything as it is."""
    written(home / "a.sdf", "".join(sdf(f"m{n}", n) for n in range(1, 6)) + dump(962, "O"))
    versions = " UNION ALL ".join(
        f"SELECT '{table}', xmin::text, ctid::text FROM cryoasync.{table}"
        for table in ("file_records", "rdkit_descriptors", "pubchem_compounds")
    )
    first = run(command_line, dsn, "a.sdf", "--rdkit", "all")
    before = rows(dsn, versions)
    second = run(command_line, dsn, "a.sdf", "--rdkit", "all")
    assert second["run_id"] > first["run_id"]
    assert second["imported"] == 6
    assert len(before) == 12
    assert rows(dsn, versions) == before


def test_a_record_that_cannot_be_read_is_an_invalid_entry(
    command_line: CommandLine, home: Path, dsn: str
) -> None:
    """It costs itself alone, and says where it is."""
    path = str(written(home / "a.sdf", sdf("one") + BROKEN + sdf("three")))
    summary = run(command_line, dsn, "a.sdf", "--rdkit", "off")
    assert [summary[count] for count in COUNTS] == [3, 2, 1, 0, 0]
    assert rows(dsn, ENTRIES)[1] == (f"{path}#2", 2, "invalid", f"{path}, record 2: no line 'M  END'")
    assert [record[1] for record in rows(dsn, RECORDS)] == [1, 3]


def test_a_structure_that_rdkit_rejects_is_kept_with_the_reason(
    command_line: CommandLine, home: Path, dsn: str
) -> None:
    """What the file said is imported; that nothing could be computed of it is a failure of that part."""
    path = str(written(home / "a.smi", "C(C)(C)(C)(C)C five\nCC two\n"))
    summary = run(command_line, dsn, "a.smi")
    assert (summary["imported"], summary["failed"], summary["rdkit_filled"]) == (2, 0, 1)
    assert summary["failures"] == {"rejected_by_rdkit": 1}
    assert [record[2] for record in rows(dsn, RECORDS)] == ["five", "two"]
    assert rows(dsn, FAILURES) == [("files", f"{path}#1", "rejected_by_rdkit")]


def test_what_was_computed_of_another_structure_does_not_outlive_it(
    command_line: CommandLine, home: Path, dsn: str
) -> None:
    """A file whose content changed is another run; its new structures have no descriptors of the old ones."""
    path = written(home / "a.smi", "C\nCC\n")
    first = run(command_line, dsn, "a.smi")
    written(path, "C renamed\nCCC\n")
    second = run(command_line, dsn, "a.smi", "--rdkit", "off")
    assert second["run_id"] > first["run_id"]
    assert [record[2:4] for record in rows(dsn, RECORDS)] == [("renamed", "C"), (None, "CCC")]
    assert rows(dsn, COMPUTED) == [("files", f"{path}#1", "CH4")]


def test_a_name_is_taken_from_the_tag_asked_for(command_line: CommandLine, home: Path, dsn: str) -> None:
    """Of an SDF the tag, of a table the column; without one of that name there is none."""
    written(home / "a.sdf", sdf("title", 1, {"CODE": "A-1"}) + sdf("title", 1))
    written(home / "b.csv", "SMILES,name,CODE\nC,methane,B-1\n")
    run(command_line, dsn, "a.sdf", "b.csv", "--id-tag", "CODE", "--rdkit", "off")
    assert [record[2] for record in rows(dsn, RECORDS)] == ["A-1", None, "B-1"]


def test_a_limit_counts_records_that_can_be_read(command_line: CommandLine, home: Path, dsn: str) -> None:
    """The run ends with the last of them, over all files."""
    written(home / "a.sdf", sdf("one") + BROKEN)
    written(home / "b.sdf", sdf("two") + sdf("three"))
    summary = run(command_line, dsn, "a.sdf", "b.sdf", "--limit", "2", "--rdkit", "off")
    assert [summary[count] for count in COUNTS] == [3, 2, 1, 0, 0]


def test_a_file_named_twice_is_read_once(
    command_line: CommandLine, home: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it is written; and from another folder it is the same run over the same records."""
    written(home / "a.smi", "C\n")
    (home / "folder").mkdir()
    first = run(command_line, dsn, "a.smi", "folder/../a.smi", str(home / "a.smi"), "--rdkit", "off")
    monkeypatch.chdir(home / "folder")
    run(command_line, dsn, "../a.smi", "--rdkit", "off")
    assert first["requested"] == 1
    assert rows(dsn, RECORDS) == [(str(home / "a.smi"), 1, None, "C", None, {}, first["run_id"])]
    assert rows(dsn, "SELECT count(DISTINCT run_key) FROM cryoasync.runs") == [(1,)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.sdf", None, "missing.sdf does not exist"),
        ("folder.sdf", "directory", "folder.sdf is a directory"),
        ("pipe.sdf", "pipe", "can be read only once"),
        ("-", None, "Standard input can be read only once"),
        ("paper.pdf", b"x", "paper.pdf is neither SDF nor SMILES by its name"),
        ("empty.sdf", b"", "empty.sdf holds no record"),
        ("empty.sdf.gz", gzip.compress(b"", mtime=0), "empty.sdf.gz holds no record"),
        ("comments.smi", b"# none\n\n", "comments.smi holds no record"),
        ("image.sdf", bytes(range(256)), "image.sdf is a binary file"),
        (
            "cut.sdf.gz",
            gzip.compress(sdf("x", 60).encode(), mtime=0)[:60],
            "cut.sdf.gz is a truncated gzip file",
        ),
        ("junk.sdf", BROKEN.encode() * 1001, "more than 1,000 of its first 10,000 records cannot be read"),
        ("broken.sdf", BROKEN.encode(), "There is no record that can be read: "),
    ],
)
def test_a_file_that_cannot_be_imported_is_refused_before_anything_starts(
    command_line: CommandLine, home: Path, dsn: str, *, name: str, content: bytes | str | None, message: str
) -> None:
    """Exit code 2 with what is wrong, also where other files are fine."""
    written(home / "fine.smi", "C\n")
    path = home / name
    match content:
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case bytes():
            written(path, content)
    words = (name,) if name == "broken.sdf" else ("fine.smi", name)
    error = run(command_line, dsn, *words, exit_code=2)["error"]
    assert (error["kind"], message in error["message"]) == ("input", True), error
    assert error["hint"]
    assert rows(dsn, "SELECT count(*) FROM cryoasync.runs") == [(0,)]


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_what_comes_before_damage_is_kept(
    command_line: CommandLine, home: Path, dsn: str, damage: str
) -> None:
    """The other files too; the lost rest is an invalid entry, and the command ends as for a bad input."""
    packed = bytearray(gzip.compress("".join(sdf(str(n), n % 90 + 1) for n in range(3000)).encode()))
    middle = len(packed) // 2
    if damage == "cut":
        del packed[middle:]
    else:
        packed[middle : middle + 8] = bytes(8)
    path = str(written(home / "a.sdf.gz", bytes(packed)))
    written(home / "b.smi", "C\n")
    summary = run(command_line, dsn, "a.sdf.gz", "b.smi", "--rdkit", "off", exit_code=2)
    assert (summary["error"]["kind"], summary["status"]) == ("input", "finished")
    word = {"cut": "truncated", "flipped": "damaged"}[damage]
    assert f"{path}: the file is a {word} gzip file: it " in summary["error"]["message"]
    assert (summary["invalid"], summary["failed"], summary["pending"]) == (1, 0, 0)
    kept = summary["imported"] - 1
    assert 500 < kept < 2500
    source_id, line, state, reason = rows(dsn, ENTRIES)[kept]
    assert (source_id, line, state) == (f"{path}#{kept + 1}", kept + 1, "invalid")
    assert f"{path}, record {kept + 1}: the file is a {word} gzip file" in reason
    assert rows(dsn, RECORDS)[-1][:2] == (str(home / "b.smi"), 1)


def test_text_that_is_not_utf8_is_read(command_line: CommandLine, home: Path, dsn: str) -> None:
    """As Latin-1, which old programs write."""
    written(home / "a.smi", "CCO\tÄthanol\n".encode("latin-1"))
    run(command_line, dsn, "a.smi", "--rdkit", "off")
    assert rows(dsn, RECORDS)[0][2] == "Äthanol"


def test_a_record_that_the_database_refuses_fails_alone(
    command_line: CommandLine, home: Path, dsn: str
) -> None:
    """PostgreSQL stores no NUL; the others are imported, and the command says that one failed."""
    path = str(written(home / "a.smi", "C\n" * 3000 + "CC\tb\x00d\n" + "CCC\n"))
    summary = run(command_line, dsn, "a.smi", "--rdkit", "off", exit_code=1)
    assert [summary[count] for count in COUNTS] == [3002, 3001, 0, 1, 0]
    assert rows(dsn, FAILURES) == [("files", f"{path}#3001", "rejected_by_database")]


def test_files_never_go_among_simulated_compounds(
    command_line: CommandLine, home: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither into a database that holds some, nor where the settings ask for a simulation."""
    written(home / "a.smi", "C\n")

    async def hold_simulated(database: Database) -> None:
        async with database.session() as connection:
            await connection.execute("INSERT INTO cryoasync.origin (kind) VALUES ('simulated')")

    with_database(dsn, hold_simulated)
    assert run(command_line, dsn, "a.smi", exit_code=2)["error"]["kind"] == "origin"
    monkeypatch.setenv("CRYOASYNC_RUN__SIMULATE", "1")
    assert run(command_line, dsn, "a.smi", exit_code=2)["error"]["kind"] == "usage"
    assert rows(dsn, RECORDS) == []


def test_a_file_must_be_named(command_line: CommandLine) -> None:
    """The command says what is missing."""
    outcome = command_line("run", "files")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "Missing argument 'FILE'" in outcome.stderr


DUMP = {
    "IUPAC_NAME": "oxidane",
    "MOLECULAR_FORMULA": "H2O",
    "MOLECULAR_WEIGHT": "18.0150",
    "IUPAC_INCHIKEY": "XLYOFNOQVPJJNP-UHFFFAOYSA-N",
    "XLOGP3": "-0.5",
    "TOTAL_CHARGE": "0",
}
WATER = (
    "SELECT cid, title, synonyms, iupac_name, smiles, molecular_weight, xlogp, tpsa, fetched_at"
    " FROM cryoasync.pubchem_compounds"
)


def test_pubchems_own_file_lands_where_its_answers_do(
    command_line: CommandLine, home: Path, dsn: str
) -> None:
    """As what PubChem said when the file was written; digits are kept, entries are CIDs."""
    written(home / "a.sdf", dump(962, "O", **DUMP), NOON)
    summary = run(command_line, dsn, "a.sdf", "--rdkit", "off")
    assert summary["imported"] == 1
    assert rows(dsn, WATER) == [
        (962, None, None, "oxidane", "O", Decimal("18.0150"), -0.5, None, NOON),
    ]
    assert str(rows(dsn, WATER)[0][5]) == "18.0150"
    assert rows(dsn, ENTRIES) == [("962", 1, "imported", None)]
    assert rows(dsn, RECORDS) == []


@pytest.mark.parametrize(
    ("rdkit", "computed"),
    [("all", ["2244", "962"]), ("missing", ["2244"]), ("off", [])],
)
def test_descriptors_of_a_dump_fill_what_it_left_out(
    command_line: CommandLine, home: Path, dsn: str, rdkit: str, computed: list[str]
) -> None:
    """They stand beside PubChem's compounds, not beside records of files."""
    full = DUMP | {
        "IUPAC_INCHI": "InChI=1S/H2O/h1H2",
        "MONOISOTOPIC_WEIGHT": "18.010565",
        "HEAVY_ATOM_COUNT": "1",
    }
    written(home / "a.sdf", dump(962, "O", **full) + dump(2244, "CC(=O)OC1=CC=CC=C1C(=O)O"))
    run(command_line, dsn, "a.sdf", "--rdkit", rdkit)
    assert [row[:2] for row in rows(dsn, COMPUTED)] == [("pubchem", cid) for cid in computed]


@pytest.mark.parametrize(
    ("written_at", "name", "xlogp"),
    [(LATER, "oxidane", -0.5), (EARLIER, "old name", 7.0), (NOON, "old name", 7.0)],
)
def test_a_file_replaces_an_older_answer_and_never_a_newer_one(
    command_line: CommandLine, home: Path, dsn: str, *, written_at: datetime, name: str, xlogp: float
) -> None:
    """Title and synonyms, of which the file says nothing, stay in any case."""
    answer = compound(962, title="Water", synonyms=["aqua"], iupac_name="old name", xlogp=7.0, tpsa=1.0)
    with_database(dsn, lambda database: merge(database, answer))
    written(home / "a.sdf", dump(962, "O", **DUMP), written_at)
    run(command_line, dsn, "a.sdf", "--rdkit", "off")
    tpsa = None if written_at == LATER else 1.0
    ((_, title, synonyms, *row),) = rows(dsn, WATER)
    assert (title, synonyms) == ("Water", ["aqua"])
    assert (row[0], row[3], row[4], row[5]) == (name, xlogp, tpsa, max(written_at, NOON))


def test_the_newest_of_several_dumps_counts(command_line: CommandLine, home: Path, dsn: str) -> None:
    """Whatever their order, also in one batch."""
    for name, said_at in (("b.sdf", NOON), ("a.sdf", LATER), ("c.sdf", EARLIER)):
        written(home / name, dump(962, "O", IUPAC_NAME=name), said_at)
    summary = run(command_line, dsn, "b.sdf", "a.sdf", "c.sdf", "--rdkit", "off")
    assert summary["imported"] == 3
    assert [(row[3], row[8]) for row in rows(dsn, WATER)] == [("a.sdf", LATER)]


def test_an_answer_of_pubchem_fills_the_title_that_a_newer_file_lacks(
    command_line: CommandLine, home: Path, dsn: str
) -> None:
    """And it leaves everything else as the file said."""
    written(home / "a.sdf", dump(962, "O", **DUMP), NOON)
    run(command_line, dsn, "a.sdf", "--rdkit", "off")
    answer = compound(962, title="Water", iupac_name="old name", fetched_at=NOON - timedelta(days=1))
    with_database(dsn, lambda database: merge(database, answer))
    assert [row[1:4] for row in rows(dsn, WATER)] == [("Water", None, "oxidane")]


METHANE = ("C", "InChI=1S/CH4/h1H4", "VNWKTOKETHGBQD-UHFFFAOYSA-N")
CHEMBL_SDF = sdf("", 1, {"chembl_id": "CHEMBL17564", "chembl_pref_name": "METHANE"})
CHEMBL_TABLE = "\n".join(
    ("chembl_id\tcanonical_smiles\tstandard_inchi\tstandard_inchi_key", "\t".join(("CHEMBL17564", *METHANE)))
)
MOLECULES = (
    "SELECT canonical_smiles, standard_inchi, standard_inchi_key, extra, fetched_at"
    " FROM cryoasync.chembl_molecules"
)


@pytest.mark.parametrize(
    "runs",
    [(("a.sdf",), ("a.txt",)), (("a.txt",), ("a.sdf",)), (("a.sdf", "a.txt"),)],
    ids=["molfiles first", "table first", "at once"],
)
def test_chembls_own_files_land_where_its_answers_do(
    command_line: CommandLine, home: Path, dsn: str, runs: tuple[tuple[str, ...], ...]
) -> None:
    """The SDF has the molfile, the table the rest; read again, they rewrite nothing."""
    written(home / "a.sdf", CHEMBL_SDF, EARLIER)
    written(home / "a.txt", CHEMBL_TABLE, NOON)
    for files in runs:
        run(command_line, dsn, *files)
    molfile = molblock("", 1).removesuffix("\n")
    stored = [(*METHANE, {"molecule_structures": {"molfile": molfile}}, NOON)]
    assert rows(dsn, MOLECULES) == stored
    assert rows(dsn, RECORDS) == []
    assert rows(dsn, "SELECT inchikey, smiles, name FROM cryoasync.molecules") == [
        (METHANE[2], METHANE[0], "METHANE")
    ]
    assert rows(dsn, COMPUTED) == [("chembl", "CHEMBL17564", "CH4")]
    version = rows(dsn, "SELECT xmin::text FROM cryoasync.chembl_molecules")
    run(command_line, dsn, "a.sdf", "--restart")
    assert rows(dsn, "SELECT xmin::text FROM cryoasync.chembl_molecules") == version


def test_a_file_of_chembls_neither_replaces_an_answer_nor_passes_for_one(
    command_line: CommandLine, home: Path, dsn: str
) -> None:
    """An answer is whole and of one release, whatever its age; what is known from a file alone is still asked for."""
    written(home / "a.txt", CHEMBL_TABLE, NOON)
    run(command_line, dsn, "a.txt")

    async def fresh(database: Database) -> list[Any]:
        async with database.session() as connection:
            return list(await connection.fetch(FRESH_MOLECULES, ["CHEMBL17564"], EARLIER))

    assert with_database(dsn, fresh) == []
    answer = molecule("CHEMBL17564", canonical_smiles="CC", chembl_release="ChEMBL_37", fetched_at=EARLIER)
    with_database(dsn, lambda database: merge(database, answer))
    assert rows(dsn, MOLECULES) == [("CC", None, None, None, EARLIER)]
    assert len(with_database(dsn, fresh)) == 1
    run(command_line, dsn, "a.txt", "--restart")
    assert rows(dsn, MOLECULES) == [("CC", None, None, None, EARLIER)]


@pytest.mark.parametrize("words", [("plan", "files"), ("run", "files", "--dry-run")])
def test_a_plan_counts_records_and_writes_nothing(
    command_line: CommandLine, home: Path, words: tuple[str, ...]
) -> None:
    """It needs no database."""
    path = str(written(home / "a.sdf", sdf("one") + BROKEN + dump(962, "O") + CHEMBL_SDF))
    nowhere = ("--dsn", "postgresql://nobody@127.0.0.1:1/nowhere")
    outcome = command_line(*words, "a.sdf", "--json", *nowhere)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert json.loads(outcome.stdout) == {
        "source": "files",
        "files": [path],
        "requested": 4,
        "valid": 3,
        "invalid": 1,
        "duplicates": 0,
        "own_records": 1,
        "pubchem_compounds": 1,
        "chembl_molecules": 1,
        "invalid_examples": [f"{path}, record 2: no line 'M  END'"],
        "requests": 0,
        "shortest_seconds": 0.0,
        "advice": [],
    }
    assert "record 2" in command_line(*words, "a.sdf", *nowhere).stdout
    assert [found.name for found in home.iterdir()] == ["a.sdf"]


def test_a_run_over_files_is_tried_again_from_its_id(command_line: CommandLine, home: Path, dsn: str) -> None:
    """Its files are found again, and must be as they were."""
    path = written(home / "a.smi", "C\n" * 3000 + "CC\tb\x00d\n")
    run(command_line, dsn, "a.smi", "--rdkit", "off", exit_code=1)
    retry = ("failures", "retry", "--dsn", dsn, "--json")
    again = command_line(*retry)
    assert (again.exit_code, json.loads(again.stdout)["failed"]) == (1, 1)
    written(path, "C\n")
    changed = command_line(*retry)
    assert (changed.exit_code, json.loads(changed.stdout)["error"]["kind"]) == (2, "input")


def test_status_and_why_tell_of_files(command_line: CommandLine, home: Path, dsn: str) -> None:
    """A record is known by its file and number, a compound of a dump by its CID."""
    written(home / "a.sdf", sdf("one", 2) + dump(962, "O", **DUMP))
    run(command_line, dsn, "a.sdf")
    status = command_line("status", "--dsn", dsn)
    assert (status.exit_code, "files, finished" in status.stdout) == (0, True)
    told = json.loads(command_line("why", "a.sdf#1", "--dsn", dsn, "--json").stdout)
    (record,) = told["compounds"]
    assert (record["row"]["source_id"], record["rdkit_descriptors"]["molecular_formula"]) == ("one", "C2H6")
    assert [entry["state"] for entry in record["runs"]] == ["imported"]
    (water,) = json.loads(command_line("why", "962", "--dsn", dsn, "--json").stdout)["compounds"]
    assert (water["source"], water["row"]["iupac_name"]) == ("pubchem", "oxidane")
    assert [entry["line"] for entry in water["runs"]] == [2]
    key = record["rdkit_descriptors"]["inchikey"]
    (by_key,) = json.loads(command_line("why", key, "--dsn", dsn, "--json").stdout)["compounds"]
    assert by_key["source_id"] == f"{home / 'a.sdf'}#1"


def test_a_large_first_load_creates_its_indexes_at_the_end(
    command_line: CommandLine, home: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where it did not come to that, the next run does it."""
    index = "SELECT to_regclass('cryoasync.molecules_inchikey') IS NOT NULL"
    written(home / "own.sdf", sdf("methane", 1) + sdf("", 2))
    written(home / "next.sdf", sdf("ethane", 2))
    with monkeypatch.context() as patch:
        patch.setattr("cryoasync.service.bulk_load.BULK_ENTRIES", 2)
        with patch.context() as killed:
            killed.setattr("cryoasync.service.bulk_load.BulkLoad.end", lambda *_: asyncio.sleep(0))
            assert run(command_line, dsn, "own.sdf")["imported"] == 2
        assert rows(dsn, index) == [(False,)]
        written(home / "third.sdf", sdf("a", 1) + sdf("b", 2) + sdf("c", 3))
        assert run(command_line, dsn, "third.sdf")["imported"] == 3
        assert rows(dsn, index) == [(True,)]
    with monkeypatch.context() as patch:
        patch.setattr("cryoasync.service.bulk_load.BULK_ENTRIES", 1)
        patch.setattr("cryoasync.service.bulk_load.BulkLoad.end", lambda *_: asyncio.sleep(0))
        run(command_line, dsn, "next.sdf")
    assert rows(dsn, index) == [(False,)]
    run(command_line, dsn, "next.sdf", "--restart")
    assert rows(dsn, index) == [(True,)]
