"""How long to rest before a limit is felt upward: the longer the dearer a refusal is and the less there is to gain."""

import math

from cryoasync.control.rate.rate_belief import CHANGE_SECONDS

LEAST_REFUSAL_COST = 4.0
"""What a refusal costs at least, in requests: a source that refuses often may block."""

SHORTEST_PROBE_SECONDS = 8.0
LONGEST_PROBE_SECONDS = 900.0


def pause_seconds(cost_seconds: float, gain: float) -> float:
    """Return the rest by the square-root rule.

    ``cost_seconds`` is what a refused probe costs, ``gain`` the part by which the rate would rise without the limit.
    """
    seconds = math.sqrt(2 * cost_seconds * CHANGE_SECONDS / gain) if gain > 0 else LONGEST_PROBE_SECONDS
    return min(LONGEST_PROBE_SECONDS, max(SHORTEST_PROBE_SECONDS, seconds))
