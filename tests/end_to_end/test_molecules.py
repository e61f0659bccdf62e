"""PubChem and ChEMBL into one table of molecules, by the commands."""

import asyncio
import json

import pytest

from tests.conftest import run_statement
from tests.end_to_end.commands import CommandLine, Ended
from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.tables import query

COMPOUNDS = 400
_TABLES = {
    "molecules": "SELECT * FROM cryoasync.molecules ORDER BY id",
    "molecule_sources": 'SELECT * FROM cryoasync.molecule_sources ORDER BY source, source_id COLLATE "C"',
    "molecular_properties": (
        "SELECT molecule_id, property, value_numeric::text, value_text, unit, source, method, source_id"
        " FROM cryoasync.molecular_properties ORDER BY molecule_id, property, source, source_id"
    ),
    "molecule_parents": "SELECT * FROM cryoasync.molecule_parents ORDER BY chembl_id",
}
_FORGET = (
    "TRUNCATE cryoasync.molecules, cryoasync.molecule_sources, cryoasync.molecule_redirects,"
    " cryoasync.pubchem_compounds, cryoasync.chembl_molecules, cryoasync.rdkit_descriptors, cryoasync.runs CASCADE"
)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_order_of_two_sources_makes_no_difference(
    cryoasync: CommandLine, at_once: RunningSimulator, dsn: str
) -> None:
    """PubChem first, ChEMBL first, both at once: equal molecules, records, values, parents."""
    chembl_url = at_once.base_url.removesuffix("/rest/pug") + "/chembl/api/data"
    common = ("--no-cache", "--dsn", dsn, "--json")
    cryoasync.environment["CRYOASYNC_RUN__BATCH_ROWS"] = "50"
    pubchem = ("run", "pubchem", f"1-{COMPOUNDS}", "--no-synonyms", *common)
    chembl = (
        "run",
        "chembl",
        "--where",
        "molecule_properties__full_mwt__lte=150",
        "--base-url",
        chembl_url,
        *common,
    )
    ends = []
    for order in ((pubchem, chembl), (chembl, pubchem)):
        for words in order:
            _well(cryoasync(*words))
        ends.append(_state(dsn))
        asyncio.run(run_statement(dsn, _FORGET))
    both = [cryoasync.start(*words) for words in (pubchem, chembl)]
    for running in both:
        _well(running.end())
    ends.append(_state(dsn))
    assert ends[0] == ends[1]
    assert ends[0] == ends[2]
    joined = "SELECT molecule_id FROM cryoasync.molecule_sources GROUP BY molecule_id HAVING count(DISTINCT source) = 2"
    assert len(query(dsn, joined)) > 10


def _well(ended: Ended) -> None:
    assert ended.exit_code == 0, ended.stderr
    assert json.loads(ended.stdout)["imported"] > 0


def _state(dsn: str) -> dict[str, list[tuple[object, ...]]]:
    return {table: query(dsn, statement) for table, statement in _TABLES.items()}
