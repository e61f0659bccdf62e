"""How ChEMBL's stand-in behaves apart from the faults that every source has."""

from typing import Annotated

import msgspec

from cryoasync.simulator.policy import Count, Seconds


class ChemblTraits(msgspec.Struct, frozen=True, kw_only=True):
    """The release it serves, how slow its status is, and how many requests it works on at a time.

    The next release comes out once so many requests were answered, where ``changes_after_requests`` is set: it
    lists other molecules, and so the places of most of them move.
    """

    release: Count = 37
    changes_after_requests: Annotated[int, msgspec.Meta(ge=0)] | None = None
    status_seconds: Seconds = 0.5
    workers: Count = 8
