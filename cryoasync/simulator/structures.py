"""Which structure has which CID: real pairs where they are known, the rest of 1..5000 filled up.

All structures come with packages that are installed anyway: the bundled cryoprotectants, and RDKit's own
data, which holds pairs of PubChem's CIDs and SMILES (NIBR's substructure filters), the first 5,000
molecules of the NCI set and a screening library (WEHI). Neither of the latter two has stereo, so every second
molecule that could have some gets it, and a few get an isotope label.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from rdkit import Chem, RDConfig, rdBase

from cryoasync.simulator.molecules import (
    UnusableStructureError,
    assign_stereo,
    label_carbon,
    parse_structure,
    structure_properties,
)
from cryoasync.simulator.properties import PropertyValue

DENSE_CIDS = range(1, 5001)
CRYOPROTECTANTS = resources.files("cryoasync.data") / "cryoprotectants.csv"

_NCI_FILE = Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi"
_WEHI_FILE = Path(RDConfig.RDDataDir) / "Pains" / "test_data" / "wehi_mols.csv"
_NIBR_FILE = (
    Path(RDConfig.RDContribDir)
    / "NIBRSubstructureFilters"
    / "SubstructureFilter_HitTriaging_wPubChemExamples.csv"
)
_NIBR_EXAMPLES_PER_LINE = 5
_LABELLED_EVERY = 97


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """A structure under its CID; ``name`` is its common name, ``registry`` its number in a collection."""

    cid: int
    properties: dict[str, PropertyValue]
    name: str | None = None
    registry: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filler:
    molecule: Chem.Mol
    registry: str


def read_structures() -> list[Structure]:
    """Return every structure of the simulator, sorted by CID, no molecule under two CIDs."""
    with rdBase.BlockLogs():
        known = {structure.cid: structure for structure in _known_structures()}
        taken = {structure.properties["InChIKey"] for structure in known.values()}
        vacant = (cid for cid in DENSE_CIDS if cid not in known)
        filled = list(_fill(vacant, taken))
    return sorted([*known.values(), *filled], key=lambda structure: structure.cid)


def _known_structures() -> Iterator[Structure]:
    with CRYOPROTECTANTS.open(encoding="utf-8") as stream:
        for line in csv.DictReader(stream):
            properties = structure_properties(parse_structure(line["smiles"]))
            yield Structure(cid=int(line["cid"]), name=line["name"], properties=properties)
    seen: set[str] = set()
    with _NIBR_FILE.open(encoding="utf-8", newline="") as stream:
        for line in csv.DictReader(stream):
            for number in range(1, _NIBR_EXAMPLES_PER_LINE + 1):
                cid, smiles = line[f"CID_Ex{number}"], line[f"EX{number}"]
                if cid and cid not in seen:
                    seen.add(cid)
                    yield Structure(cid=int(cid), properties=structure_properties(parse_structure(smiles)))


def _fill(vacant: Iterator[int], taken: set[PropertyValue]) -> Iterator[Structure]:
    fillers = _fillers()
    for cid in vacant:
        for filler in fillers:
            try:
                properties = structure_properties(filler.molecule)
            except UnusableStructureError:
                continue
            if properties["InChIKey"] not in taken:
                taken.add(properties["InChIKey"])
                yield Structure(cid=cid, properties=properties, registry=filler.registry)
                break


def _fillers() -> Iterator[_Filler]:
    for number, (smiles, registry) in enumerate(_collections(), start=1):
        try:
            molecule = parse_structure(smiles)
            if number % _LABELLED_EVERY == 0:
                molecule = label_carbon(molecule)
            elif number % 2:
                molecule = assign_stereo(molecule)
        except UnusableStructureError:
            continue
        yield _Filler(molecule=molecule, registry=registry)


def _collections() -> Iterator[tuple[str, str]]:
    with _NCI_FILE.open(encoding="ascii") as stream:
        for line in stream:
            smiles, number = line.split()
            yield smiles, f"NSC{number}"
    with _WEHI_FILE.open(encoding="ascii", newline="") as stream:
        for smiles, code in csv.reader(stream):
            yield smiles, code
