"""Molecules and their values into CryoProtect's own tables, some thousand molecules a transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from cryoasync.database.connection import Connection, Database
from cryoasync.database.cryoprotect.properties import PROPERTY_TYPES, PropertyType
from cryoasync.database.cryoprotect.schema import CryoProtectSchema, prepared_schema
from cryoasync.database.sql import rows_of, statement
from cryoasync.errors import UsageError

_MOLECULES_AT_A_TIME = 2_000
_READ_TABLES = (
    "molecules",
    "molecule_sources",
    "pubchem_compounds",
    "chembl_molecules",
    "rdkit_descriptors",
)
_FIRST = UUID(int=0)

_PAGE = statement("cryoprotect_page")
_PROPERTIES = statement("cryoprotect_properties")
# Columns of molecules besides id and CID; not every version of the application has them all.
_MOLECULE_COLUMNS = ("chembl_id", "name", "smiles", "molecular_formula", "inchikey")
# Where another row has the key, as one that was entered by hand, it may have to be the only one.
_SPARE_KEYS = """
UPDATE pg_temp.publishing AS p SET inchikey = NULL
FROM {molecules} AS t WHERE t.inchikey = p.inchikey AND t.id <> p.row_id
"""
_ENTER_TYPES = """
INSERT INTO {types} (name, description, units, data_type)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
ON CONFLICT (name) DO NOTHING
"""
_TYPES = "SELECT name, id, data_type FROM {types} WHERE name = ANY ($1::text[])"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What was written: rows inserted, rows that differed, and molecules that the tables cannot hold."""

    molecules_inserted: int = 0
    molecules_updated: int = 0
    molecules_unchanged: int = 0
    molecules_without_cid: int = 0
    properties_inserted: int = 0
    properties_updated: int = 0

    def __add__(self, other: "Published") -> "Published":
        """Add up pages."""
        return Published(**{name: getattr(self, name) + getattr(other, name) for name in self.__slots__})


class CryoProtectTables:
    """The tables of one schema, made and looked at by :meth:`opened`."""

    def __init__(self, schema: CryoProtectSchema, types: Sequence[tuple[PropertyType, UUID]]) -> None:
        """Write to the tables of ``schema``, values to the property types with their ids."""
        self._schema = schema
        self._types = [
            (source, type_.property, type_id, rank, type_.kind.value)
            for type_, type_id in types
            for rank, source in enumerate(type_.sources)
        ]
        self._page = _PAGE.format(
            molecules=schema.table("molecules"),
            cid=schema.cid_column,
            holds_all="false" if schema.needs_cid else "true",
            by_chembl_id="t.chembl_id = ANY (s.chembl_ids)"
            if schema.has("molecules", "chembl_id")
            else "false",
            **_expressions(schema),
        )
        self._enter, self._update = _molecule_statements(schema)
        self._spare_keys = _SPARE_KEYS.format(molecules=schema.table("molecules"))
        self._may_clash = schema.has("molecules", "inchikey")
        has_source = schema.has("molecular_properties", "source")
        self._properties = _PROPERTIES.format(
            properties=schema.table("molecular_properties"),
            source_column=", source" if has_source else "",
            source_value=", values.source" if has_source else "",
            source_set=", source = excluded.source" if has_source else "",
            source_stored=", stored.source" if has_source else "",
            source_excluded=", excluded.source" if has_source else "",
        )

    @classmethod
    async def opened(cls, database: Database, schema: str) -> tuple["CryoProtectTables", tuple[str, ...]]:
        """Make what is missing, and return the tables and the names of those made.

        Raises:
            UsageError: tables of these names are there, and are not CryoProtect's; or rows could be hidden.
        """
        async with database.transaction() as connection:
            found, made = await prepared_schema(connection, schema)
            return cls(found, await _entered_types(connection, found)), made

    async def publish(self, database: Database) -> Published:
        """Merge all molecules; what is there already and equal is not written again.

        Raises:
            DatabaseError: the pages before it are published.
        """
        async with database.transaction() as connection:
            # Right after an import the planner knows no sizes yet, and would go through whole tables page by page.
            await connection.execute(f"ANALYZE {', '.join(f'cryoasync.{table}' for table in _READ_TABLES)}")
        total, after = Published(), _FIRST
        while True:
            async with database.transaction() as connection:
                page, last = await self._publish_page(connection, after)
            if last is None:
                return total
            total, after = total + page, last

    async def _publish_page(self, connection: Connection, after: UUID) -> tuple[Published, UUID | None]:
        await connection.execute("SET LOCAL jit = off; SET LOCAL statement_timeout = 0")
        await connection.execute(self._page, after, _MOLECULES_AT_A_TIME)
        (read,) = await connection.fetch(
            "SELECT count(*) FILTER (WHERE fits) AS fitting, count(*) FILTER (WHERE NOT fits) AS without_cid,"
            " (SELECT molecule_id FROM pg_temp.publishing ORDER BY molecule_id DESC LIMIT 1) AS last"
            " FROM pg_temp.publishing"
        )
        if read["last"] is None:
            return Published(), None
        if self._may_clash:
            await connection.execute(self._spare_keys)
        inserted = rows_of(await connection.execute(self._enter))
        updated = rows_of(await connection.execute(self._update))
        properties = await connection.fetch(self._properties, *map(list, zip(*self._types, strict=True)))
        return Published(
            molecules_inserted=inserted,
            molecules_updated=updated,
            molecules_unchanged=read["fitting"] - inserted - updated,
            molecules_without_cid=read["without_cid"],
            properties_inserted=properties[0]["inserted"],
            properties_updated=properties[0]["updated"],
        ), read["last"]


