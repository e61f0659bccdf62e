"""The simulator's molecules as ChEMBL would tell of them: the same structures, under ids and values of its own.

They come in the order of ChEMBL's list, which is not that of the ids. Values without a program to compute them
are drawn, the same ones each time.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rdkit import Chem, rdBase
from rdkit.Chem import rdMolDescriptors

from cryoasync.simulator.population import Molecule

BIOLOGICS = 60
"""Molecules without a structure, at the end of the list."""

# A prime, so that every number up to the count of molecules is taken once.
_STRIDE = 7919
_PHASES = ("4.0", "3.0", "2.0", "1.0", "0.5", "-1.0", None)
_PHASE_WEIGHTS = (4, 1, 3, 2, 1, 1, 88)
_LACKS_PROPERTIES = 0.03
_LACKS_COMPUTED = 0.01
_LACKS_HIERARCHY = 0.01
_NAMED = 0.4
_SYNONYM_TYPES = ("OTHER", "RESEARCH_CODE", "TRADE_NAME", "INN", "BAN", "USAN", "FDA")
_AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
_COMPUTED = (
    *("alogp", "aromatic_rings", "hba", "hbd", "heavy_atoms", "np_likeness_score", "num_ro5_violations"),
    *("psa", "qed_weighted", "ro3_pass", "rtb"),
)

ChemblMolecule = dict[str, Any]


def number_at(index: int, count: int) -> int:
    """Return the number in the id of the molecule at a place of the list of ``count``."""
    return index * _STRIDE % count + 1


def compute_chembl_molecules(molecules: Sequence[Molecule]) -> list[ChemblMolecule]:
    """Return what ChEMBL says of each of ``molecules``, in order, and of some biologics."""
    count = len(molecules)
    with rdBase.BlockLogs():
        structures = [Chem.MolFromSmiles(molecule.properties["SMILES"]) for molecule in molecules]
        smiles = [Chem.MolToSmiles(structure) for structure in structures]
        id_of_smiles = {text: f"CHEMBL{number_at(index, count)}" for index, text in enumerate(smiles)}
        made = []
        for index, (molecule, structure) in enumerate(zip(molecules, structures, strict=True)):
            identity = f"CHEMBL{number_at(index, count)}"
            parent = _parent_id(smiles[index], id_of_smiles) or identity
            made.append(_small_molecule(identity, parent, molecule, structure, smiles[index]))
    made += [_biologic(f"CHEMBL{count + number}") for number in range(1, BIOLOGICS + 1)]
    return made


def _parent_id(smiles: str, id_of_smiles: Mapping[str, str]) -> str | None:
    """Return the id of a salt's largest part, where that is a molecule of its own."""
    return id_of_smiles.get(max(smiles.split("."), key=len)) if "." in smiles else None


def _small_molecule(
    identity: str, parent: str, molecule: Molecule, structure: Chem.Mol, smiles: str
) -> ChemblMolecule:
    rng = random.Random(identity)
    made = _common(identity, rng, molecule.synonyms)
    made["molecule_hierarchy"] = (
        None
        if rng.random() < _LACKS_HIERARCHY
        else {"active_chembl_id": parent, "molecule_chembl_id": identity, "parent_chembl_id": parent}
    )
    made["molecule_properties"] = _properties(rng, molecule, structure)
    tail = f"> <chembl_id>\n{identity}\n\n> <chembl_pref_name>\n{made['pref_name']}"
    made["molecule_structures"] = {
        "canonical_smiles": smiles,
        "molfile": _molfile(structure) + tail,
        "standard_inchi": molecule.properties["InChI"],
        "standard_inchi_key": molecule.properties["InChIKey"],
    }
    made |= {"molecule_type": "Small molecule", "structure_type": "MOL"}
    return made


def _molfile(structure: Chem.Mol) -> str:
    # Every atom at the origin: to lay thousands of molecules out takes longer than all else here.
    conformer = Chem.Conformer(structure.GetNumAtoms())
    conformer.Set3D(False)
    structure.AddConformer(conformer)
    return Chem.MolToMolBlock(structure)


def _biologic(identity: str) -> ChemblMolecule:
    rng = random.Random(identity)
    made = _common(identity, rng, [f"Peptide {identity}"])
    made["biotherapeutic"] = {
        "biocomponents": [
            {
                "component_id": rng.randrange(1, 10_000),
                "component_type": None,
                "description": f"{identity} chain",
                "organism": "Homo sapiens",
                "sequence": "".join(rng.choices(_AMINO_ACIDS, k=40)),
                "tax_id": 9606,
            }
        ],
        "description": f"{identity} sequence",
        "helm_notation": None,
        "molecule_chembl_id": identity,
    }
    made |= {"molecule_hierarchy": None, "molecule_properties": None, "molecule_structures": None}
    made |= {"molecule_type": "Protein", "structure_type": "SEQ"}
    return made


