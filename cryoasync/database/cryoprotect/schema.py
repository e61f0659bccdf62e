"""CryoProtect's tables as they are in one database; versions of that application differ in their columns."""

from collections.abc import Mapping
from dataclasses import dataclass

from cryoasync.database.connection import Connection
from cryoasync.database.sql import statement
from cryoasync.errors import UsageError

TABLES = ("molecules", "property_types", "molecular_properties")

_CREATE = {table: statement(f"create_cryoprotect_{table}") for table in TABLES}
_COLUMNS = """
SELECT c.relname AS table, a.attname AS column, a.attnotnull AS required, a.attgenerated <> '' AS generated,
       CASE WHEN a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND a.atttypmod > 4 THEN a.atttypmod - 4 END
           AS longest
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = $1 AND c.relname = ANY ($2::text[]) AND c.relkind IN ('r', 'p')
"""
_HIDDEN = """
SELECT t FROM unnest($2::text[]) AS t WHERE row_security_active(format('%I.%I', $1::text, t)::regclass)
"""
_REQUIRED = {
    "molecules": ("id", "name", "smiles", "molecular_formula"),
    "property_types": ("id", "name", "data_type"),
    "molecular_properties": (
        "molecule_id",
        "property_type_id",
        "numeric_value",
        "text_value",
        "boolean_value",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetColumn:
    """A column that may be written; ``longest`` is the number of characters it takes."""

    required: bool
    longest: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CryoProtectSchema:
    """Where the tables are, and which columns each has that are not generated."""

    name: str
    columns: Mapping[str, Mapping[str, TargetColumn]]

    def table(self, name: str) -> str:
        """Return the name of a table as SQL takes it."""
        return f"{quoted(self.name)}.{quoted(name)}"

    def has(self, table: str, column: str) -> bool:
        """Whether a table has a column that can be written."""
        return column in self.columns[table]

    @property
    def cid_column(self) -> str:
        """The column of the CID: in some versions ``cid`` is generated from ``pubchem_cid``."""
        return "cid" if self.has("molecules", "cid") else "pubchem_cid"

    @property
    def needs_cid(self) -> bool:
        """Whether every molecule must have a CID."""
        return self.columns["molecules"][self.cid_column].required


def quoted(name: str) -> str:
    """Return a name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


async def prepared_schema(connection: Connection, schema: str) -> tuple[CryoProtectSchema, tuple[str, ...]]:
    """Make those of the tables that are not there, and return all of them and the names of those made.

    Raises:
        UsageError: those that are there are not CryoProtect's, or hide rows from this user.
    """
    there = await _columns(connection, schema)
    _require_columns(schema, there)
    missing = tuple(table for table in TABLES if table not in there)
    if missing:
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
    for table in missing:
        await connection.execute(_CREATE[table].replace("{schema}", quoted(schema)))
    hidden = [record[0] for record in await connection.fetch(_HIDDEN, schema, list(TABLES))]
    if hidden:
        raise UsageError(
            f"Row-level security applies to this user on {', '.join(hidden)}: rows could be hidden or refused.",
            hint="Publish as the owner of the tables, or as a role with BYPASSRLS; the policies stay as they are.",
        )
    return CryoProtectSchema(name=schema, columns=await _columns(connection, schema)), missing


async def _columns(connection: Connection, schema: str) -> dict[str, dict[str, TargetColumn]]:
    """Return the columns of each table that is there."""
    tables: dict[str, dict[str, TargetColumn]] = {}
    for table, column, required, generated, longest in await connection.fetch(_COLUMNS, schema, list(TABLES)):
        columns = tables.setdefault(table, {})
        if not generated:
            columns[column] = TargetColumn(required=required, longest=longest)
    return tables


def _require_columns(schema: str, there: Mapping[str, Mapping[str, TargetColumn]]) -> None:
    lacking = [f"{t}.{c}" for t, columns in there.items() for c in _REQUIRED[t] if c not in columns]
    if "molecules" in there and not there["molecules"].keys() & {"cid", "pubchem_cid"}:
        lacking.append("molecules.cid")
    if lacking:
        raise UsageError(
            f"The tables of the schema {schema!r} are not CryoProtect's: there is no {', '.join(lacking)}.",
            hint="Name the application's schema with --schema.",
        )
