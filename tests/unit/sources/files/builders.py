"""Files of structures, written by hand."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path


def molblock(title: str, carbons: int) -> str:
    """A chain of carbon atoms."""
    atoms = "".join(f"{1.5 * x:10.4f}    0.0000    0.0000 C   0  0\n" for x in range(carbons))
    bonds = "".join(f"{first:3}{first + 1:3}  1  0\n" for first in range(1, carbons))
    counts = f"{carbons:3}{carbons - 1:3}  0  0  0  0  0  0  0  0999 V2000"
    return f"{title}\n  by hand\n\n{counts}\n{atoms}{bonds}M  END\n"


def sdf(title: str, carbons: int = 1, fields: Mapping[str, str] | None = None) -> str:
    """One record."""
    data = "".join(f"> <{name}>\n{value}\n\n" for name, value in (fields or {}).items())
    return f"{molblock(title, carbons)}{data}$$$$\n"


def dump(cid: int, smiles: str, **tags: str) -> str:
    """One record as PubChem's own files have it, as far as ``tags`` say; a name is given without its prefix."""
    fields = {"COMPOUND_CID": str(cid), "SMILES": smiles, **tags}
    return sdf(str(cid), 1, {f"PUBCHEM_{tag}": value for tag, value in fields.items()})


def written(path: Path, content: str | bytes, modified_at: datetime | None = None) -> Path:
    """The file with this content, last written to at a time."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if modified_at is not None:
        os.utime(path, (modified_at.timestamp(), modified_at.timestamp()))
    return path
