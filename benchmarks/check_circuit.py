"""Walks the circuit and its reference machine through random interleavings: ``python -m benchmarks.check_circuit``."""

import argparse
from concurrent.futures import ProcessPoolExecutor

from cryoasync.control.circuit.circuit_policy import CircuitState
from tests.unit.control.circuit.circuit_reference import STEPS, walked


def main() -> None:
    """Take so many interleavings as asked for; the first that differs ends it with its seed."""
    parser = argparse.ArgumentParser(prog="check_circuit", description=__doc__)
    parser.add_argument("--interleavings", type=int, default=100_000)
    count = parser.parse_args().interleavings
    with ProcessPoolExecutor() as pool:
        visited = set[CircuitState]().union(*pool.map(walked, range(count), chunksize=500))
    print(
        f"{count:,} interleavings of {STEPS} steps: the circuit did what the reference machine did;"
        f" states visited: {', '.join(sorted(visited))}"
    )


if __name__ == "__main__":
    main()
