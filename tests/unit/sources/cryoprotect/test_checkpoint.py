"""Checkpoints of CryoProtect's importer."""

import json
from pathlib import Path
from typing import Any

import pytest

from cryoasync.errors import InputError
from cryoasync.sources.cryoprotect.checkpoint import Checkpoint, read_checkpoint

COUNTERS = {
    "last_completed_batch": 2,
    "total_processed": 200,
    "total_imported": 4,
    "total_skipped": 108,
    "total_errors": 88,
    "batch_times": [14.8],
    "timestamp": "2025-04-27T21:45:13.546983",
    "status": "Paused",
}


def written(folder: Path, document: Any) -> Path:
    """A checkpoint file."""
    path = folder / "checkpoint.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_a_checkpoint_with_lists_names_cids(tmp_path: Path) -> None:
    """Numbers or text, each once: what was gone through, what failed, and what had still to be asked for."""
    path = written(
        tmp_path,
        {"processed_cids": [3, "1", 3], "failed_cids": [1], "remaining_cids": [9], "status": "Running"},
    )
    assert read_checkpoint(path) == Checkpoint(gone_through=3, imported=None, cids=(3, 1, 9), names_cids=True)


def test_a_checkpoint_with_counters_tells_how_far(tmp_path: Path) -> None:
    """And how many were stored by its own count."""
    assert read_checkpoint(written(tmp_path, COUNTERS)) == Checkpoint(
        gone_through=200, imported=4, cids=(), names_cids=False
    )


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ('{"processed_cids": [1, 2', "cut off"),
        ("[1, 2]", "holds no JSON object"),
        ({"batch_idx": 2, "stats": {}}, "neither processed_cids nor last_completed_batch"),
        ({"last_completed_batch": 2}, "neither processed_cids nor"),
        ({"processed_cids": [1, "abc"]}, "'abc' among its CIDs"),
    ],
)
def test_anything_else_is_an_error(tmp_path: Path, document: Any, said: str) -> None:
    """That says what is missing."""
    with pytest.raises(InputError, match=said):
        read_checkpoint(written(tmp_path, document))


def test_the_backup_is_named_where_the_file_was_cut_off(tmp_path: Path) -> None:
    """The importer kept one."""
    path = written(tmp_path, "{")
    path.with_name("checkpoint.json.bak").write_text("{}")
    with pytest.raises(InputError) as damaged:
        read_checkpoint(path)
    assert "checkpoint.json.bak" in (damaged.value.hint or "")
