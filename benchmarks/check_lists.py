"""Imports all that ChEMBL's stand-in lists, on bad days and by many seeds: ``python -m benchmarks.check_lists``.

Each import is compared with what is listed in the end: every molecule there, to the field, and none twice.
"""

import argparse
import tempfile
from pathlib import Path

from tests.end_to_end.commands import UNTHROTTLED_BY_SOURCE, CommandLine, command_line_in
from tests.end_to_end.molecules import listed_molecules, molecules
from tests.end_to_end.simulators import RunningSimulator, simulator_of
from tests.end_to_end.tables import query

LONGEST_SECONDS = 600.0
STATES = ("imported", "not_found", "invalid", "failed", "pending")
DAYS = {
    "faults": ("--scenario", "faults"),
    "brownout": ("--scenario", "brownout"),
    "blackout": ("--scenario", "blackout", "--set", "blackout.lasts_seconds=5"),
    "a new release": ("--scenario", "new_release"),
    "a new release, and faults": (
        *("--scenario", "new_release", "--set", "chembl.changes_after_requests=12"),
        *(
            "--set",
            "faults.server_error=0.2",
            "--set",
            "faults.missing_rows=0.1",
            "--set",
            "faults.truncated=0.1",
        ),
    ),
}


def main() -> None:
    """Import on each day by so many seeds as asked for; the first that differs ends it."""
    parser = argparse.ArgumentParser(prog="check_lists", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    for day, arguments in DAYS.items():
        for seed in range(1, seeds + 1):
            with (
                tempfile.TemporaryDirectory(prefix="cryoasync-") as folder,
                command_line_in(Path(folder) / "home") as cryoasync,
                simulator_of(*arguments, "--seed", str(seed)) as simulator,
            ):
                print(f"{day}, seed {seed}: {checked(cryoasync, simulator)}", flush=True)


def checked(cryoasync: CommandLine, simulator: RunningSimulator) -> str:
    """Import everything, compare it, and return what it took."""
    words = ("run", "chembl", "--all", "--rdkit", "off", "--base-url", simulator.chembl_base_url, "--json")
    ended = cryoasync(*words, seconds=LONGEST_SECONDS, environment=UNTHROTTLED_BY_SOURCE["chembl"])
    assert ended.exit_code == 0, ended.stderr
    dsn = cryoasync("db", "url").stdout.strip()
    stored, listed = molecules(dsn), listed_molecules(simulator)
    entries = query(dsn, "SELECT source_id FROM cryoasync.run_entries WHERE state = 'imported'")
    faults = sum(simulator.statistics("chembl")["faults"].values())
    cryoasync("db", "destroy", "--yes")
    assert {chembl_id: stored.get(chembl_id) for chembl_id in listed} == listed
    assert sorted(chembl_id for (chembl_id,) in entries) == sorted(stored)
    summary = ended.document
    assert summary["requested"] == sum(summary[state] for state in STATES)
    assert summary["failed"] == summary["pending"] == 0
    return (
        f"{len(listed):,} listed, all there to the field; {len(stored) - len(listed)} withdrawn meanwhile;"
        f" {summary['requests']} requests, {faults} faults"
    )


if __name__ == "__main__":
    main()
