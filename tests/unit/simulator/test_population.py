"""Which CIDs exist, and how the molecules are kept."""

from pathlib import Path

import pytest

from cryoasync.simulator import population
from cryoasync.simulator.population import Molecule, Population, kept_path, load_molecules
from cryoasync.simulator.settings import CidRange

MOLECULES = [Molecule(cid=cid, properties={"Title": str(cid)}, synonyms=[]) for cid in (2, 3, 10, 20)]


class Computation:
    """Counts how often the molecules are computed."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> list[Molecule]:
        self.times += 1
        return MOLECULES


@pytest.fixture
def computation(monkeypatch: pytest.MonkeyPatch) -> Computation:
    """In the place of the true one, which takes seconds."""
    computation = Computation()
    monkeypatch.setattr(population, "compute_molecules", computation)
    return computation


def cids(population: Population, start: int, count: int) -> list[int]:
    return [molecule.cid for molecule in population.records(start, count)]


def test_only_molecules_answer_where_nothing_is_made_up() -> None:
    """Any other CID is nobody's."""
    real = Population(MOLECULES)
    assert [real.index_of(cid) for cid in (1, 2, 10, 21)] == [None, 0, 2, None]


def test_records_begin_at_a_cid_and_end_with_the_last() -> None:
    """The truth is given in the order of the CIDs, as many as asked for."""
    real = Population(MOLECULES)
    assert cids(real, 3, 2) == [3, 10]
    assert cids(real, 1, 100) == [2, 3, 10, 20]
    assert cids(real, 21, 5) == []


def test_records_hold_made_up_cids_in_their_place() -> None:
    """Real CIDs before, inside and after the range stand once each, in order."""
    mixed = Population(MOLECULES, CidRange(first=9, last=12))
    assert cids(mixed, 1, 100) == [2, 3, 9, 10, 11, 12, 20]
    assert cids(mixed, 11, 2) == [11, 12]
    [made_up] = mixed.records(9, 1)
    assert made_up.properties == MOLECULES[9 % 4].properties


def test_molecules_are_computed_once_and_then_loaded(tmp_path: Path, computation: Computation) -> None:
    """The second load gives the same molecules without computing them."""
    assert load_molecules(tmp_path / "new") == MOLECULES
    assert load_molecules(tmp_path / "new") == MOLECULES
    assert computation.times == 1


def test_a_damaged_file_is_computed_again(tmp_path: Path, computation: Computation) -> None:
    """Half a file is noticed and replaced."""
    load_molecules(tmp_path)
    path = kept_path(tmp_path)
    path.write_bytes(path.read_bytes()[:-5])
    assert load_molecules(tmp_path) == MOLECULES
    assert load_molecules(tmp_path) == MOLECULES
    assert computation.times == 2


def test_nothing_but_the_finished_file_is_left(tmp_path: Path, computation: Computation) -> None:
    """The file appears under its name in one step."""
    load_molecules(tmp_path)
    assert list(tmp_path.iterdir()) == [kept_path(tmp_path)]


def test_an_interrupted_write_leaves_no_file(
    tmp_path: Path, computation: Computation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted before the last step, the folder is as it was."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_molecules(tmp_path)
    assert list(tmp_path.iterdir()) == []
