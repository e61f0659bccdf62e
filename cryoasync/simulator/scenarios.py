"""The scenarios: what the simulator does to its clients, as values with parameters that can be set."""

import difflib
import math
import random
from collections.abc import Iterable
from typing import Annotated

import msgspec

from cryoasync.errors import UsageError
from cryoasync.simulator.chembl.traits import ChemblTraits
from cryoasync.simulator.faults import Blackout, Fault, Poison, Share, Unstorable
from cryoasync.simulator.policy import LimitCut, Limits, Policy, Seconds


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long an answer takes: a mean that grows with the number of ids, log-normal around it."""

    base_seconds: Seconds = 0.12
    per_id_seconds: Seconds = 0.0008
    sigma: Annotated[float, msgspec.Meta(ge=0)] = 0.25

    def draw_seconds(self, rng: random.Random, ids: int) -> float:
        """Return the time of one answer."""
        mean = self.base_seconds + self.per_id_seconds * ids
        return mean * math.exp(rng.gauss(-(self.sigma**2) / 2, self.sigma))


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One way of behaving.

    ``policy`` is PubChem's, for ChEMBL states none. ``made_up`` is the first and the last number of a range of ids
    that is answered although the compounds do not exist. ``old_names`` answers with PubChem's SMILES keys from
    before 2025, and in the shape of ChEMBL before release 32; ``pretty`` prints answers as PubChem does.
    """

    name: str
    description: str
    policy: Policy | None = Policy()
    latency: Latency | None = Latency()
    faults: dict[Fault, Share] = {}
    blackout: Blackout | None = None
    poison: Poison | None = None
    unstorable: Unstorable | None = None
    made_up: tuple[int, int] | None = None
    old_names: bool = False
    pretty: bool = True
    chembl: ChemblTraits = ChemblTraits()


SCENARIOS = (
    Scenario(name="steady", description="A good day: PubChem's policy, its pace, no faults."),
    Scenario(
        name="faults",
        description="A bit of everything that goes wrong, 27 % of requests in all.",
        faults={
            Fault.SERVER_BUSY: 0.06,
            Fault.TIMEOUT: 0.04,
            Fault.SERVER_ERROR: 0.03,
            Fault.HTML_BAD_GATEWAY: 0.03,
            Fault.CONNECTION_RESET: 0.04,
            Fault.TRUNCATED: 0.03,
            Fault.HTML_PAGE: 0.02,
            Fault.MISSING_ROWS: 0.02,
        },
    ),
    Scenario(
        name="unthrottled",
        description="For load: no policy, no delay, ids 1 to 10,000,000.",
        policy=None,
        latency=None,
        made_up=(1, 10_000_000),
        pretty=False,
    ),
    Scenario(
        name="brownout",
        description="A fifth of all requests gets a 503 page.",
        faults={Fault.HTML_UNAVAILABLE: 0.2},
    ),
    Scenario(
        name="blackout",
        description="After some requests the service is gone for a while.",
        blackout=Blackout(),
    ),
    Scenario(
        name="poison",
        description="Some compounds make every request fail that contains them.",
        poison=Poison(),
    ),
    Scenario(
        name="unstorable",
        description="Some compounds have values that a database refuses.",
        unstorable=Unstorable(),
    ),
    Scenario(
        name="blacklisted",
        description="A neighbour on the same address got it blocked; colours stay green.",
        policy=Policy(neighbour_block_seconds=60.0),
    ),
    Scenario(
        name="slow",
        description="Answers take 1.5 s on average, so that the running time is what binds.",
        latency=Latency(base_seconds=1.34),
        chembl=ChemblTraits(status_seconds=20.0),
    ),
    Scenario(
        name="old_names",
        description="Answers use PubChem's SMILES keys from before 2025, and ChEMBL's shape before release 32.",
        old_names=True,
    ),
    Scenario(
        name="new_release",
        description="A new release of ChEMBL comes out in the middle of the work.",
        chembl=ChemblTraits(changes_after_requests=6),
    ),
    Scenario(
        name="html",
        description="Every answer is a web page: this is not the API.",
        faults={Fault.HTML_PAGE: 1.0},
    ),
    Scenario(
        name="silent_cut",
        description="For a while only 2 requests a second are let through, and no header says so.",
        policy=Policy(cut=LimitCut()),
    ),
)
# What a part that is off by default looks like when one of its parameters is set.
_DEFAULT_PARTS: dict[str, msgspec.Struct] = {
    "policy": Policy(),
    "policy.limits": Limits(),
    "policy.cut": LimitCut(),
    "latency": Latency(),
    "blackout": Blackout(),
    "poison": Poison(),
    "unstorable": Unstorable(),
}


def find_scenario(name: str, overrides: Iterable[str] = ()) -> Scenario:
    """Return the scenario of that name, with parameters set by ``PATH=VALUE``.

    Paths go along the attributes: ``blackout.lasts_seconds=5``, ``faults.timeout=0.5``, ``policy=none``.

    Raises:
        UsageError: There is no such scenario or parameter, or the value is none for it.
    """
    scenario = next((scenario for scenario in SCENARIOS if scenario.name == name), None)
    if scenario is None:
        names = [known.name for known in SCENARIOS]
        near = difflib.get_close_matches(name, names, n=1)
        raise UsageError(
            f"There is no scenario {name!r}. There are: {', '.join(names)}.",
            hint=f"Did you mean {near[0]}?" if near else "Name one of them with --scenario.",
        )
    tree = msgspec.to_builtins(scenario)
    for override in overrides:
        _override(tree, override)
    try:
        return msgspec.convert(tree, Scenario, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"A parameter of scenario {name} has an impossible value: {error}.") from error


def _override(tree: dict[str, object], override: str) -> None:
    path, equals, value = override.partition("=")
    *parents, last = path.split(".")
    branch = tree
    for depth, parent in enumerate(parents, start=1):
        below = branch.get(parent)
        if below is None:
            default = _DEFAULT_PARTS.get(".".join(parents[:depth]))
            below = branch[parent] = msgspec.to_builtins(default)
        if not isinstance(below, dict):
            raise _no_parameter(override)
        branch = below
    is_fault_rate = parents == ["faults"] and last in list(Fault)
    if not equals or (last not in branch and not is_fault_rate):
        raise _no_parameter(override)
    branch[last] = None if value == "none" else value


def _no_parameter(override: str) -> UsageError:
    return UsageError(
        f"{override!r} sets no parameter of a scenario.",
        hint="Write for example blackout.lasts_seconds=5 or faults.timeout=0.1.",
    )
