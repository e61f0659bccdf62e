"""The stream of faults."""

import random
from collections import Counter

import pytest

from cryoasync.simulator.faults import Blackout, Fault, FaultPlan, Poison, Unstorable, find_poison
from cryoasync.simulator.population import Molecule
from cryoasync.simulator.questions import Endpoint

RATES = {Fault.TIMEOUT: 0.1, Fault.TRUNCATED: 0.05}
CIDS = range(1, 20_001)


def draw(seed: int, count: int) -> list[Fault | None]:
    plan = FaultPlan(RATES, None, random.Random(seed))
    return [plan.next_fault(0.0) for _ in range(count)]


def test_the_seed_decides_every_fault() -> None:
    """The same seed gives the same faults in the same order, another seed others."""
    assert draw(1, 500) == draw(1, 500)
    assert draw(1, 500) != draw(2, 500)


def test_faults_come_at_their_rates() -> None:
    """Over many requests each fault has the share that was asked for."""
    drawn = Counter(draw(1, 20_000))
    assert drawn[Fault.TIMEOUT] == pytest.approx(2000, rel=0.1)
    assert drawn[Fault.TRUNCATED] == pytest.approx(1000, rel=0.1)
    assert drawn[None] == pytest.approx(17_000, rel=0.02)


def test_a_blackout_begins_after_its_requests_and_ends_by_the_clock() -> None:
    """The outage lasts from the request after the last good one for its time, and comes once."""
    blackout = Blackout(after_requests=2, lasts_seconds=20.0, fault=Fault.HANG)
    plan = FaultPlan({}, blackout, random.Random(0))
    faults = [plan.next_fault(now) for now in (0.0, 1.0, 2.0, 21.9, 22.0, 50.0)]
    assert faults == [None, None, Fault.HANG, Fault.HANG, None, None]


def test_a_blackout_tells_how_long_it_still_lasts() -> None:
    """What hangs is let go when the outage ends."""
    plan = FaultPlan({}, Blackout(after_requests=0, lasts_seconds=20.0), random.Random(0))
    assert plan.dark_seconds(0.0) == 0.0
    plan.next_fault(0.0)
    assert plan.dark_seconds(5.0) == 15.0
    assert plan.dark_seconds(25.0) == 0.0


def test_a_blackout_does_not_shift_the_other_faults() -> None:
    """Requests after an outage meet the faults that they would have met without it."""
    dark = FaultPlan(RATES, Blackout(after_requests=1, lasts_seconds=1.0), random.Random(1))
    seen = [dark.next_fault(float(now)) for now in range(100)]
    assert seen[2:] == draw(1, 100)[2:]


@pytest.mark.parametrize("count", [1, 2, 9, 200])
def test_a_short_answer_lacks_some_rows(count: int) -> None:
    """At least one row is missing, and about a tenth of many."""
    missing = FaultPlan({}, None, random.Random(0)).choose_missing(count)
    assert len(missing) == max(1, count // 10)
    assert missing <= set(range(count))


def test_poison_is_the_same_at_every_look() -> None:
    """A poisonous CID fails each request in the same way, and the share of such CIDs is the rate."""
    poison = Poison(rate=0.01, synonyms_only=0.0)
    first = [poison.fault_of(7, Endpoint.PROPERTY, cid) for cid in CIDS]
    assert first == [poison.fault_of(7, Endpoint.PROPERTY, cid) for cid in CIDS]
    assert len(CIDS) - first.count(None) == pytest.approx(200, rel=0.3)
    assert {Fault.POISON_BAD_REQUEST, Fault.POISON_SERVER_ERROR, None} == set(first)


def test_some_poison_touches_synonyms_alone() -> None:
    """Every CID that fails the property table fails the synonyms, and not the reverse."""
    poison = Poison(rate=0.05, synonyms_only=0.5)
    properties, synonyms = (
        {cid for cid in CIDS if poison.fault_of(7, endpoint, cid)}
        for endpoint in (Endpoint.PROPERTY, Endpoint.SYNONYMS)
    )
    assert properties < synonyms


def test_a_batch_is_as_poisonous_as_its_members() -> None:
    """A batch fails if one of its CIDs does, and only then."""
    poison = Poison(rate=0.01)
    bad = [cid for cid in CIDS if poison.fault_of(7, Endpoint.PROPERTY, cid)]
    good = [cid for cid in CIDS if cid not in set(bad)]
    assert find_poison(poison, 7, Endpoint.PROPERTY, good) is None
    assert find_poison(poison, 7, Endpoint.PROPERTY, [*good[:100], bad[0]]) is not None


def test_without_a_rate_nothing_is_poisonous() -> None:
    """A rate of 0 switches the poison off."""
    assert find_poison(Poison(rate=0.0), 7, Endpoint.SYNONYMS, CIDS) is None


def test_unstorable_compounds_carry_what_postgresql_refuses() -> None:
    """Some titles get a NUL, some counts do not fit into 32 bits, and the rest stays as it is."""
    molecules = [
        Molecule(cid=cid, properties={"Title": "water", "HeavyAtomCount": 1}, synonyms=[]) for cid in CIDS
    ]
    spoilt = [Unstorable(rate=0.01).spoil(3, molecule) for molecule in molecules]
    titles = sum("\x00" in str(molecule.properties["Title"]) for molecule in spoilt)
    counts = sum(int(molecule.properties["HeavyAtomCount"]) > 2**31 for molecule in spoilt)
    assert titles > 0
    assert counts > 0
    assert titles + counts == sum(before != after for before, after in zip(molecules, spoilt, strict=True))
    assert titles + counts == pytest.approx(200, rel=0.3)
