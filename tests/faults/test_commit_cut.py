"""The outcome of a commit is known, even where its connection ends in that very moment."""

from tests.faults.cuts import cut_commits
from tests.faults.proxy import Cut
from tests.servers import Server

SAMPLE = 20


async def test_a_commit_whose_connection_ends_is_done_once(server: Server) -> None:
    """Before the server has seen it, after it was done and the answer lost, and in between."""
    made = await cut_commits(server, SAMPLE, seed=1)
    assert set(made) == set(Cut)
