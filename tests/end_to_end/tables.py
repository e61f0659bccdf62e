"""What is in the database, and what should be there by the simulator's own account."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import asyncpg

from cryoasync.database.embedded import EmbeddedServer, ServerState
from tests.end_to_end.simulators import RunningSimulator

# Written down here once more, since the package's own table is what is tested.
NAME_OF_COLUMN = {
    "title": "Title",
    "iupac_name": "IUPACName",
    "molecular_formula": "MolecularFormula",
    "smiles": "SMILES",
    "connectivity_smiles": "ConnectivitySMILES",
    "inchi": "InChI",
    "inchikey": "InChIKey",
    "molecular_weight": "MolecularWeight",
    "exact_mass": "ExactMass",
    "monoisotopic_mass": "MonoisotopicMass",
    "xlogp": "XLogP",
    "tpsa": "TPSA",
    "complexity": "Complexity",
    "charge": "Charge",
    "h_bond_donor_count": "HBondDonorCount",
    "h_bond_acceptor_count": "HBondAcceptorCount",
    "rotatable_bond_count": "RotatableBondCount",
    "heavy_atom_count": "HeavyAtomCount",
    "isotope_atom_count": "IsotopeAtomCount",
    "atom_stereo_count": "AtomStereoCount",
    "defined_atom_stereo_count": "DefinedAtomStereoCount",
    "undefined_atom_stereo_count": "UndefinedAtomStereoCount",
    "bond_stereo_count": "BondStereoCount",
    "defined_bond_stereo_count": "DefinedBondStereoCount",
    "undefined_bond_stereo_count": "UndefinedBondStereoCount",
    "covalent_unit_count": "CovalentUnitCount",
}
_COLUMNS = (*NAME_OF_COLUMN, "synonyms", "extra")
# As text, so that trailing zeros count.
_SELECTED = ", ".join(
    f"{column}::text" if "mass" in column or "weight" in column else column for column in _COLUMNS
)

Compound = dict[str, Any]
Table = list[tuple[Any, ...]]

_RUN_FREE_TABLES = {
    "pubchem_compounds": f"SELECT cid, {_SELECTED} FROM cryoasync.pubchem_compounds ORDER BY cid",
    "chembl_molecules": (
        "SELECT to_jsonb(m) - 'fetched_at' - 'run_id' FROM cryoasync.chembl_molecules AS m ORDER BY chembl_id"
    ),
    "rdkit_descriptors": (
        "SELECT to_jsonb(d) - 'computed_at' FROM cryoasync.rdkit_descriptors AS d ORDER BY source, source_id"
    ),
    "run_entries": "SELECT position, source_id, line, state, reason FROM cryoasync.run_entries ORDER BY position",
    "counts": "SELECT requested, imported, not_found, invalid, failed, pending, status FROM cryoasync.runs",
    "failures": (
        "SELECT source, source_id, kind, message, attempts, resolved_at IS NULL FROM cryoasync.failures"
        " ORDER BY source, source_id, kind"
    ),
}


def query(dsn: str, statement: str, *arguments: object) -> Table:
    """Run one query on a connection of its own."""

    async def run() -> Table:
        connection = await asyncpg.connect(dsn)
        try:
            return [tuple(record) for record in await connection.fetch(statement, *arguments)]
        finally:
            await connection.close()

    return asyncio.run(run())


def value(dsn: str, statement: str, *arguments: object) -> Any:
    """Return the one value that a query gives."""
    [(found,)] = query(dsn, statement, *arguments)
    return found


def imported(dsn: str) -> int:
    """Count the compounds that the runs have imported."""
    return int(value(dsn, "SELECT coalesce(sum(imported), 0) FROM cryoasync.runs"))


def cids(dsn: str) -> list[int]:
    """Return the CIDs of the compounds, in order."""
    return [cid for (cid,) in query(dsn, "SELECT cid FROM cryoasync.pubchem_compounds ORDER BY cid")]


def compounds_so_far(server: EmbeddedServer, database: str) -> int:
    """Count the compounds in an embedded server, from before there is one."""
    if server.status().state is ServerState.RUNNING:
        with suppress(asyncpg.PostgresError, OSError):
            return len(cids(server.dsn(database)))
    return 0


def compounds(dsn: str) -> dict[int, Compound]:
    """Return what is in the table of compounds, but for times and runs."""
    rows = query(dsn, _RUN_FREE_TABLES["pubchem_compounds"])
    return {cid: dict(zip(_COLUMNS, values, strict=True)) for cid, *values in rows}


def true_compounds(simulator: RunningSimulator, first: int, count: int) -> dict[int, Compound]:
    """Return what a complete import of the first ``count`` compounds from a CID on brings."""
    return {record["row"]["CID"]: _true_compound(record) for record in simulator.records(first, count)}


def run_free_tables(dsn: str) -> dict[str, Table]:
    """Return the content of every table, but for times, the numbers of runs, and the requests it took."""
    return {name: query(dsn, statement) for name, statement in _RUN_FREE_TABLES.items()}


def states(dsn: str, wanted: Iterable[str] = ("source_id", "state")) -> Table:
    """Return columns of the entries of the latest run, in the order of the input."""
    return query(
        dsn,
        f"SELECT {', '.join(wanted)} FROM cryoasync.run_entries"
        " WHERE run_id = (SELECT max(id) FROM cryoasync.runs) ORDER BY position",
    )


def _true_compound(record: dict[str, Any]) -> Compound:
    row = record["row"]
    compound = {column: row.get(name) for column, name in NAME_OF_COLUMN.items()}
    return compound | {"synonyms": record["synonyms"], "extra": None}
