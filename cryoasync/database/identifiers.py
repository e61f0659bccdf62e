"""Names of tables and columns in SQL, quoted so that none can be anything but a name."""

from collections.abc import Iterable


def quoted(name: str) -> str:
    """Return a name as an identifier.

    Raises:
        ValueError: PostgreSQL has no such names.
    """
    if not name or "\x00" in name:
        raise ValueError(f"{name!r} cannot be a name in PostgreSQL")
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """Return the identifier of a table in a schema; an empty schema leaves it to the search path."""
    return f"{quoted(schema)}.{quoted(name)}" if schema else quoted(name)


def listed(names: Iterable[str], prefix: str = "") -> str:
    """Return identifiers separated by commas, each after ``prefix``, which is SQL."""
    return ", ".join(f"{prefix}{quoted(name)}" for name in names)
