"""Places in a list, and which of them one request may ask for."""

import pytest

from cryoasync.sources.chembl.endpoints import first_run, is_place, molecules, place, position_of


def test_a_place_is_no_chembl_id() -> None:
    """And tells where it is."""
    assert (is_place(place(17)), is_place("CHEMBL17")) == (True, False)
    assert position_of(place(17)) == 17


@pytest.mark.parametrize(
    ("positions", "run"),
    [
        ([0], (0, 1)),
        (range(2000, 3000), (2000, 1000)),
        (range(998, 1003), (998, 2)),
        ([5, 6, 8, 9], (5, 2)),
        ([7, 3], (7, 1)),
    ],
)
def test_one_request_asks_for_neighbours_on_one_page(positions: range, run: tuple[int, int]) -> None:
    """Across a border of a thousand, molecules were seen twice and others not at all."""
    assert first_run([place(position) for position in positions]) == run


def test_an_answer_is_kept_for_its_release() -> None:
    """One of an older release is another answer."""
    assert molecules("ChEMBL_36").cache_key != molecules("ChEMBL_37").cache_key


def test_only_what_can_be_read_is_kept() -> None:
    """Else the cache would hide the better answer that comes next time."""
    tells = molecules("ChEMBL_37").tells
    assert [tells(raw) for raw in (b'{"molecule_chembl_id": "CHEMBL1"}', b"{}", b'{"molecule_')] == [  # type: ignore[arg-type]
        True,
        False,
        False,
    ]
