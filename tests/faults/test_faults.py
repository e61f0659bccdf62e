"""Runs store everything once, whatever befalls their database; `make faults` plays a hundred mixes more."""

import pytest

from tests.faults import catalogue as faults
from tests.faults.catalogue import FAULTS, Fault
from tests.faults.scene import load_on, scene_on
from tests.servers import Server

SEQUENCES: tuple[tuple[Fault, ...], ...] = (
    (faults.killed_backend, faults.black_hole, faults.failing_statements, faults.read_only),
    (faults.immediate_restart, faults.no_room, faults.cancelled_statements),
    (faults.fast_restart, faults.cut_connections, faults.terminated_sessions, faults.locked_tables),
)


def test_every_fault_is_played() -> None:
    assert {fault for sequence in SEQUENCES for fault in sequence} == set(FAULTS)


@pytest.mark.slow
@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda each: each[0].__name__)
async def test_nothing_is_lost_or_doubled(server: Server, sequence: tuple[Fault, ...]) -> None:
    """Two runs feel it, go on storing after it, and all that they count as stored is there once."""
    async with scene_on(server, seed=1) as scene, load_on(scene) as works:
        for fault in sequence:
            await fault(scene)
    assert all(work.pauses for work in works)
