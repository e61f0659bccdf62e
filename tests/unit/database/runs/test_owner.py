"""Whether the process that holds a run is still there."""

import os
import subprocess
import sys
from dataclasses import replace

from cryoasync.database.runs.owner import Vitality, this_process


def test_this_process_is_alive() -> None:
    """It is its own neighbour."""
    here = this_process()
    assert here.pid == os.getpid()
    assert here.vitality(here) is Vitality.ALIVE


def test_a_process_that_ended_is_dead_before_and_after_its_parent_took_notice() -> None:
    """A zombie holds nothing."""
    here = this_process()
    process = subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()
    gone = replace(here, pid=process.pid)
    assert gone.vitality(here) is Vitality.DEAD
    process.communicate()
    assert gone.vitality(here) is Vitality.DEAD


def test_another_process_with_a_reused_id_is_not_the_owner() -> None:
    """The time of its start tells them apart."""
    here = this_process()
    earlier = replace(here, process_started_at=here.process_started_at - 60)
    assert earlier.vitality(here) is Vitality.DEAD


def test_a_process_on_another_host_or_boot_cannot_be_seen() -> None:
    """Whatever has its id here."""
    here = this_process()
    assert replace(here, host="another").vitality(here) is Vitality.ELSEWHERE
    assert replace(here, boot_id="another").vitality(here) is Vitality.ELSEWHERE
