"""Sets of ChEMBL ids."""

from cryoasync.sources.chembl.seen import SeenIds


def test_an_id_is_new_once() -> None:
    """Whatever was there at the start counts."""
    seen = SeenIds(["CHEMBL1", "#7"])
    assert [seen.add(each) for each in ("CHEMBL1", "CHEMBL2", "CHEMBL2")] == [False, True, False]
    assert len(seen) == 2


def test_what_is_no_id_is_always_new() -> None:
    """A place that was not looked at says nothing."""
    seen = SeenIds(["#7"])
    assert (seen.add("#7"), seen.add("#7"), len(seen)) == (True, True, 0)


def test_what_others_lack_is_told_in_order() -> None:
    """By their numbers."""
    assert list(SeenIds(["CHEMBL10", "CHEMBL9", "CHEMBL1"]).without(SeenIds(["CHEMBL9"]))) == [
        "CHEMBL1",
        "CHEMBL10",
    ]
