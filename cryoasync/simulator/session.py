"""What a simulator has seen and drawn since its start or its last reset."""

import random

from cryoasync.simulator.faults import FaultPlan
from cryoasync.simulator.policy import AccessPolicy, Policy
from cryoasync.simulator.scenarios import Scenario
from cryoasync.simulator.statistics import Statistics, TrafficMonitor


class Session:
    """All that a reset forgets."""

    def __init__(self, scenario: Scenario, seed: int, started: float, policy: Policy | None) -> None:
        """Begin now, with the seed's streams of faults and delays; ``policy`` is that of the API, if it has one."""
        self.started = started
        self.policy = AccessPolicy(policy) if policy is not None else None
        self.monitor = TrafficMonitor(policy.limits if policy is not None else None)
        self.faults = FaultPlan(scenario.faults, scenario.blackout, random.Random(f"faults {seed}"))
        self.latencies = random.Random(f"latencies {seed}")
        self._scenario = scenario
        self._seed = seed

    def statistics(self) -> Statistics:
        """Return what was seen so far."""
        blocks = self.policy.blocks if self.policy is not None else 0
        return self.monitor.summary(self._scenario.name, self._seed, blocks)
