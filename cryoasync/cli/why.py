"""``cryoasync why``: all that happened to one compound."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table

from cryoasync.cli.command import with_settings
from cryoasync.cli.database_options import DATABASE_OPTIONS
from cryoasync.cli.durations import duration, moment
from cryoasync.cli.options import AsJson
from cryoasync.cli.output import print_json, print_text
from cryoasync.settings import LoadedSettings

if TYPE_CHECKING:
    from cryoasync.service.compound_report import CompoundReport

NEVER_ASKED_FOR = "never asked for"


@with_settings(*DATABASE_OPTIONS, "run.cache", "pubchem.base_url")
async def why(
    loaded: LoadedSettings,
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="A CID (2244, CID2244), a ChEMBL id, an InChIKey, or FILE#RECORD."
        ),
    ],
    *,
    as_json: AsJson = False,
) -> int:
    """Tell all that happened to one compound: its row, its runs, requests, failures, and the cache."""
    # The database's library is not for --help.
    from cryoasync.database.opening import opened_database  # noqa: PLC0415 - see above
    from cryoasync.service.compound_report import compound_reports, read_key  # noqa: PLC0415 - see above

    wanted = read_key(key)
    async with opened_database(loaded.settings) as database:
        reports = await compound_reports(database, loaded.settings, wanted, lambda: datetime.now(UTC))
    if as_json:
        message = None if reports else NEVER_ASKED_FOR
        compounds = [report.to_json() for report in reports]
        print_json({"key": key, "known": bool(reports), "message": message, "compounds": compounds})
    elif reports:
        for report in reports:
            print_text(*_parts(report))
    else:
        print_text(f"{key} was {NEVER_ASKED_FOR}.")
    return 0


def _parts(report: "CompoundReport") -> Iterator[RenderableType]:
    history = report.history
    yield _facts(report)
    if history.entries:
        runs = _table("run", "name", "position", "line", "state", "reason")
        for entry in history.entries:
            _add(runs, *(entry[c] for c in ("run_id", "run_name", "position", "line", "state", "reason")))
        yield runs
    if history.requests:
        requests = _table("request", "endpoint", "run", "ids", "seconds", "status", "decision")
        for request in history.requests:
            perhaps = "" if request["certain"] else " (perhaps without this one)"
            _add(
                requests,
                moment(request["sent_at"]),
                *(request[c] for c in ("endpoint", "run_id", "ids")),
                f"{request['seconds']:.2f}",
                request["status"],
                request["decision"] + perhaps,
            )
        yield requests
    if history.failures:
        failures = _table("failure", "run", "attempts", "last seen", "resolved", "message")
        for failure in history.failures:
            times = (moment(failure["last_seen"]), moment(failure["resolved_at"]))
            _add(
                failures, failure["kind"], failure["run_id"], failure["attempts"], *times, failure["message"]
            )
        yield failures


def _facts(report: "CompoundReport") -> Table:
    history = report.history
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_row("compound", f"{report.source} {history.source_id}")
    if history.row is None:
        facts.add_row("imported", "no")
    else:
        for name, fact in _FACTS[report.source](history.row):
            facts.add_row(name, fact)
    if history.descriptors is None:
        facts.add_row("RDKit", "nothing computed")
    else:
        computed_at = moment(history.descriptors["computed_at"])
        facts.add_row("RDKit", f"computed at {computed_at} by version {history.descriptors['rdkit_version']}")
    if report.source == "files":
        return facts
    cached = [f"{answer.endpoint}, {duration(answer.age_seconds)} old" for answer in report.cached]
    facts.add_row("cache", "; ".join(cached) or "nothing")
    return facts


def _of_compound(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return _of_answer(row, "title", "molecular_formula", "smiles", "inchikey")


def _of_molecule(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return _of_answer(
        row, "chembl_release", "pref_name", "full_molformula", "canonical_smiles", "standard_inchi_key"
    )


def _of_answer(row: Mapping[str, Any], *columns: str) -> Iterator[tuple[str, str]]:
    yield "imported", f"yes, as the source said at {moment(row['fetched_at'])}, by run {row['run_id']}"
    for column in columns:
        yield column.replace("_", " "), "-" if row[column] is None else str(row[column])
    yield "synonyms", "not asked for" if row["synonyms"] is None else f"{len(row['synonyms']):,}"


def _of_record(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "imported", f"yes, as the file said, by run {row['run_id']}"
    yield "name", row["source_id"] or "-"
    if row["smiles"] is not None:
        yield "smiles", row["smiles"]
    yield "fields", ", ".join(row["fields"] or ()) or "-"


_FACTS = {"pubchem": _of_compound, "chembl": _of_molecule, "files": _of_record}


def _table(*titles: str) -> Table:
    return Table(*titles, box=None, pad_edge=False)


def _add(table: Table, *cells: object) -> None:
    table.add_row(*("-" if cell is None else str(cell) for cell in cells))
