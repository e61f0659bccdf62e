"""The statements that put staged rows into any table: inserts, with or without an update, and updates."""

from collections.abc import Sequence
from dataclasses import dataclass

from cryoasync.database.identifiers import listed, qualified, quoted
from cryoasync.models import StagedTable

_WITHOUT_EQUALITY = frozenset({"json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OnConflict:
    """What becomes of a row whose key is in the table already.

    Attributes:
        key: columns with a unique index or constraint over exactly these.
        update: columns that take the new row's values; ``None`` for all that are not in the key, and with none
            the row in the table stays as it is. A row that would not change is not rewritten.
    """

    key: tuple[str, ...]
    update: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A table and some of its columns, with their types."""

    schema: str
    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]

    @property
    def identifier(self) -> str:
        """The table's name in SQL."""
        return qualified(self.schema, self.name)

    def require(self, columns: Sequence[str]) -> None:
        """Raise ValueError where the rows do not have one of the columns."""
        missing = [column for column in columns if column not in self.columns]
        if missing:
            raise ValueError(f"the rows have no column {', '.join(missing)}")

    def differs(self, columns: Sequence[str], source: str) -> str:
        """Return a condition: that a stored row differs from one of ``source`` in any of the columns."""
        types = dict(zip(self.columns, self.types, strict=True))
        casts = [
            "::text" if types[column].removesuffix("[]") in _WITHOUT_EQUALITY else "" for column in columns
        ]
        stored, new = (
            ", ".join(f"{row}.{quoted(column)}{cast}" for column, cast in zip(columns, casts, strict=True))
            for row in ("stored", source)
        )
        return f"ROW({stored}) IS DISTINCT FROM ROW({new})"

    def staged(self, key: tuple[str, ...], *merge: str) -> StagedTable:
        """Return the table with the statements that put staged rows into it."""
        return StagedTable(schema=self.schema, name=self.name, columns=self.columns, key=key, merge=merge)


def table_name(table: str | tuple[str, str]) -> tuple[str, str]:
    """Return schema and name of ``"name"``, ``"schema.name"`` or ``("schema", "name")``; names are taken literally."""
    if isinstance(table, tuple):
        return table
    schema, dot, name = table.partition(".")
    return (schema, name) if dot else ("", table)


def insertion(target: Target, on_conflict: OnConflict | None) -> StagedTable:
    """Return how rows are inserted into a table, in the order of their key so that writers never deadlock.

    Raises:
        ValueError: the key or an update names a column that the rows do not have.
    """
    key, columns = () if on_conflict is None else on_conflict.key, listed(target.columns)
    target.require(key)
    insert = f"INSERT INTO {target.identifier} AS stored ({columns}) SELECT {columns} FROM {{staging}}"  # noqa: S608 - quoted
    if on_conflict is not None:
        insert += f" ORDER BY {listed(key)} ON CONFLICT ({listed(key)}) {_action(target, on_conflict)}"
    return target.staged(key, insert)


def _action(target: Target, on_conflict: OnConflict) -> str:
    update = on_conflict.update
    if update is None:
        update = tuple(column for column in target.columns if column not in on_conflict.key)
    target.require(update)
    if not update:
        return "DO NOTHING"
    return f"DO UPDATE SET {_assigned(update, 'excluded')} WHERE {target.differs(update, 'excluded')}"


def alteration(target: Target, condition_column: str) -> StagedTable:
    """Return how rows of a table that have a value in ``condition_column`` take the other columns of a staged row.

    Raises:
        ValueError: the condition is not among the columns, or the only one.
    """
    target.require((condition_column,))
    changed = [column for column in target.columns if column != condition_column]
    if not changed:
        raise ValueError("there is no column to update")
    table, key = target.identifier, quoted(condition_column)
    # The rows are locked in one order first, so that two writers cannot lock each other out.
    lock = (
        f"SELECT FROM {table} AS stored JOIN {{staging}} ON stored.{key} = staging.{key}"
        f" ORDER BY staging.{key} FOR NO KEY UPDATE OF stored"
    )
    update = (
        f"UPDATE {table} AS stored SET {_assigned(changed, 'staging')} FROM {{staging}}"  # noqa: S608 - quoted
        f" WHERE stored.{key} = staging.{key} AND {target.differs(changed, 'staging')}"
    )
    return target.staged((condition_column,), lock, update)


def _assigned(columns: Sequence[str], source: str) -> str:
    return ", ".join(f"{quoted(column)} = {source}.{quoted(column)}" for column in columns)
