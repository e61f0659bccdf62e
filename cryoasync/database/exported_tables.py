"""The tables and views that can be exported, and the query that reads one of them."""

import difflib
from collections.abc import Collection
from dataclasses import dataclass

from cryoasync.database.connection import Database
from cryoasync.database.runs.choice import chosen_run
from cryoasync.database.stream import Selection, selection_of
from cryoasync.errors import UsageError

_BY_RUN_ID = "run_id = $1"
# Whichever run fetched it last, a compound belongs to every run that was asked for it. One whose synonyms
# alone failed has its row all the same. A file of PubChem's names compounds in records of its own.
OF_RUN = """
SELECT runs.source, entries.source_id
FROM cryoasync.run_entries AS entries
JOIN cryoasync.runs ON runs.id = entries.run_id
WHERE entries.run_id = $1 AND entries.state IN ('imported', 'failed')
UNION ALL
SELECT 'pubchem', cid::text
FROM cryoasync.pubchem_compounds
WHERE run_id = $1
"""
_MOLECULES_OF_RUN = f"""
SELECT molecule_id FROM cryoasync.molecule_sources WHERE (source, source_id) IN ({OF_RUN})
"""  # noqa: S608 - constants of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exported:
    """The order of a table's rows, and which of them belong to run ``$1``."""

    order: str
    of_run: str = _BY_RUN_ID


_TABLES = {
    # The number becomes text, not the reverse: the ids of another source's run are no numbers.
    "pubchem_compounds": _Exported(order="cid", of_run=f"('pubchem', cid::text) IN ({OF_RUN})"),
    "chembl_molecules": _Exported(order="chembl_id", of_run=f"('chembl', chembl_id) IN ({OF_RUN})"),
    "rdkit_descriptors": _Exported(order="source, source_id", of_run=f"(source, source_id) IN ({OF_RUN})"),
    "file_records": _Exported(order="file, record"),
    "molecules": _Exported(order="id", of_run=f"id IN ({_MOLECULES_OF_RUN})"),
    "molecule_sources": _Exported(order="source, source_id", of_run=f"(source, source_id) IN ({OF_RUN})"),
    "molecular_properties": _Exported(
        order="molecule_id, property, source, source_id", of_run=f"molecule_id IN ({_MOLECULES_OF_RUN})"
    ),
    "molecule_conflicts": _Exported(
        order="kind, cid, chembl_id, property", of_run=f"molecule_id IN ({_MOLECULES_OF_RUN})"
    ),
    "run_entries": _Exported(order="run_id, position"),
    "failures": _Exported(order="run_id, source, source_id, kind"),
    "requests": _Exported(order="run_id, sent_at, endpoint, first_id"),
    "runs": _Exported(order="id", of_run="id = $1"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableExport:
    """What is wanted of a table.

    Attributes:
        table: its name.
        columns: their names; none for all of them.
        run: the id or name of the run whose rows are wanted; ``None`` for those of all runs.
        limit: how many rows at most, the first ones by their key.
    """

    table: str
    columns: tuple[str, ...] = ()
    run: str | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        """See that there is such a table.

        Raises:
            UsageError: there is none; the hint names the nearest one.
        """
        if self.table not in _TABLES:
            raise UsageError(f"{self.table!r} is no table to export.", hint=did_you_mean(self.table, _TABLES))


async def table_selection(database: Database, wanted: TableExport) -> Selection:
    """Return the query that an export wants, the rows in the order of their key.

    Raises:
        UsageError: there is no such column or run.
        DatabaseError: the database cannot be asked.
    """
    exported = _TABLES[wanted.table]
    whole = await selection_of(database, f"SELECT * FROM cryoasync.{wanted.table}")  # noqa: S608 - looked up
    known = {column.name: column for column in whole.columns}
    for name in wanted.columns:
        if name not in known:
            raise UsageError(
                f"The table {wanted.table} has no column {name!r}.", hint=did_you_mean(name, known)
            )
    columns = tuple(known[name] for name in dict.fromkeys(wanted.columns or known))
    names = ", ".join(column.quoted for column in columns)
    query = f"SELECT {names} FROM cryoasync.{wanted.table}"  # noqa: S608 - looked-up names
    arguments: tuple[int, ...] = ()
    if wanted.run is not None:
        query += f" WHERE {exported.of_run}"
        arguments = ((await chosen_run(database, wanted.run)).id,)
    query += f" ORDER BY {exported.order}"
    if wanted.limit is not None:
        query += f" LIMIT {wanted.limit:d}"
    return Selection(columns=columns, query=query, arguments=arguments)


def did_you_mean(unknown: str, known: Collection[str]) -> str:
    """Return a hint that names the nearest of what is known, and all of it."""
    nearest = max(known, key=lambda name: difflib.SequenceMatcher(None, unknown.lower(), name).ratio())
    return f"Did you mean {nearest}? There are: {', '.join(known)}."
