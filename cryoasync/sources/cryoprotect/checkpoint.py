"""The JSON checkpoints of CryoProtect's importer, in both of their layouts.

One lists the CIDs that were gone through (``processed_cids``), the other counts them (``last_completed_batch``).
Neither says that a compound was stored: failures and what was filtered out are among them.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryoasync.errors import InputError
from cryoasync.sources.identifiers import InvalidIdentifier
from cryoasync.sources.pubchem.identifiers import CID_SCHEME
from cryoasync.sources.text import open_bytes

_LISTS = ("processed_cids", "failed_cids", "remaining_cids")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far the importer had come.

    Attributes:
        gone_through: how many entries of its list.
        imported: how many of them it says it stored; ``None`` where it does not say.
        cids: the distinct CIDs that it names, in their order: those gone through, and those it had still to ask for.
        names_cids: whether it names any at all.
    """

    gone_through: int
    imported: int | None
    cids: tuple[int, ...]
    names_cids: bool


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of either layout.

    Raises:
        InputError: it is no such file, or it is damaged.
    """
    with open_bytes(path) as stream:
        content = stream.read()
    document = _parsed(content, path)
    if isinstance(document.get("processed_cids"), list):
        cids = [cid for name in _LISTS for cid in _cids(document.get(name) or (), path)]
        return Checkpoint(
            gone_through=len(document["processed_cids"]),
            imported=_count(document, "total_imported"),
            cids=tuple(dict.fromkeys(cids)),
            names_cids=True,
        )
    gone_through = _count(document, "total_processed")
    if "last_completed_batch" not in document or gone_through is None:
        raise InputError(
            f"{path} is no checkpoint of CryoProtect's importer: it has neither processed_cids nor"
            " last_completed_batch with total_processed.",
            hint="`cryoasync adopt` also takes the importer's cache, a file like pubchem_cache.sqlite.",
        )
    return Checkpoint(
        gone_through=gone_through, imported=_count(document, "total_imported"), cids=(), names_cids=False
    )


def _parsed(content: bytes, path: Path) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        backup = path.with_name(f"{path.name}.bak")
        hint = f"Its last state but one is in {backup}." if backup.exists() else None
        raise InputError(
            f"{path} is no JSON, or was cut off while it was written: {error}.", hint=hint
        ) from error
    if not isinstance(document, dict):
        raise InputError(f"{path} is no checkpoint of CryoProtect's importer: it holds no JSON object.")
    return document


def _cids(values: Any, path: Path) -> list[int]:
    parsed = [CID_SCHEME.parse(str(value)) for value in values]
    for value, cid in zip(values, parsed, strict=True):
        if isinstance(cid, InvalidIdentifier):
            raise InputError(f"{path}: {str(value)[:40]!r} among its CIDs is {cid.reason}.")
    return [cid for cid in parsed if isinstance(cid, int)]


def _count(document: dict[str, Any], name: str) -> int | None:
    value = document.get(name)
    return value if isinstance(value, int) and value >= 0 else None
