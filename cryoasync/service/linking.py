"""Links between the sources, from a file of UniChem's."""

from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from cryoasync.database.molecules.unichem_links import LinksReplaced, replace_links
from cryoasync.database.opening import opened_database
from cryoasync.settings import Settings
from cryoasync.sources.unichem import read_links


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReport:
    """What became of the links, and the file they are from."""

    file: Path
    replaced: LinksReplaced

    def to_json(self) -> dict[str, Any]:
        """Return what ``link --json`` prints."""
        return {"file": str(self.file), **asdict(self.replaced)}


async def link_sources(settings: Settings, file: Path) -> LinkReport:
    """Replace all links by those of a file.

    Raises:
        InputError: it is no such file; nothing has changed.
        DatabaseError: as :func:`replace_links` says.
    """
    links = read_links(file)
    # A file that cannot be read at all should not start a database.
    first = tuple(islice(links, 1))
    async with opened_database(settings) as database:
        replaced = await replace_links(database, chain(first, links))
    return LinkReport(file=file, replaced=replaced)
