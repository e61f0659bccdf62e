"""Compounds with what the benchmarks of molecules need, made in the database."""

from benchmarks.postgres import execute

_LETTERS = "translate(md5(cid::text), '0123456789abcdef', 'ABCDEFGHIJKLMNOP')"
INCHIKEY_SQL = f"left({_LETTERS}, 14) || '-' || upper(right({_LETTERS}, 8)) || 'SA-N'"
"""An InChIKey of its own for each ``cid``."""

_FILL = f"""
INSERT INTO cryoasync.pubchem_compounds
    (cid, title, smiles, molecular_formula, inchikey, molecular_weight, exact_mass, monoisotopic_mass, xlogp, tpsa,
     complexity, charge, h_bond_donor_count, h_bond_acceptor_count, rotatable_bond_count, heavy_atom_count,
     isotope_atom_count, defined_atom_stereo_count, undefined_atom_stereo_count, covalent_unit_count, synonyms,
     fetched_at, run_id)
SELECT cid, 'compound ' || cid, repeat('CC(=O)N', 5), 'C20H21N5O5', {INCHIKEY_SQL},
       (cid % 50000)::numeric / 100, (cid % 500000)::numeric / 1000, (cid % 500000)::numeric / 1000, cid % 7, cid % 90,
       cid % 500, 0, cid % 5, cid % 9, cid % 11, cid % 40, 0, 0, 0, 1, '{{}}', now(), 1
FROM generate_series($1::bigint, $2::bigint) AS cid
"""


async def fill_pubchem(dsn: str, first: int, last: int) -> None:
    """Write compounds with 15 numeric values each, as if a run without molecules had imported them."""
    await execute(dsn, _FILL, first, last)
    await execute(dsn, "INSERT INTO cryoasync.molecule_backlog VALUES ('pubchem', $1)", str(first - 1))
