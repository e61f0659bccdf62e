"""Answers as bytes, against the forms that PubChem was seen to use."""

import json

from cryoasync.simulator.answers import Answers, fault_body
from cryoasync.simulator.population import Molecule, Population
from cryoasync.simulator.settings import CidRange

ASPIRIN = Molecule(
    cid=2244,
    properties={
        "MolecularFormula": "C9H8O4",
        "MolecularWeight": "180.16",
        "SMILES": "CC(=O)OC1=CC=CC=C1C(=O)O",
        "ConnectivitySMILES": "CC(=O)OC1=CC=CC=C1C(=O)O",
        "Title": 'Aspirin "β"',
        "XLogP": 1.2,
    },
    synonyms=["aspirin", "50-78-2"],
)
NAMELESS = Molecule(cid=9000, properties={"MolecularFormula": "CH4"}, synonyms=[])
NAMES = ("XLogP", "MolecularWeight", "MolecularFormula", "CanonicalSMILES")


def make_answers(*, pretty: bool, old_names: bool = False, made_up: CidRange | None = None) -> Answers:
    return Answers(Population([ASPIRIN, NAMELESS], made_up), pretty=pretty, old_names=old_names)


def test_a_pretty_table_is_printed_as_pubchem_prints_it() -> None:
    """Two spaces, PubChem's order of keys, the new key for an old name, one line end at the end."""
    answers = make_answers(pretty=True)
    body = answers.render_properties(answers.property_rows([2244], NAMES))
    rows = [
        {
            "CID": 2244,
            "MolecularFormula": "C9H8O4",
            "MolecularWeight": "180.16",
            "ConnectivitySMILES": "CC(=O)OC1=CC=CC=C1C(=O)O",
            "XLogP": 1.2,
        }
    ]
    assert body.decode() == json.dumps({"PropertyTable": {"Properties": rows}}, indent=2) + "\n"


def test_pretty_synonyms_are_printed_as_pubchem_prints_them() -> None:
    """Nested lists are indented like everything else."""
    answers = make_answers(pretty=True)
    body = answers.render_synonyms(answers.synonym_rows([9000, 2244]))
    information = [{"CID": 9000}, {"CID": 2244, "Synonym": ["aspirin", "50-78-2"]}]
    assert body.decode() == json.dumps({"InformationList": {"Information": information}}, indent=2) + "\n"


def test_compact_and_pretty_answers_say_the_same() -> None:
    """The layouts differ in white space alone; quotes and Greek letters survive both."""
    tables = []
    for pretty in (True, False):
        answers = make_answers(pretty=pretty)
        rows = answers.property_rows([2244, 9000, 5], (*NAMES, "Title"))
        tables.append(json.loads(answers.render_properties(rows)))
    assert tables[0] == tables[1]
    assert tables[0]["PropertyTable"]["Properties"][0]["Title"] == 'Aspirin "β"'


def test_rows_come_in_the_order_asked_and_unknown_cids_are_bare() -> None:
    """A CID nobody knows has a row with nothing but itself, a duplicate has two."""
    answers = make_answers(pretty=False)
    rows = json.loads(answers.render_properties(answers.property_rows([5, 9000, 2244, 5], ["Title"])))
    assert rows["PropertyTable"]["Properties"] == [
        {"CID": 5},
        {"CID": 9000},
        {"CID": 2244, "Title": 'Aspirin "β"'},
        {"CID": 5},
    ]


def test_old_keys_are_given_where_asked_for() -> None:
    """An answer from before 2025 has the old keys, connectivity first, whatever names were asked for."""
    answers = make_answers(pretty=False, old_names=True)
    table = json.loads(
        answers.render_properties(answers.property_rows([2244], ["SMILES", "CanonicalSMILES"]))
    )
    row = table["PropertyTable"]["Properties"][0]
    assert set(row) == {"CID", "CanonicalSMILES", "IsomericSMILES"}


def test_a_made_up_cid_has_the_row_of_a_real_molecule() -> None:
    """The molecule is the one at the CID's remainder; real CIDs in the range stay themselves."""
    answers = make_answers(pretty=False, made_up=CidRange(first=1000, last=3000))
    rows = answers.property_rows([1000, 1001, 2244, 3001], ["MolecularFormula"])
    assert [cid for cid, _ in rows] == [1000, 1001, 2244, 3001]
    aspirin, methane = b',"MolecularFormula":"C9H8O4"', b',"MolecularFormula":"CH4"'
    assert [rest for _, rest in rows] == [aspirin, methane, aspirin, b""]


def test_a_fault_is_printed_to_the_byte_as_pubchem_printed_it() -> None:
    """The refusal for too many requests has the 109 bytes that were recorded."""
    body = fault_body("PUGREST.ServerBusy", "Too many requests or server too busy")
    fault = {"Code": "PUGREST.ServerBusy", "Message": "Too many requests or server too busy"}
    assert body.decode() == json.dumps({"Fault": fault}, indent=2) + "\n"
    assert len(body) == 109


def test_details_of_a_fault_are_a_list() -> None:
    """Details stand under their own key, and only where there are some."""
    fault = json.loads(fault_body("PUGREST.NotFound", "No CID found", "No CID found that matches"))
    assert fault["Fault"]["Details"] == ["No CID found that matches"]
