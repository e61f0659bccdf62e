"""``cryoasync plan``: what an import will take."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table

from cryoasync.cli.command import with_settings
from cryoasync.cli.durations import duration
from cryoasync.cli.import_options import (
    CHEMBL_OPTIONS,
    FILE_OPTIONS,
    PUBCHEM_OPTIONS,
    ChemblInputs,
    Files,
    Inputs,
    Where,
    with_conditions,
)
from cryoasync.cli.options import AsJson
from cryoasync.cli.output import print_json, print_text
from cryoasync.settings import LoadedSettings

if TYPE_CHECKING:
    from cryoasync.service.list_plan import ListPlan
    from cryoasync.service.plan import Cost, Plan

app = typer.Typer(help="Requests, shortest legal time and advice; contacts nobody.", no_args_is_help=True)


@app.command()
@with_settings(*PUBCHEM_OPTIONS)
def pubchem(loaded: LoadedSettings, inputs: Inputs = None, *, as_json: AsJson = False) -> int:
    """Say what importing compounds from PubChem will take. Nobody is contacted and nothing is written."""
    return show_plan(loaded, "pubchem", inputs or [], as_json=as_json)


@app.command()
@with_settings(*CHEMBL_OPTIONS)
def chembl(
    loaded: LoadedSettings, inputs: ChemblInputs = None, *, where: Where = None, as_json: AsJson = False
) -> int:
    """Say what importing molecules from ChEMBL will take. Nobody is contacted and nothing is written."""
    return show_plan(with_conditions(loaded, where), "chembl", inputs or [], as_json=as_json)


@app.command()
@with_settings(*FILE_OPTIONS)
def files(loaded: LoadedSettings, files: Files, *, as_json: AsJson = False) -> int:
    """Say what importing SDF and SMILES files will bring. They are read, and nothing is written."""
    return show_file_plan(loaded, files, as_json=as_json)


def show_file_plan(loaded: LoadedSettings, files: list[str], *, as_json: bool) -> int:
    """Print the plan of an import of files, and return the exit code."""
    # The service loads every library: not for --help.
    from cryoasync.service.file_plan import plan_files  # noqa: PLC0415 - see above

    plan = plan_files(loaded.settings, files)
    if as_json:
        print_json(plan.to_json())
        return 0
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("requested", f"{plan.requested:,} records in {len(plan.paths):,} files")
    table.add_row("own records", f"{plan.own:,}")
    table.add_row("of PubChem", f"{plan.dumped:,}")
    table.add_row("of ChEMBL", f"{plan.of_chembl:,}")
    _add_invalid(table, plan.unreadable, plan.examples)
    table.add_row("requests", "none")
    print_text(table)
    return 0


def show_plan(loaded: LoadedSettings, source: str, inputs: list[str], *, as_json: bool) -> int:
    """Print the plan of an import from a source, and return the exit code."""
    # Sources load their HTTP library: not for --help.
    from cryoasync.service.list_plan import plan_list  # noqa: PLC0415 - see above
    from cryoasync.service.plan import plan_import  # noqa: PLC0415 - see above
    from cryoasync.sources.registry import SOURCES, ListSource  # noqa: PLC0415 - see above

    asked = SOURCES[source](loaded.settings)
    if isinstance(asked, ListSource) and asked.list_digest is not None:
        of_list = plan_list(loaded.settings, asked, inputs)
        return _show(of_list.to_json(), _list_table(of_list), of_list.advice, as_json=as_json)
    plan = plan_import(loaded.settings, asked, inputs)
    return _show(plan.to_json(), _table(plan), plan.advice, as_json=as_json)


def _show(document: dict[str, Any], table: Table, advice: Sequence[str], *, as_json: bool) -> int:
    if as_json:
        print_json(document)
        return 0
    print_text(table)
    for sentence in advice:
        print_text(sentence)
    return 0


def _list_table(plan: "ListPlan") -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("conditions", "; ".join(plan.conditions) or "none: everything")
    table.add_row("requested", f"at most {plan.most:,}")
    table.add_row("pages", f"of up to {plan.page_size:,}")
    table.add_row("requests", f"at most {_cost(plan.cost)} ({plan.requests_per_second:g} a second)")
    return table


def _table(plan: "Plan") -> Table:
    digest = plan.digest
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("requested", f"{digest.requested:,} ({digest.duplicates:,} duplicates left out)")
    table.add_row("valid", f"{digest.valid:,}")
    _add_invalid(table, digest.invalid, plan.invalid_examples)
    table.add_row("chunks", f"{plan.chunks:,} of up to {plan.chunk_size:,}")
    table.add_row("requests", f"{_cost(plan.cost)} ({plan.requests_per_second:g} a second)")
    table.add_row("one id a request", _cost(plan.one_id_a_request))
    return table


def _add_invalid(table: Table, count: int, examples: Sequence[str]) -> None:
    table.add_row("invalid", f"{count:,}")
    for example in examples:
        table.add_row("", example)
    if count > len(examples):
        table.add_row("", "…")


def _cost(cost: "Cost") -> str:
    return f"{cost.requests:,}, in {duration(cost.shortest_seconds)} at the shortest"
