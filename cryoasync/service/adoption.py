"""What an older importer has done, taken over: its answers as rows, its checkpoints as lists of what is left to do."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from cryoasync.database.adoption import adopt_rows, cids_here
from cryoasync.database.bulk.batch_operator import BatchDatabaseOperator
from cryoasync.database.connection import Database
from cryoasync.database.opening import opened_database
from cryoasync.database.origin import Origin, assert_origin
from cryoasync.models import Row
from cryoasync.service.output_file import Output, opened_output
from cryoasync.settings import Settings
from cryoasync.sources.cryoprotect.cache import NotAdopted, is_sqlite, read_cache
from cryoasync.sources.cryoprotect.checkpoint import Checkpoint, read_checkpoint
from cryoasync.sources.input import InputEntry, InputList
from cryoasync.sources.pubchem.identifiers import CID_SCHEME

_ANSWERS_AT_A_TIME = 1_000
_CIDS_AT_A_TIME = 10_000
# Enough to see what is wrong.
_REASONS_TOLD = 100


@dataclass(slots=True, kw_only=True)
class AdoptionReport:
    """What was taken over.

    Attributes:
        adopted: answers that are rows now.
        already_here: answers of compounds that had a row.
        left_out: answers that are none, cannot be read, or cannot be written.
        gone_through: entries that the checkpoints say the importer has gone through.
        imported_there: how many of them they say it stored.
        still_to_import: CIDs of checkpoints, caches and the list that have no row here.
        rest: the file that lists these.
    """

    adopted: int = 0
    already_here: int = 0
    left_out: list[NotAdopted] = field(default_factory=list)
    gone_through: int = 0
    imported_there: int = 0
    still_to_import: int | None = None
    rest: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what ``adopt --json`` prints."""
        return {
            "adopted": self.adopted,
            "already_here": self.already_here,
            "left_out": len(self.left_out),
            "reasons": [{"cid": each.cid, "reason": each.reason} for each in self.left_out[:_REASONS_TOLD]],
            "gone_through": self.gone_through,
            "imported_there": self.imported_there,
            "still_to_import": self.still_to_import,
            "rest": None if self.rest is None else str(self.rest),
        }


async def adopt(
    settings: Settings, files: Sequence[Path], cid_list: Path | None, rest: Path | None
) -> AdoptionReport:
    """Take over caches and checkpoints of CryoProtect's importer; what is known of no CID is not taken for done.

    Args:
        settings: name the database.
        files: caches and checkpoints.
        cid_list: the list that the importer worked on.
        rest: where the CIDs without a row go, of the list or else of the files.

    Raises:
        InputError: a file is neither a cache nor a checkpoint, or is damaged; what was adopted before stays.
        OriginMismatchError: the database holds simulated compounds.
        OutputError: the list of the rest cannot be written.
        DatabaseError: the database cannot be used; what was adopted before stays.
    """
    caches = [file for file in files if is_sqlite(file)]
    checkpoints = [read_checkpoint(file) for file in files if file not in caches]
    report = AdoptionReport()
    async with AsyncExitStack() as stack:
        output = None if rest is None else stack.enter_context(opened_output(rest))
        database = await stack.enter_async_context(opened_database(settings))
        async with database.session() as connection:
            await assert_origin(connection, Origin.REAL)
        operator = BatchDatabaseOperator(database)
        for cache in caches:
            await _adopt_cache(operator, cache, report)
        _count_checkpoints(checkpoints, report)
        named = _cids_of_list(cid_list) if cid_list else _named_cids(checkpoints, report)
        if cid_list or any(checkpoint.names_cids for checkpoint in checkpoints) or report.left_out:
            report.still_to_import = await _write_rest(database, named, output)
            report.rest = rest
    return report


async def _adopt_cache(operator: BatchDatabaseOperator, path: Path, report: AdoptionReport) -> None:
    with closing(read_cache(path)) as answers:
        while page := list(islice(answers, _ANSWERS_AT_A_TIME)):
            report.left_out += [answer for answer in page if isinstance(answer, NotAdopted)]
            if rows := [answer for answer in page if isinstance(answer, Row)]:
                await _adopt_page(operator, rows, report)


async def _adopt_page(operator: BatchDatabaseOperator, rows: Sequence[Row], report: AdoptionReport) -> None:
    merged = await adopt_rows(operator, rows)
    report.adopted += merged.changed
    report.already_here += merged.rows - merged.changed
    report.left_out += [
        NotAdopted(cid=rows[refused.index].values[0], reason=refused.message) for refused in merged.refused
    ]


def _count_checkpoints(checkpoints: Iterable[Checkpoint], report: AdoptionReport) -> None:
    for checkpoint in checkpoints:
        report.gone_through += checkpoint.gone_through
        report.imported_there += checkpoint.imported or 0


def _named_cids(checkpoints: Iterable[Checkpoint], report: AdoptionReport) -> Iterator[Sequence[int]]:
    """Yield the distinct CIDs that the files name, without those that were adopted."""
    named = [cid for checkpoint in checkpoints for cid in checkpoint.cids]
    named += [each.cid for each in report.left_out]
    distinct = list(dict.fromkeys(named))
    for start in range(0, len(distinct), _CIDS_AT_A_TIME):
        yield distinct[start : start + _CIDS_AT_A_TIME]


def _cids_of_list(path: Path) -> Iterator[Sequence[int]]:
    with InputList.open((str(path),), scheme=CID_SCHEME, stdin=sys.stdin.buffer, limit=None) as inputs:
        for block in inputs.blocks():
            yield [int(entry.source_id) for entry in block.entries if isinstance(entry, InputEntry)]


async def _write_rest(database: Database, pages: Iterable[Sequence[int]], output: Output | None) -> int:
    """Count the CIDs that have no row, and write them one a line."""
    count = 0
    for page in pages:
        here = await cids_here(database, page)
        missing = [cid for cid in page if cid not in here]
        count += len(missing)
        if output is not None and missing:
            output.write("".join(f"{cid}\n" for cid in missing).encode())
    return count
