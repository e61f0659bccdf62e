"""Publication of molecules into the tables of another application."""

import time
from dataclasses import asdict, dataclass
from typing import Any

from cryoasync.database.cryoprotect.publication import CryoProtectTables, Published
from cryoasync.database.opening import opened_database
from cryoasync.service.citation import licence_note
from cryoasync.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishReport:
    """What was published, where to, which tables had to be made for it, and what must be passed on with it."""

    schema: str
    made: tuple[str, ...]
    published: Published
    note: str | None
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return what ``publish --json`` prints."""
        return {
            "schema": self.schema,
            "created_tables": list(self.made),
            **asdict(self.published),
            "license_note": self.note,
            "seconds": round(self.seconds, 3),
        }


async def publish_to_cryoprotect(settings: Settings, schema: str) -> PublishReport:
    """Merge all molecules and their values into CryoProtect's tables in the same database.

    Raises:
        UsageError: tables of these names are there, and are not CryoProtect's; or rows could be hidden.
        DatabaseError: the database cannot be used; what was published stays, and the rest follows another time.
    """
    started = time.monotonic()
    async with opened_database(settings) as database:
        tables, made = await CryoProtectTables.opened(database, schema)
        published = await tables.publish(database)
        note = await licence_note(database, "molecules")
    return PublishReport(
        schema=schema, made=made, published=published, note=note, seconds=time.monotonic() - started
    )
