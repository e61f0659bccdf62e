"""What is built is complete: whoever installs it has everything that a run needs."""

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest

import cryoasync
from tests.unit.packaging.command_words import ROOT


def build(project: Path, kind: str, into: Path) -> Path:
    """Build a distribution by the project's own backend, without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(into)]
    subprocess.run(command, cwd=project, capture_output=True, check=True)
    (built,) = into.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel of this checkout."""
    with zipfile.ZipFile(build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))) as built:
        yield built


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    """SQL, migrations, the bundled list and py.typed as well as modules; and nothing beside the package."""
    packaged = {name for name in wheel.namelist() if ".dist-info/" not in name}
    present = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "cryoasync").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packaged == present
    assert packaged >= {
        "cryoasync/py.typed",
        "cryoasync/data/cryoprotectants.csv",
        "cryoasync/database/migrations/0001_initial.sql",
        "cryoasync/database/sql/settle_spans.sql",
    }


def test_the_wheels_metadata_tells_what_it_is(wheel: zipfile.ZipFile) -> None:
    """The command, the version that the package says of itself, the licence and the oldest Python."""
    info = f"cryoasync-{cryoasync.__version__}.dist-info"
    metadata = Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
    assert "cryoasync = cryoasync.__main__:main" in wheel.read(f"{info}/entry_points.txt").decode()
    assert (metadata["Name"], metadata["Version"]) == ("cryoasync", cryoasync.__version__)
    assert (metadata["License-Expression"], metadata["Requires-Python"]) == ("MIT", ">=3.11")
    assert f"{info}/licenses/LICENSE" in wheel.namelist()
    assert metadata.get_payload() == (ROOT / "README.md").read_text("utf-8")


def test_the_sdist_builds_the_same_wheel(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Nothing that the build needs is missing from it."""
    sdist = build(ROOT, "sdist", tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (project,) = (tmp_path / "source").iterdir()
    with zipfile.ZipFile(build(project, "wheel", tmp_path / "wheel")) as rebuilt:
        assert sorted(rebuilt.namelist()) == sorted(wheel.namelist())