async def _entered_types(
    connection: Connection, schema: CryoProtectSchema
) -> list[tuple[PropertyType, UUID]]:
    names = [type_.name for type_ in PROPERTY_TYPES]
    table = schema.table("property_types")
    await connection.execute(
        _ENTER_TYPES.format(types=table),
        names,
        [type_.description for type_ in PROPERTY_TYPES],
        [type_.units for type_ in PROPERTY_TYPES],
        [type_.kind.value for type_ in PROPERTY_TYPES],
    )
    found = {
        name: (id_, kind) for name, id_, kind in await connection.fetch(_TYPES.format(types=table), names)
    }
    for type_ in PROPERTY_TYPES:
        kind = found[type_.name][1]
        if kind != type_.kind:
            raise UsageError(
                f"CryoProtect's property type {type_.name!r} holds {kind!r}, not {type_.kind.value!r}.",
                hint="Rename that property type; one of the right kind is then made.",
            )
    return [(type_, found[type_.name][0]) for type_ in PROPERTY_TYPES]


def _expressions(schema: CryoProtectSchema) -> dict[str, str]:
    """Return what the page selects for each column, fitted to what the column takes."""
    columns = schema.columns["molecules"]
    name = "m.name"
    if columns["name"].required:
        name = "coalesce(m.name, m.inchikey, s.chembl_ids[1], 'CID ' || s.cids[1])"
    values = {"name": name, "smiles": "m.smiles", "formula": "m.molecular_formula"}
    for key, column in (("name", "name"), ("smiles", "smiles"), ("formula", "molecular_formula")):
        longest = columns[column].longest
        if longest is not None:
            values[key] = f"left({values[key]}, {longest:d})"
    return values


def _molecule_statements(schema: CryoProtectSchema) -> tuple[str, str]:
    """Return how a page's new molecules are inserted, and the others updated where they differ.

    A value that is there is replaced by another value, never by none; a CID is never replaced.
    """
    table, cid = schema.table("molecules"), schema.cid_column
    columns = [column for column in _MOLECULE_COLUMNS if schema.has("molecules", column)]
    enter = (
        f"INSERT INTO {table} (id, {cid}, {', '.join(columns)})"  # noqa: S608 - names of ours, or looked up
        f" SELECT row_id, cid, {', '.join(columns)} FROM pg_temp.publishing WHERE is_new AND fits ORDER BY row_id"
    )
    new = [f"coalesce(t.{cid}, p.cid)", *(f"coalesce(p.{column}, t.{column})" for column in columns)]
    stored = [f"t.{cid}", *(f"t.{column}" for column in columns)]
    sets = ", ".join(f"{name} = {value}" for name, value in zip([cid, *columns], new, strict=True))
    update = (
        f"UPDATE {table} AS t SET {sets} FROM pg_temp.publishing AS p"  # noqa: S608 - see above
        f" WHERE t.id = p.row_id AND NOT p.is_new AND p.fits"
        f" AND ({', '.join(stored)}) IS DISTINCT FROM ({', '.join(new)})"
    )
    return enter, update
