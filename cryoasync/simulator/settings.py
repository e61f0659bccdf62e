"""How a simulator behaves, for who starts one in a process of its own and needs nothing of it here."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CidRange:
    """CIDs ``first`` to ``last``, both included, that are answered although nobody ever made the compound."""

    first: int
    last: int

    def __contains__(self, cid: int) -> bool:
        return self.first <= cid <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """How a simulator behaves, and where it listens.

    Attributes:
        scenario: The name of a scenario.
        overrides: Parameters of the scenario, each ``PATH=VALUE``, for example ``blackout.lasts_seconds=5``.
        seed: Decides which request meets which fault, and which CIDs are poisonous.
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        made_up: A range of numbers whose ids are answered although nobody made the compounds; else the scenario's own.
        cache_dir: Where the computed molecules are kept; else the user's cache folder.
    """

    scenario: str = "steady"
    overrides: tuple[str, ...] = ()
    seed: int = 0
    host: str = "127.0.0.1"
    port: int = 0
    made_up: CidRange | None = None
    cache_dir: Path | None = None
