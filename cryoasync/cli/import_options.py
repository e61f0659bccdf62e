"""The words and options of the commands that import, or say what an import would take."""

from dataclasses import replace
from typing import Annotated

import typer

from cryoasync.settings import LoadedSettings

_RUN_OPTIONS = (
    "run.name",
    "run.restart",
    "run.takeover",
    "run.refresh",
    "run.max_age_days",
    "run.workers",
    "run.chunk_size",
    "run.sequential",
    "run.rdkit",
    "run.cache",
    "run.max_rate",
    "run.cautious",
    "run.limit",
    "run.patience_seconds",
    "run.simulate",
    "run.scenario",
    "run.seed",
    "run.progress",
)
PUBCHEM_OPTIONS = (*_RUN_OPTIONS, "run.synonyms", "run.properties", "pubchem.base_url")
"""The settings that an import from PubChem has options for."""

CHEMBL_OPTIONS = (*_RUN_OPTIONS, "chembl.everything", "chembl.base_url")
"""The settings that an import from ChEMBL has options for."""

FILE_OPTIONS = (
    "files.id_tag",
    "run.name",
    "run.restart",
    "run.takeover",
    "run.workers",
    "run.sequential",
    "run.rdkit",
    "run.limit",
    "run.patience_seconds",
    "run.progress",
)
"""The settings that an import of files has options for."""

Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[INPUT]...", help="Files of CIDs, - for standard input, CIDs, or ranges such as 1-5000."
    ),
]

ChemblInputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[INPUT]...",
        help="Files of ChEMBL ids, - for standard input, ids, or ranges such as CHEMBL1-CHEMBL5000.",
    ),
]

Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="FIELD__OPERATOR=VALUE",
        help="Import what fulfils this instead of ids, as max_phase__gte=1; of several, what fulfils all.",
        show_default=False,
    ),
]

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE", help="SDF and SMILES files, .gz too: .sdf, .sd, .mol, .smi, .csv and the like."
    ),
]


def with_conditions(loaded: LoadedSettings, where: list[str] | None) -> LoadedSettings:
    """Return the settings with the conditions of the command line in the place of others."""
    if not where:
        return loaded
    chembl = loaded.settings.chembl.model_copy(update={"where": tuple(where)})
    return replace(loaded, settings=loaded.settings.model_copy(update={"chembl": chembl}))
