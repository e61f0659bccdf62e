"""Input and settings that no run can be started with: what is said, and that nothing was done."""

import gzip
from collections.abc import Iterator, Mapping

import pytest

from tests.end_to_end.commands import CommandLine, Running, command_line_in

UNUSED = "http://127.0.0.1:9/rest/pug"
FILES = {
    "empty.txt": b"",
    "comments.txt": b"# only\n\n# comments\n",
    "binary.dat": b"\x7fELF\x02\x01\x01\x00\x00\x00",
    "weights.csv": b"name;weight\nwater;18.02\n",
    "words.txt": b"5\n" + b"".join(b"word%d\n" % number for number in range(1_001)),
    "broken.gz": gzip.compress(b"1\n")[:-8] + b"checksum",
    "strangers.txt": b"aspirin\nwater\n",
}


REFUSED = {
    ("pubchem", "absent.txt"): "absent.txt: no such file",
    ("pubchem", "empty.txt"): "empty.txt holds no CID: it is empty",
    ("pubchem", "comments.txt"): "comments.txt holds no CID",
    ("pubchem", "binary.dat"): "binary.dat is a binary file",
    ("pubchem", "weights.csv"): "none of the columns name, weight is known to hold CIDs",
    ("pubchem", "words.txt"): "more than 1,000 of its first 10,000 lines hold none",
    ("pubchem", "broken.gz"): "broken.gz is a damaged gzip file",
    (
        "pubchem",
        "strangers.txt",
    ): "The input holds no valid CID: strangers.txt, line 1: 'aspirin' (not a number)",
    ("pubchem", "folder"): "folder is a directory",
    ("pubchem", "10-1"): "10-1: the range runs backwards",
    ("chembl", "absent.txt"): "absent.txt: no such file, and no ChEMBL id (not CHEMBL and a number)",
    ("chembl", "empty.txt"): "empty.txt holds no ChEMBL id: it is empty",
    ("chembl", "weights.csv"): "none of the columns name, weight is known to hold ChEMBL ids",
    ("chembl", "words.txt"): "words.txt is no list of ChEMBL ids: more than 1,000 of its first 10,000 lines",
    ("chembl", "strangers.txt"): "The input holds no valid ChEMBL id: strangers.txt, line 1: 'aspirin'",
    ("chembl", "CHEMBL10-CHEMBL1"): "CHEMBL10-CHEMBL1: the range runs backwards",
}


@pytest.fixture(scope="module")
def endings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[tuple[str, str], Running]]:
    """A command for each input, all started together."""
    with command_line_in(tmp_path_factory.mktemp("inputs")) as cryoasync:
        (cryoasync.home / "folder").mkdir()
        for name, content in FILES.items():
            (cryoasync.home / name).write_bytes(content)
        yield {
            (source, word): cryoasync.start("run", source, word, "--base-url", UNUSED, "--json")
            for source, word in REFUSED
        }
        assert not (cryoasync.home / "data").exists(), "a server was made"


@pytest.mark.parametrize(("refused", "message"), REFUSED.items(), ids=map("-".join, REFUSED))
def test_an_input_without_ids_is_refused_before_anything_is_started(
    endings: Mapping[tuple[str, str], Running], refused: tuple[str, str], message: str
) -> None:
    ended = endings[refused].end()
    assert (ended.exit_code, ended.error["kind"]) == (2, "input")
    assert message in ended.error["message"]


def test_an_error_is_told_to_people_on_stderr_alone(cryoasync: CommandLine) -> None:
    ended = cryoasync("run", "pubchem", "absent.txt")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: absent.txt: no such file")
    assert "\nhint: " in ended.stderr


@pytest.mark.parametrize(
    ("environment", "toml", "message", "hint"),
    [
        (
            {"CRYOASYNC_RUN__WORKRES": "4"},
            "",
            "CRYOASYNC_RUN__WORKRES in the environment is no setting",
            "CRYOASYNC_RUN__WORKERS",
        ),
        ({}, "[run]\nchunk_sise = 5\n", "run.chunk_sise in", "run.chunk_size"),
        ({}, "[run]\nworkers = 0\n", "run.workers cannot be '0' (file ", None),
    ],
)
def test_a_setting_that_does_not_exist_names_the_nearest_one(
    cryoasync: CommandLine, environment: Mapping[str, str], toml: str, message: str, hint: str | None
) -> None:
    (cryoasync.home / "cryoasync.toml").write_text(toml)
    ended = cryoasync("run", "pubchem", "1", "--base-url", UNUSED, "--json", environment=environment)
    assert (ended.exit_code, ended.error["kind"]) == (2, "settings")
    assert message in ended.error["message"]
    assert hint is None or hint in ended.error["hint"]


def test_wrong_options_are_errors_of_usage(cryoasync: CommandLine) -> None:
    wrong = (("--workers", "many"), ("--no-such-option",), ("--rdkit", "sometimes"), ())
    started = [
        cryoasync.start("run", "pubchem", *(("1", *words) if words else ()), "--json") for words in wrong
    ]
    for words, running in zip(wrong, started, strict=True):
        ended = running.end()
        assert ended.exit_code == 2
        assert (words[0] if words else "No input is given") in ended.error["message"]
