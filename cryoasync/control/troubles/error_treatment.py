"""Who does what about each kind of trouble: one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from cryoasync.control.troubles.error_category import ErrorCategory


class Heed(Enum):
    """What the rate limiter takes a trouble for."""

    REFUSED = auto()
    """The source had enough: it is asked less."""
    LET_IN = auto()
    """The source worked on the request, so that it was within the limit."""
    UNSURE = auto()
    """Nothing is known of whether the source counted it."""


class Vote(Enum):
    """What the circuit breaker takes a trouble for."""

    NONE = auto()
    SUCCESS = auto()
    FAILURE = auto()
    SILENCE = auto()


class Budget(Enum):
    """What the further request that a trouble causes is counted against."""

    NONE = auto()
    SHARED = auto()
    """The part of all requests that may be retries while there is anything else to ask for."""
    OWN = auto()
    """It finds a culprit, which is work of its own."""


class Cure(Enum):
    """What ends a trouble that does not pass by itself."""

    WAITING = auto()
    HALVING = auto()
    """Both halves of the batch are asked for."""
    ISOLATING = auto()
    """One half is; what comes of it tells of the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """How one kind of trouble is met.

    Attributes:
        sizer: whether it says that the batch was too large.
        tries_in_batch: troubles of the kind after which a batch is divided.
        tries_alone: after which a single compound is given up, or counts as absent.
        is_chance: whether a server in trouble meets anybody with it. Then it takes more of them, by how many
            others meet the same.
        needs_others_to_pass: whether a batch is blamed only while other requests pass; a compound is with
            everything that is chance.
    """

    limiter: Heed
    breaker: Vote
    sizer: bool = False
    budget: Budget = Budget.NONE
    cure: Cure
    tries_in_batch: int = 1
    tries_alone: int = 2
    is_chance: bool = False
    needs_others_to_pass: bool = False


TREATMENTS: Mapping[ErrorCategory, Treatment] = {
    ErrorCategory.THROTTLED: Treatment(limiter=Heed.REFUSED, breaker=Vote.NONE, cure=Cure.WAITING),
    ErrorCategory.BLOCKED: Treatment(limiter=Heed.REFUSED, breaker=Vote.NONE, cure=Cure.WAITING),
    ErrorCategory.OVERLOADED: Treatment(
        limiter=Heed.UNSURE,
        breaker=Vote.FAILURE,
        budget=Budget.SHARED,
        cure=Cure.ISOLATING,
        tries_in_batch=2,
        tries_alone=5,
        is_chance=True,
        needs_others_to_pass=True,
    ),
    ErrorCategory.UNREACHABLE: Treatment(
        limiter=Heed.UNSURE,
        breaker=Vote.SILENCE,
        budget=Budget.SHARED,
        cure=Cure.ISOLATING,
        tries_in_batch=2,
        tries_alone=5,
        is_chance=True,
        needs_others_to_pass=True,
    ),
    # One compound is never too much for a healthy server, and gateways answer 504 in an outage.
    ErrorCategory.TOO_BIG: Treatment(
        limiter=Heed.LET_IN,
        breaker=Vote.NONE,
        sizer=True,
        cure=Cure.HALVING,
        tries_alone=5,
        is_chance=True,
    ),
    ErrorCategory.GARBLED: Treatment(
        limiter=Heed.LET_IN,
        breaker=Vote.SUCCESS,
        budget=Budget.OWN,
        cure=Cure.ISOLATING,
        tries_in_batch=2,
        tries_alone=5,
        is_chance=True,
    ),
    ErrorCategory.REJECTED: Treatment(
        limiter=Heed.LET_IN, breaker=Vote.SUCCESS, budget=Budget.OWN, cure=Cure.ISOLATING
    ),
    ErrorCategory.NOT_FOUND: Treatment(limiter=Heed.LET_IN, breaker=Vote.SUCCESS, cure=Cure.HALVING),
    ErrorCategory.INCOMPLETE: Treatment(
        limiter=Heed.LET_IN, breaker=Vote.SUCCESS, cure=Cure.HALVING, tries_in_batch=2
    ),
    ErrorCategory.CHANGED: Treatment(
        limiter=Heed.LET_IN,
        breaker=Vote.SUCCESS,
        budget=Budget.OWN,
        cure=Cure.ISOLATING,
        tries_in_batch=3,
        tries_alone=3,
        needs_others_to_pass=True,
    ),
}
