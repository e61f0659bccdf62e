"""The longer SQL statements, one file each, and what the server says of one that it has executed."""

from importlib.resources import files


def statement(name: str) -> str:
    """Return the statement of the file ``<name>.sql``."""
    return (files(__name__) / f"{name}.sql").read_text("utf-8")


def rows_of(status: str) -> int:
    """Return how many rows a statement's status tells of."""
    return int(status.rpartition(" ")[2])