def _common(identity: str, rng: random.Random, names: Sequence[str]) -> ChemblMolecule:
    [phase] = rng.choices(_PHASES, _PHASE_WEIGHTS)
    approved = phase == "4.0"
    named = bool(names) and (phase is not None or rng.random() < _NAMED)
    return {
        "atc_classifications": [f"A{rng.randrange(1, 17):02}BA{rng.randrange(1, 60):02}"] if approved else [],
        "availability_type": rng.choice((-1, 0, 1, 2)) if approved else None,
        "biotherapeutic": None,
        **{
            flag: int(approved and rng.random() < 0.1)
            for flag in ("black_box_warning", "first_in_class", "orphan")
        },
        "chemical_probe": 0,
        "chirality": rng.choice((-1, 0, 1, 2)),
        "cross_references": [
            {"xref_id": identity.lower(), "xref_name": None, "xref_src": rng.choice(("DailyMed", "EMA"))}
        ]
        if approved
        else [],
        "dosed_ingredient": approved,
        "first_approval": rng.randrange(1939, 2026) if approved else None,
        "helm_notation": None,
        "inorganic_flag": 0,
        "max_phase": phase,
        "molecule_chembl_id": identity,
        "molecule_synonyms": list(_synonyms(rng, names)) if named else [],
        "natural_product": int(rng.random() < 0.1),
        **{route: approved and rng.random() < 0.5 for route in ("oral", "parenteral", "topical")},
        "polymer_flag": 0,
        "pref_name": names[0].upper() if named else None,
        "prodrug": 0,
        "therapeutic_flag": approved,
        **dict.fromkeys(("usan_stem", "usan_stem_definition", "usan_substem", "usan_year")),
        "veterinary": 0,
        "withdrawn_flag": False,
    }


def _synonyms(rng: random.Random, names: Sequence[str]) -> Iterator[dict[str, str]]:
    for name in names[: rng.randrange(1, 8)]:
        for kind in rng.sample(_SYNONYM_TYPES, rng.randrange(1, 3)):
            yield {"molecule_synonym": name, "syn_type": kind, "synonyms": name.upper()}


def _properties(rng: random.Random, molecule: Molecule, structure: Chem.Mol) -> dict[str, Any] | None:
    lacking = rng.random()
    if lacking < _LACKS_PROPERTIES:
        return None
    weight = f"{rdMolDescriptors._CalcMolWt(structure):.2f}"  # noqa: SLF001 - what Descriptors.MolWt is, typed
    logp, _ = rdMolDescriptors.CalcCrippenDescriptors(structure)
    values: dict[str, Any] = {
        "alogp": _hundredths(logp),
        "aromatic_rings": rdMolDescriptors.CalcNumAromaticRings(structure),
        "full_molformula": molecule.properties["MolecularFormula"],
        "full_mwt": weight,
        "hba": molecule.properties["HBondAcceptorCount"],
        "hbd": molecule.properties["HBondDonorCount"],
        "heavy_atoms": molecule.properties["HeavyAtomCount"],
        "mw_freebase": weight,
        "np_likeness_score": _hundredths(rng.uniform(-3, 3)),
        "num_ro5_violations": int(float(weight) > 500) + int(logp > 5),
        "psa": f"{rdMolDescriptors.CalcTPSA(structure):.2f}",
        "qed_weighted": f"{rng.uniform(0.05, 0.95):.2f}",
        "ro3_pass": "Y" if float(weight) < 300 and logp <= 3 else "N",
        "rtb": molecule.properties["RotatableBondCount"],
    }
    if lacking > 1 - _LACKS_COMPUTED:
        # As for compounds of metals, of which only formula and masses are told.
        values |= dict.fromkeys(_COMPUTED)
    return values


def _hundredths(value: float) -> str:
    # Plus zero, for no database keeps the sign of one.
    return f"{round(value, 2) + 0.0:.2f}"


def as_before_release_32(molecule: ChemblMolecule) -> ChemblMolecule:
    """Return a molecule in the shape of releases 26 to 31: whole phases, flags of other types, ChemAxon's values."""
    old = {
        key: value for key, value in molecule.items() if key not in ("chemical_probe", "orphan", "veterinary")
    }
    phase = float(molecule["max_phase"] or 0)
    old |= {
        "chebi_par_id": None,
        "indication_class": None,
        "max_phase": int(max(0, phase)),
        "polymer_flag": bool(molecule["polymer_flag"]),
        **dict.fromkeys(("withdrawn_year", "withdrawn_country", "withdrawn_reason", "withdrawn_class")),
    }
    properties = molecule["molecule_properties"]
    if properties is not None:
        old["molecule_properties"] = properties | {
            **dict.fromkeys(("cx_logd", "cx_logp"), properties["alogp"]),
            **dict.fromkeys(("cx_most_apka", "cx_most_bpka")),
            "hba_lipinski": properties["hba"],
            "hbd_lipinski": properties["hbd"],
            "molecular_species": "NEUTRAL",
            "mw_monoisotopic": f"{properties['full_mwt']}00",
            "num_lipinski_ro5_violations": properties["num_ro5_violations"],
        }
    return old
