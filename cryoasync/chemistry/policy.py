"""When a computation can stand in for what PubChem left out."""

from collections.abc import Collection

FILLABLE_COLUMNS = {
    "smiles": "canonical_smiles",
    "inchi": "inchi",
    "inchikey": "inchikey",
    "molecular_formula": "molecular_formula",
    "molecular_weight": "molecular_weight",
    "monoisotopic_mass": "exact_mass",
    "charge": "formal_charge",
    "heavy_atom_count": "heavy_atoms",
}
"""Columns of ``pubchem_compounds`` that RDKit computes by the same definition, and its name for each.

Left out on purpose, though RDKit has a number of a similar name:

- ``xlogp`` is XLogP3, RDKit's is Wildman and Crippen's;
- ``tpsa`` counts sulfur and phosphorus too (36.3 Å² for DMSO, where RDKit's default says 17.1);
- ``exact_mass`` is that of the most intense isotopic composition, RDKit's is the monoisotopic mass (they
  part where several bromine or chlorine atoms meet);
- hydrogen-bond and rotatable-bond counts follow Cactvs' patterns (aspirin: 4 acceptors and 3 rotatable
  bonds, RDKit's: 3 and 2).
"""


def can_fill(absent: Collection[str]) -> bool:
    """Whether RDKit computes at least one of the absent columns by the same definition.

    >>> can_fill({"xlogp", "iupac_name"})
    False
    >>> can_fill({"xlogp", "inchikey"})
    True
    """
    return not FILLABLE_COLUMNS.keys().isdisjoint(absent)
