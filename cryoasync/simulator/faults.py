"""Which request meets which fault: decided by one seeded stream, in the order of arrival."""

import random
import zlib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from cryoasync.simulator.policy import Seconds
from cryoasync.simulator.population import Molecule
from cryoasync.simulator.questions import Endpoint

_HASH_RANGE = 2**32

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Fault(StrEnum):
    """Ways in which an answer goes wrong."""

    SERVER_BUSY = "server_busy"
    TIMEOUT = "timeout"
    SERVER_ERROR = "server_error"
    HTML_BAD_GATEWAY = "html_bad_gateway"
    HTML_UNAVAILABLE = "html_unavailable"
    HTML_PAGE = "html_page"
    CONNECTION_RESET = "connection_reset"
    HANG = "hang"
    TRUNCATED = "truncated"
    MISSING_ROWS = "missing_rows"
    POISON_BAD_REQUEST = "poison_bad_request"
    POISON_SERVER_ERROR = "poison_server_error"


class Blackout(msgspec.Struct, frozen=True, kw_only=True):
    """An outage that begins with the request after ``after_requests`` and lasts by the clock."""

    after_requests: Annotated[int, msgspec.Meta(ge=0)] = 10
    lasts_seconds: Seconds = 20.0
    fault: Fault = Fault.CONNECTION_RESET


class Poison(msgspec.Struct, frozen=True, kw_only=True):
    """CIDs that make any request fail in which they stand, each always in the same way.

    ``rate`` is their share of all CIDs; of these, ``synonyms_only`` do so for synonyms alone.
    """

    rate: Share = 0.002
    synonyms_only: Share = 0.2

    def fault_of(self, seed: int, endpoint: Endpoint, cid: int) -> Fault | None:
        """Return what ``cid`` does to a request, if anything."""
        share = zlib.crc32(b"%d poison %d" % (seed, cid)) / _HASH_RANGE / self.rate if self.rate else 1.0
        if share >= 1.0 or (endpoint is Endpoint.PROPERTY and share < self.synonyms_only):
            return None
        return Fault.POISON_BAD_REQUEST if cid % 2 else Fault.POISON_SERVER_ERROR


class Unstorable(msgspec.Struct, frozen=True, kw_only=True):
    """Compounds with a value that PostgreSQL has no room for; ``rate`` is their share of all compounds."""

    rate: Share = 0.002

    def spoil(self, seed: int, molecule: Molecule) -> Molecule:
        """Return the molecule as it is, or with NUL in its title, or with an integer of 33 bits."""
        if not self._is_spoiled(seed, molecule.cid):
            return molecule
        values = dict(molecule.properties)
        values |= {"HeavyAtomCount": 2**32} if molecule.cid % 2 else {"Title": f"{values['Title']}\x00"}
        return msgspec.structs.replace(molecule, properties=values)

    def spoil_chembl(self, seed: int, molecule: dict[str, Any]) -> dict[str, Any]:
        """Return ChEMBL's molecule as it is, or with NUL in its type, or with an integer of 33 bits."""
        number = int(molecule["molecule_chembl_id"].removeprefix("CHEMBL"))
        if not self._is_spoiled(seed, number):
            return molecule
        if number % 2 and molecule["molecule_properties"]:
            return molecule | {
                "molecule_properties": molecule["molecule_properties"] | {"heavy_atoms": 2**32}
            }
        return molecule | {"molecule_type": f"{molecule['molecule_type']}\x00"}

    def _is_spoiled(self, seed: int, number: int) -> bool:
        return zlib.crc32(b"%d unstorable %d" % (seed, number)) < self.rate * _HASH_RANGE


class FaultPlan:
    """Draws the fault of each request."""

    def __init__(self, rates: Mapping[Fault, float], blackout: Blackout | None, rng: random.Random) -> None:
        """Use ``rates`` as the share of requests that meet each fault."""
        self._rates = rates
        self._blackout = blackout
        self._rng = rng
        self._requests = 0
        self._dark_until: float | None = None

    def next_fault(self, now: float) -> Fault | None:
        """Return the fault of the request that arrives now, if it meets one."""
        self._requests += 1
        drawn = self._draw()
        if self._blackout is not None and self._is_dark(self._blackout, now):
            return self._blackout.fault
        return drawn

    def choose_missing(self, count: int) -> set[int]:
        """Return which of ``count`` rows are left out of a short answer: about a tenth, at least one."""
        return set(self._rng.sample(range(count), max(1, count // 10)))

    def dark_seconds(self, now: float) -> float:
        """Return how long the outage still lasts."""
        return 0.0 if self._dark_until is None else max(0.0, self._dark_until - now)

    def _draw(self) -> Fault | None:
        point = self._rng.random()
        for fault, rate in self._rates.items():
            if point < rate:
                return fault
            point -= rate
        return None

    def _is_dark(self, blackout: Blackout, now: float) -> bool:
        if self._dark_until is None and self._requests > blackout.after_requests:
            self._dark_until = now + blackout.lasts_seconds
        return self._dark_until is not None and now < self._dark_until


def find_poison(poison: Poison, seed: int, endpoint: Endpoint, cids: Iterable[int]) -> Fault | None:
    """Return what the first poisonous CID does to a request for ``cids``, if one is among them."""
    faults = (poison.fault_of(seed, endpoint, cid) for cid in cids)
    return next((fault for fault in faults if fault is not None), None)
