"""What PubChem and ChEMBL give differently for one molecule, and what only looks so."""

from decimal import Decimal
from typing import Any

import pytest

from cryoasync.database.connection import Database
from tests.conftest import Fetch
from tests.integration.database.builders import bring, compound, molecule

KEY = "WQZGKKKJIJFFOK-GASJEMHNSA-N"
OTHER_STEREO = "WQZGKKKJIJFFOK-VFUOTHLCSA-N"
OTHER_STRUCTURE = "XLYOFNOQVPJJNP-UHFFFAOYSA-N"
INCHI = "InChI=1S/C6H12O6/c7-1-2/h2-11H,1H2/t2-,3-/m1/s1"
CONFLICTS = """
SELECT kind, property, joined_by, pubchem_value, chembl_value FROM cryoasync.molecule_conflicts ORDER BY property
"""


@pytest.mark.parametrize(
    ("said", "told", "conflict"),
    [
        pytest.param({"molecular_weight": "180.16"}, {"full_mwt": "180.159"}, None, id="rounded elsewhere"),
        pytest.param({"molecular_weight": "3642"}, {"full_mwt": "3642.45"}, None, id="rounded to the whole"),
        pytest.param(
            {"molecular_weight": "181.17"}, {"full_mwt": "180.16"}, ("mass", "molecular_weight"), id="a mass"
        ),
        pytest.param(
            {"monoisotopic_mass": "180.063388"},
            {"mw_monoisotopic": "180.0634"},
            None,
            id="fewer digits of a monoisotopic mass",
        ),
        pytest.param(
            {"monoisotopic_mass": "180.063388"},
            {"mw_monoisotopic": "180.0742"},
            ("mass", "monoisotopic_mass"),
            id="another monoisotopic mass",
        ),
        pytest.param(
            {"molecular_formula": "C6H13ClNO6+"},
            {"full_molformula": "C6H12NO6.ClH"},
            None,
            id="parts and charge",
        ),
        pytest.param(
            {"molecular_formula": "C6H12O6"},
            {"full_molformula": "C6H12O5S"},
            ("formula", "molecular_formula"),
            id="a formula",
        ),
        pytest.param({"inchi": INCHI}, {"standard_inchi": INCHI}, None, id="equal"),
        pytest.param(
            {"inchi": INCHI},
            {"standard_inchi": INCHI.replace("/t2-,3-", "/t2-,3+")},
            ("stereo", "inchi"),
            id="another stereo layer",
        ),
        pytest.param({"molecular_formula": "C6H12O6"}, {}, None, id="ChEMBL says nothing"),
    ],
)
async def test_what_is_a_conflict_of_one_molecule(
    database: Database,
    fetch: Fetch,
    said: dict[str, Any],
    told: dict[str, Any],
    conflict: tuple[str, str] | None,
) -> None:
    """Figures agree within their last digits, formulas in their atoms."""
    await bring(
        database,
        compound(1, inchikey=KEY, **_decimals(said)),
        molecule("CHEMBL1", standard_inchi_key=KEY, **_decimals(told)),
    )
    found = await fetch(CONFLICTS)
    expected = conflict and (*conflict, "molecule", *said.values(), *told.values())
    assert found == ([expected] if expected else [])


def _decimals(values: dict[str, str]) -> dict[str, Any]:
    """Masses as decimals, the rest as text."""
    return {
        name: Decimal(value) if "m" in name[:2] and value[0].isdigit() else value
        for name, value in values.items()
    }


@pytest.mark.parametrize(
    ("key", "kind"), [(OTHER_STEREO, "stereo"), (OTHER_STRUCTURE, "structure"), (KEY, None)]
)
async def test_a_link_between_two_structures_is_a_conflict(
    database: Database, fetch: Fetch, key: str, kind: str | None
) -> None:
    """UniChem says that they are the same, their keys that they are not."""
    await fetch("INSERT INTO cryoasync.unichem_links VALUES ('CHEMBL1', 1) RETURNING 1")
    await bring(database, compound(1, inchikey=KEY), molecule("CHEMBL1", standard_inchi_key=key))
    assert await fetch(CONFLICTS) == ([(kind, "inchikey", "unichem", KEY, key)] if kind else [])


async def test_one_name_for_two_stereoisomers_is_a_conflict(database: Database, fetch: Fetch) -> None:
    """The skeleton and the name are equal, the rest of the keys is not."""
    await bring(
        database,
        compound(1, inchikey=KEY, title="Glucose"),
        compound(2, inchikey=KEY, title="Another"),
        molecule("CHEMBL1", standard_inchi_key=OTHER_STEREO, pref_name="GLUCOSE"),
        molecule("CHEMBL2", standard_inchi_key=OTHER_STRUCTURE, pref_name="GLUCOSE"),
    )
    assert await fetch(CONFLICTS) == [("stereo", "inchikey", "name", KEY, OTHER_STEREO)]
