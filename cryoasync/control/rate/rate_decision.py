"""The rate in force, as a record: what it was weighed with, so that anybody can weigh it again."""

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
        believed = best_rate(self.limit, self.expected, self.failure_rate, self.refusal_cost)
        rate, reason = rate_in_force(believed, self.limit, self.caution, self.announced, self.is_probing)
        return replace(self, rate=rate, reason=reason)

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
    """Return the rate at which one request more is no longer worth it, up to ``limit``.

    The last request of a rate comes through where the source's limit is not below the rate, unless it fails by
    chance; it costs what a refusal costs where the limit is below.
    """
    worth = 1 - failure_rate
    rate = limit
    while rate > 1 and sum(expected[:rate]) * (worth + refusal_cost) >= worth:
        rate -= 1
    return rate


def rate_in_force(
    believed: int, limit: int, caution: int | None, announced: int | None, is_probing: bool
) -> tuple[int, Reason]:
    """Return the rate, and why it is so, where ``believed`` is best by the belief alone."""
    rate, reason = believed, Reason.POLICY if believed == limit else Reason.BELIEF
    if is_probing and caution is None and rate < limit:
        rate, reason = rate + 1, Reason.PROBE
    if announced is not None and announced < rate:
        rate, reason = announced, Reason.HEADER
    if caution is not None and caution < rate:
        rate, reason = caution, Reason.CAUTION
    return rate, reason
