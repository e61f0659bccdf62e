"""What an import will take, counted before anybody is contacted."""

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cryoasync.service.site import policy_at
from cryoasync.settings import Settings
from cryoasync.sources.input import InputBlock, InputDigest, InputDigester, InputList, InvalidEntry
from cryoasync.sources.registry import Source

MEAN_ANSWER_SECONDS = 0.3
"""Assumed: what PubChem takes, on the average, to answer for a chunk of properties or synonyms."""

MANY_IDS = 1_000_000
DUMPS_URL = "https://ftp.ncbi.nlm.nih.gov/pubchem/"
EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Requests, and the shortest time in which they may be sent."""

    requests: int
    shortest_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An import before it begins.

    Attributes:
        source: its name.
        digest: the input's size.
        invalid_examples: the first entries that are no ids, with place and reason.
        chunk_size: ids in one request at most.
        chunks: chunks of that size.
        requests_per_second: what the policy allows over long times; infinite where it sets no limit.
        cost: of the whole import when nothing goes wrong.
        one_id_a_request: the same, were each id asked for by itself.
        advice: sentences.
    """

    source: str
    digest: InputDigest
    invalid_examples: tuple[str, ...]
    chunk_size: int
    chunks: int
    requests_per_second: float
    cost: Cost
    one_id_a_request: Cost
    advice: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what ``plan --json`` prints."""
        return {
            "source": self.source,
            "requested": self.digest.requested,
            "valid": self.digest.valid,
            "invalid": self.digest.invalid,
            "duplicates": self.digest.duplicates,
            "invalid_examples": list(self.invalid_examples),
            "chunk_size": self.chunk_size,
            "chunks": self.chunks,
            "requests": self.cost.requests,
            "shortest_seconds": self.cost.shortest_seconds,
            "requests_per_second": self.requests_per_second
            if math.isfinite(self.requests_per_second)
            else None,
            "one_id_a_request": {
                "requests": self.one_id_a_request.requests,
                "shortest_seconds": self.one_id_a_request.shortest_seconds,
            },
            "advice": list(self.advice),
        }


def plan_import(settings: Settings, source: Source, words: Sequence[str]) -> Plan:
    """Count what importing ``words`` takes; nobody is contacted and nothing is written.

    Raises:
        InputError: the input cannot be read, or holds no valid id.
        UsageError: there is no such scenario to simulate.
    """
    run = settings.run
    rate = policy_at(source, run).requests_per_second
    with InputList.open(words, scheme=source.scheme, stdin=sys.stdin.buffer, limit=run.limit) as inputs:
        digest, examples = _read(inputs.blocks())
    chunks = math.ceil(digest.valid / run.chunk_size.maximum)
    cost = cost_of(chunks * source.requests_per_chunk, rate)
    return Plan(
        source=source.name,
        digest=digest,
        invalid_examples=tuple(examples),
        chunk_size=run.chunk_size.maximum,
        chunks=chunks,
        requests_per_second=rate,
        cost=cost,
        one_id_a_request=cost_of(digest.valid * source.requests_per_chunk, rate),
        advice=tuple(_advice(digest, cost, source.requests_per_chunk)),
    )


def shortest_seconds(requests: int, requests_per_second: float) -> float:
    """Return the shortest legal time for some requests, in seconds: (n - 1) / rate + mean answer time.

    The first request goes out at once and the others follow at the rate that the strictest window allows in
    the long run; the last answer is waited for. A short list may take the first requests of a window in one
    burst, and end that much earlier.
    """
    return 0.0 if requests == 0 else (requests - 1) / requests_per_second + MEAN_ANSWER_SECONDS


def cost_of(requests: int, requests_per_second: float) -> Cost:
    """Return what some requests cost."""
    return Cost(requests=requests, shortest_seconds=shortest_seconds(requests, requests_per_second))


def _read(blocks: Iterator[InputBlock]) -> tuple[InputDigest, list[str]]:
    """Count the input, and keep the first entries that are no ids."""
    digester = InputDigester()
    examples: list[str] = []
    for block in blocks:
        digester.add(block)
        for entry in block.entries:
            if isinstance(entry, InvalidEntry) and len(examples) < EXAMPLES:
                place = entry.origin if entry.line is None else f"{entry.origin}, line {entry.line}"
                examples.append(f"{place}: {entry.text!r} ({entry.reason})")
    return digester.result(), examples


def _advice(digest: InputDigest, cost: Cost, requests_per_chunk: int) -> Iterator[str]:
    if digest.valid > MANY_IDS:
        yield (
            f"For more than {MANY_IDS:,} compounds PubChem's dumps are the better way: download them once from"
            f" {DUMPS_URL} instead of asking for each compound."
        )
    if requests_per_chunk > 1 and cost.requests > requests_per_chunk:
        yield f"Without synonyms (--no-synonyms) it takes {cost.requests // requests_per_chunk:,} requests."
    if cost.shortest_seconds > 3600:
        yield "The run can be stopped at any time; the same command goes on where it was stopped."
    if digest.invalid:
        yield f"{digest.invalid:,} entries are no ids; they are recorded as invalid, and the run goes on."
