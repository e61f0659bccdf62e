"""Lists of identifiers through real pipes."""

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cryoasync.errors import InputError
from cryoasync.sources.input import InputList
from cryoasync.sources.pubchem.identifiers import CID_SCHEME

DIGEST_OF_STANDARD_INPUT = """
import resource
import sys
from cryoasync.sources.input import InputList
from cryoasync.sources.pubchem.identifiers import CID_SCHEME

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with InputList.open(["-"], scheme=CID_SCHEME, stdin=sys.stdin.buffer) as input_list:
    assert input_list.digest() == input_list.digest()
    digest = input_list.digest()
print(digest.valid, digest.duplicates, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_named_pipe_can_be_read_twice(tmp_path: Path) -> None:
    """What a shell's process substitution gives is copied, since it comes only once."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("2244\n2519\n",))
    writer.start()
    with InputList.open([str(pipe)], scheme=CID_SCHEME, stdin=io.BytesIO()) as input_list:
        writer.join()
        assert input_list.digest() == input_list.digest()
        assert [entry.origin for block in input_list.blocks() for entry in block.entries] == [str(pipe)] * 2


def test_memory_does_not_grow_with_the_list() -> None:
    """Half a million lines through standard input, read thrice, take less room than their identifiers."""
    lines = "".join(f"{cid}\n" for cid in range(1, 500_001)) + "1\n"
    process = subprocess.run(
        [sys.executable, "-c", DIGEST_OF_STANDARD_INPUT],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
    )
    valid, duplicates, growth_kib = map(int, process.stdout.split())
    assert (valid, duplicates) == (500_000, 1)
    assert growth_kib < 20_000


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any file")
def test_a_file_without_read_permission_is_named(tmp_path: Path) -> None:
    """The error is about permissions, not about a missing file."""
    path = tmp_path / "ids.txt"
    path.write_text("2244\n", encoding="utf-8")
    path.chmod(0)
    with (
        pytest.raises(InputError, match="may not be read"),
        InputList.open([str(path)], scheme=CID_SCHEME, stdin=io.BytesIO()) as input_list,
    ):
        input_list.digest()
