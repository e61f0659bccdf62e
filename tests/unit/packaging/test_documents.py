"""The documents say what is true, as far as a program can tell."""

import re
import shlex
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from cryoasync.errors import CryoasyncError
from tests.unit.packaging.command_words import ROOT, all_commands, understand

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(document.relative_to(ROOT)) for document in DOCUMENTS]
ABOUT_CODE = ("CONTRIBUTING.md", "docs/architecture.md")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*)`")


def commands_in(text: str) -> Iterator[list[str]]:
    """Yield the words of each cryoasync command in a document's shell blocks and units."""
    lines = [
        line for language, block in BLOCK.findall(text) if language == "sh" for line in block.splitlines()
    ]
    for line in [*lines, *re.findall(r"^ExecStart=(.*)", text, re.MULTILINE)]:
        tokens = shlex.shlex(line, posix=True, punctuation_chars=True)
        tokens.whitespace_split = True
        for is_operator, segment in groupby(tokens, lambda token: set(token) <= set("|&;<>()")):
            if not is_operator and (words := _words_of(list(segment))) is not None:
                yield words


def _words_of(segment: list[str]) -> list[str] | None:
    """Return what follows the program, or the image or service that runs it."""
    match segment:
        case ["docker", "run", *rest]:
            return rest[rest.index("cryoasync") + 1 :]
        case ["docker", "compose", "run", *rest]:
            return rest[rest.index("importer") + 1 :]
        case [program, *rest] if Path(program).name == "cryoasync":
            return rest
    return None


COMMANDS = [
    pytest.param(words, id=f"{name}: {' '.join(words)}")
    for name, document in zip(NAMES, DOCUMENTS, strict=True)
    for words in commands_in(document.read_text("utf-8"))
]


@pytest.mark.parametrize("words", COMMANDS)
def test_the_command_line_takes_every_command_in_the_documents(words: list[str]) -> None:
    """What a reader copies works."""
    understand(words)


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_command_that_a_sentence_names_exists(document: Path) -> None:
    """Also where its arguments are left out."""
    sentences = BLOCK.sub("", document.read_text("utf-8"))
    known = [command.split() for command in all_commands()]
    unknown = [
        named
        for named in re.findall(r"`cryoasync ((?!-)[^`]+)`", sentences)
        if not any(_agree(named.split(), command) for command in known)
    ]
    assert unknown == []


def _agree(named: list[str], command: list[str]) -> bool:
    shorter = min(len(named), len(command))
    return named[:shorter] == command[:shorter]


def test_the_readme_lists_every_command_and_no_other() -> None:
    """Its table is the whole of the command line at a glance."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert sorted(re.findall(r"^\| `cryoasync ([\w -]+)` \|", readme, re.MULTILINE)) == sorted(all_commands())


def test_the_readme_explains_every_exit_code_of_an_error() -> None:
    """And the page on operations says what to do about it."""
    codes = {str(error.exit_code) for error in _errors(CryoasyncError)}
    for page in ("README.md", "docs/operations.md"):
        rows = re.findall(r"^\| ([\d, ]+) \|", (ROOT / page).read_text("utf-8"), re.MULTILINE)
        assert codes | {"0", "1", "130", "143"} <= set(", ".join(rows).split(", "))


def _errors(error: type[CryoasyncError]) -> Iterator[type[CryoasyncError]]:
    yield error
    for below in error.__subclasses__():
        yield from _errors(below)


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_link_leads_to_a_file(document: Path) -> None:
    """Addresses of other sites are left to the reader."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text("utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("name", [name for name in NAMES if name in ABOUT_CODE or "/decisions/" in name])
def test_every_file_that_is_named_exists(name: str) -> None:
    """From the project's folder, or from the package's."""
    paths = PATH.findall((ROOT / name).read_text("utf-8"))
    assert [
        path for path in paths if not ((ROOT / path).exists() or (ROOT / "cryoasync" / path).exists())
    ] == []


def test_the_index_of_decisions_holds_every_page_under_its_title() -> None:
    """A decision that cannot be found is made again."""
    folder = ROOT / "docs" / "decisions"
    titles = {
        path.name: path.read_text("utf-8").partition("\n")[0].partition(". ")[2]
        for path in folder.glob("0*.md")
    }
    index = (folder / "README.md").read_text("utf-8")
    assert dict(re.findall(r"^\| \[\d+\]\(([^)]+)\) \| (.*) \|$", index, re.MULTILINE)) == titles
