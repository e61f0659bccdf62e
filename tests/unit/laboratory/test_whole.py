"""The whole client against the laboratory's server: a sample of what the laboratory plays at length."""

from dataclasses import replace

import pytest

from benchmarks.laboratory import blame, poison
from benchmarks.laboratory.server import Kind, ServerModel
from benchmarks.laboratory.whole import Played, World, play_whole


def played(model: ServerModel, seconds: float, *, seed: int = 1, chunk: int = 20) -> Played:
    return play_whole(World(model=model, seconds=seconds), seed, chunk=chunk)


def test_a_quiet_server_is_asked_as_fast_as_the_policy_allows_and_the_same_seed_plays_the_same() -> None:
    one, other = (played(ServerModel(), 60.0) for _ in range(2))
    assert one.log.sent_at == other.log.sent_at
    assert one.result.requests > 0.97 * 60 * 5 / 1.04
    assert one.result.tally.most_in_a_second <= 5
    assert one.result.tally.refused == 0


@pytest.mark.parametrize("kind", [Kind.HUNG, Kind.OVERLOADED, Kind.REFUSED, Kind.BLOCKED])
def test_a_blackout_wastes_few_requests_and_is_over_soon_after_its_end(kind: Kind) -> None:
    dark = ServerModel(outage=lambda now: kind if 20 <= now < 200 else None)
    play = played(dark, 260.0)
    first = min(at for at, _ in play.log.rows_at if at >= 200)
    assert sum(20 <= at < 200 for at in play.log.sent_at) <= 24
    assert first - 200 <= (150 if kind is Kind.BLOCKED else 30)
    assert play.log.given_up == set()


def test_a_brown_out_does_not_open_a_circuit() -> None:
    brown = ServerModel(chance=lambda now: 0.2 if now >= 20 else 0)
    play = played(brown, 200.0)
    assert play.guards.breaker.get_stats()["property"].transitions == ()
    assert play.log.given_up == set()


@pytest.mark.parametrize("name", blame.WORLDS)
def test_no_trouble_of_the_server_costs_a_compound(name: str) -> None:
    plays = [blame.play_one(name, seed) for seed in range(4)]
    assert sum(play.troubles for play in plays) > 50
    assert [play.given_up for play in plays] == [0] * len(plays)


def test_the_culprits_are_found_exactly() -> None:
    is_poison = poison.poison(5e-3, 3)
    play = play_whole(replace(World(model=ServerModel(), seconds=120.0), is_poison=is_poison), 3, chunk=100)
    culprits = {number for number in play.log.settled if is_poison(number)}
    assert len(culprits) > 10
    assert play.log.given_up == culprits
