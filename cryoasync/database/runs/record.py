"""A run as the table ``runs`` keeps it, and the key that tells when two commands mean the same run."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from cryoasync.database.runs.owner import Owner
from cryoasync.models import RunCounts, RunIdentity, RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as it stood when it was read.

    Attributes:
        run_key: see ``run_key``.
        epoch: raised at each start; what commits with an older one is refused.
        owner: the process at work; None when nobody is.
        heartbeat_age_seconds: since the owner last showed itself, on the database's clock.
        live: what the owner last said of itself.
        listing: of a run over a list of the source's, its release and length when its places became entries.
    """

    id: int
    name: str | None
    source: str
    base_url: str
    run_key: str
    input_digest: str
    settings: Mapping[str, Any]
    status: RunStatus
    counts: RunCounts
    duplicates: int
    epoch: int
    owner: Owner | None
    heartbeat_age_seconds: float | None
    created_at: datetime
    started_at: datetime
    finished_at: datetime | None
    live: Mapping[str, Any] | None
    listing: Mapping[str, Any] | None


RUN_COLUMNS = """
    id, name, source, base_url, run_key, input_digest, settings, status,
    imported, not_found, invalid, failed, pending, duplicates, epoch, owner,
    extract(epoch FROM clock_timestamp() - heartbeat_at)::double precision AS heartbeat_age_seconds,
    created_at, started_at, finished_at, live, listing
"""
"""The columns that ``run_from`` needs."""

_COUNTS = ("imported", "not_found", "invalid", "failed", "pending")


def run_key(identity: RunIdentity) -> str:
    """Return the SHA-256 (hexadecimal) of everything that makes two commands the same run.

    That is source, base URL, input and the settings that change rows; the name is not part of it.
    """
    parts = [identity.source, identity.base_url, identity.input_digest, dict(identity.settings)]
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()


def run_from(record: asyncpg.Record) -> Run:
    """Read a record of ``RUN_COLUMNS``."""
    values = dict(record)
    counts = RunCounts(**{state: values.pop(state) for state in _COUNTS})
    owner = values.pop("owner")
    status = RunStatus(values.pop("status"))
    return Run(**values, counts=counts, status=status, owner=msgspec.convert(owner, Owner) if owner else None)


def owner_to_json(owner: Owner) -> dict[str, Any]:
    """Return what the column ``owner`` keeps."""
    return asdict(owner)
