"""The rate in force, as a record: what it was weighed with, so that anybody can weigh it again."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Reason(StrEnum):
    """Why the rate is what it is."""

    POLICY = "policy"
    """Nothing speaks against the policy's own rate."""
    BELIEF = "belief"
    """A lower limit is believed in."""
    PROBE = "probe"
    """One request more than believed in, to see whether the limit has risen."""
    CAUTION = "caution"
    """Refused twice, and no such rate accepted in between: no more for a minute than was accepted just before."""
    HEADER = "header"
    """The source says that a larger part of its quota is used than was before by as many requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateDecision:
    """How many requests may go out in a second, why, and what it was weighed with.

    Attributes:
        at: when, by the limiter's clock.
        rate: the requests.
        reason: why.
        limit: the policy's own rate.
        expected: the limits' probabilities, from 0 upward.
        failure_rate: the part of requests believed to be refused by chance.
        refusal_cost: what a refusal costs, in requests.
        caution: the rate that caution allows, where it is called for.
        announced: the rate that the source's headers suggest, where they do.
        is_probing: whether it is time to try one request more.
    """

    at: float = 0.0
    rate: int = 0
    reason: Reason = Reason.POLICY
    limit: int
    expected: tuple[float, ...]
    failure_rate: float
    refusal_cost: float
    caution: int | None = None
    announced: int | None = None
    is_probing: bool = False

    def decided(self) -> "RateDecision":
        """Return this record with the rate and the reason that follow from all else in it."""
        rate = best_rate(self.limit, self.expected, self.failure_rate, self.refusal_cost)
        reason = Reason.POLICY if rate == self.limit else Reason.BELIEF
        if self.is_probing and self.caution is None and rate < self.limit:
            rate, reason = rate + 1, Reason.PROBE
        if self.announced is not None and self.announced < rate:
            rate, reason = self.announced, Reason.HEADER
        if self.caution is not None and self.caution < rate:
            rate, reason = self.caution, Reason.CAUTION
        return replace(self, rate=rate, reason=reason)

    def says_else_than(self, other: "RateDecision") -> bool:
        """Whether rate or reason differ."""
        return (self.rate, self.reason) != (other.rate, other.reason)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "rate": self.rate,
            "reason": self.reason,
            "limit": self.limit,
            "expected": list(self.expected),
            "failure_rate": self.failure_rate,
            "refusal_cost": self.refusal_cost,
            "caution": self.caution,
            "announced": self.announced,
            "is_probing": self.is_probing,
        }


def best_rate(limit: int, expected: Sequence[float], failure_rate: float, refusal_cost: float) -> int:
    """Weigh the requests that come through against those that are refused, for each rate up to ``limit``.

    A rate of c brings c·(1 - below) requests of which some fail by chance, and costs what the refusals
    cost, where below is the part of c expected to lie above the limit.
    """

    def worth(rate: int) -> float:
        below = math.fsum(expected[lower] * (rate - lower) / rate for lower in range(rate))
        return rate * (1 - below) * (1 - failure_rate) - refusal_cost * rate * below

    return max(range(1, limit + 1), key=worth)
