"""The longer SQL statements, one file each."""

from importlib.resources import files


def statement(name: str) -> str:
    """Return the statement of the file ``<name>.sql``."""
    return (files(__name__) / f"{name}.sql").read_text("utf-8")
