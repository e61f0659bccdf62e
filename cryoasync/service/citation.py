"""What must be said of where compounds are from: attribution, release and licence, source by source."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cryoasync
from cryoasync.database.connection import Database
from cryoasync.database.opening import opened_database
from cryoasync.database.provenance import (
    Provenance,
    holds_descriptors_of_chembl,
    is_simulated,
    known_sources,
    provenance_of,
)
from cryoasync.database.reading import reading
from cryoasync.database.runs.choice import chosen_run
from cryoasync.settings import Settings

CC_BY_SA = "CC BY-SA 3.0"
# Of each table that can hold what ChEMBL said, or what was computed from it.
_TABLES_WITH_CHEMBL = frozenset(
    {
        "chembl_molecules",
        "molecules",
        "molecule_sources",
        "molecular_properties",
        "molecule_conflicts",
        "rdkit_descriptors",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attribution:
    """What is said of one source: ``licence`` is a name, or ``None`` where there is no single one."""

    name: str
    url: str
    licence: str | None
    terms: str
    references: tuple[str, ...]


_ATTRIBUTIONS = {
    "pubchem": _Attribution(
        name="PubChem",
        url="https://pubchem.ncbi.nlm.nih.gov",
        licence=None,
        terms="PubChem has no single licence: NCBI places no restrictions on the use of its data, and the terms of"
        " those who contributed them apply (https://www.ncbi.nlm.nih.gov/home/about/policies/).",
        references=(
            (
                "Kim S, Chen J, Cheng T, et al. PubChem 2025 update. Nucleic Acids Res. 2025;53(D1):D1516-D1525."
                " https://doi.org/10.1093/nar/gkae1059"
            ),
        ),
    ),
    "chembl": _Attribution(
        name="ChEMBL",
        url="https://www.ebi.ac.uk/chembl",
        licence=CC_BY_SA,
        terms=f"ChEMBL is licensed under {CC_BY_SA} (https://creativecommons.org/licenses/by-sa/3.0/): keep its ids,"
        " name the release and this address, and pass on what contains it under the same licence.",
        references=(
            (
                "Zdrazil B, Felix E, Hunter F, et al. The ChEMBL Database in 2023. Nucleic Acids Res."
                " 2024;52(D1):D1180-D1192. https://doi.org/10.1093/nar/gkad1004"
            ),
        ),
    ),
    "rdkit": _Attribution(
        name="RDKit",
        url="https://www.rdkit.org",
        licence="BSD-3-Clause",
        terms="What RDKit computed from a structure of ChEMBL derives from that structure.",
        references=("RDKit: Open-source cheminformatics. https://doi.org/10.5281/zenodo.591637",),
    ),
    "unichem": _Attribution(
        name="UniChem",
        url="https://www.ebi.ac.uk/unichem",
        licence=None,
        terms="No licence of UniChem's is known to this program; EMBL-EBI's terms of use apply"
        " (https://www.ebi.ac.uk/about/terms-of-use).",
        references=(
            (
                "Chambers J, Davies M, Gaulton A, et al. UniChem: a unified chemical structure cross-referencing and"
                " identifier tracking system. J Cheminform. 2013;5:3. https://doi.org/10.1186/1758-2946-5-3"
            ),
        ),
    ),
    "files": _Attribution(
        name="Files of your own",
        url="",
        licence=None,
        terms="Their terms are those of whoever made them.",
        references=(),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """The sources of a database or a run; ``simulated`` where nothing of it is real."""

    run_id: int | None
    simulated: bool
    sources: tuple[Provenance, ...]

    def text(self) -> str:
        """Return what can be pasted into a paper or a README."""
        if self.simulated:
            return "These compounds come from a simulator: there is nothing to cite, and nothing to publish."
        if not self.sources:
            return "There are no compounds yet, and nothing to cite."
        return "\n\n".join(map(attribution, self.sources))

    def to_json(self) -> dict[str, Any]:
        """Return what ``cite --json`` prints."""
        return {
            "run_id": self.run_id,
            "simulated": self.simulated,
            "text": self.text(),
            "sources": [_source_json(source) for source in self.sources],
        }


async def cite(settings: Settings, run: str | None) -> Citation:
    """Tell what the compounds of a run are from, or all compounds where ``run`` is ``None``.

    Raises:
        UsageError: there is no such run.
        DatabaseError: the database cannot be used.
    """
    async with opened_database(settings) as database:
        run_id = None if run is None else (await chosen_run(database, run)).id
        async with reading(database) as connection:
            found = [await provenance_of(connection, source, run_id) for source in known_sources()]
            simulated = await is_simulated(connection)
    sources = tuple(source for source in found if source is not None)
    return Citation(run_id=run_id, simulated=simulated, sources=sources)


async def licence_note(database: Database, table: str) -> str | None:
    """Return what must go with an export of a table: the attribution of ChEMBL, where the table can hold some of it."""
    if table not in _TABLES_WITH_CHEMBL:
        return None
    async with reading(database) as connection:
        if await is_simulated(connection) or (
            table == "rdkit_descriptors" and not await holds_descriptors_of_chembl(connection)
        ):
            return None
        chembl = await provenance_of(connection, "chembl")
    return None if chembl is None else attribution(chembl)


def attribution(source: Provenance) -> str:
    """Return a paragraph on what there is of a source, its terms, and what to cite."""
    said = _ATTRIBUTIONS[source.source]
    return "\n".join([_what(source, said), said.terms, *said.references, *_release_references(source)])


def _what(source: Provenance, said: _Attribution) -> str:
    where = f" ({said.url})" if said.url else ""
    match source.source:
        case "files":
            return f"{said.name}: {', '.join(source.versions)}."
        case "rdkit":
            computed = f"{said.name} {_versions(source)}{where}"
            return f"Descriptors of {source.records:,} structures were computed with {computed}."
        case "unichem":
            return f"{source.records:,} links between ChEMBL and PubChem are {said.name}'s{where}."
    release = f", {_versions(source)}" if source.versions else ""
    return (
        f"{source.records:,} records were retrieved from {said.name}{release}{where}{_when(source)}"
        f" with cryoasync {cryoasync.__version__}."
    )


def _versions(source: Provenance) -> str:
    return " and ".join(source.versions)


def _when(source: Provenance) -> str:
    assert source.first is not None, "of PubChem and ChEMBL it is known"
    assert source.last is not None, "see above"
    first, last = f"{source.first:%Y-%m-%d}", f"{source.last:%Y-%m-%d}"
    return f" on {first}" if first == last else f" from {first} to {last}"


def _release_references(source: Provenance) -> Iterator[str]:
    """Yield the DOI of each release of ChEMBL, which EMBL-EBI forms from its number."""
    for version in source.versions if source.source == "chembl" else ():
        if number := re.fullmatch(r"ChEMBL_(\d+)", version):
            yield f"ChEMBL release {number[1]}: https://doi.org/10.6019/CHEMBL.database.{number[1]}"


def _source_json(source: Provenance) -> dict[str, Any]:
    said = _ATTRIBUTIONS[source.source]
    return {
        "source": source.source,
        "name": said.name,
        "url": said.url or None,
        "records": source.records,
        "retrieved_from": source.first,
        "retrieved_to": source.last,
        "versions": list(source.versions),
        "licence": said.licence,
        "terms": said.terms,
        "references": [*said.references, *_release_references(source)],
    }
