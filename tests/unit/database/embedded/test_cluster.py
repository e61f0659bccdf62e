"""What the server is told at its start, and what is told of its failures."""

import shlex
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cryoasync.database.embedded.cluster import _gist, _server_options

PATHS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(
    lambda name: Path("/data") / name
)


@given(PATHS)
def test_the_shell_hands_every_folder_on_unchanged(folder: Path) -> None:
    """Whatever the folder is called, one setting of the server names it."""
    words = shlex.split(_server_options("mark", folder, None))
    quoted = str(folder).replace('"', '""')
    assert f'unix_socket_directories="{quoted}"' in words
    assert "listen_addresses=" in words


def test_a_port_is_opened_on_the_loopback_interface_alone() -> None:
    """Other machines never reach the server."""
    words = shlex.split(_server_options("mark", Path("/run"), 5433))
    assert {"listen_addresses=127.0.0.1", "port=5433"} <= set(words)


def test_the_gist_of_an_output_is_its_errors() -> None:
    """Progress messages are left out where something tells more; else the end is told."""
    output = (
        "creating subdirectories ... ok\ninitdb: error: could not write file\ninitdb: removing directory\n"
    )
    assert _gist(output) == "initdb: error: could not write file"
    assert _gist("first\nlast") == "first\nlast"
