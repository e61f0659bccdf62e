"""What the headers of one answer ask of a client's rate; whatever they say, it can be read.

Understood are ``Retry-After``, the RateLimit fields of the IETF in their three syntaxes (three fields; a
dictionary; lists of named policies, whose meaning changed with draft 11 of draft-ietf-httpapi-ratelimit-headers,
both of which ask for the same), ``X-RateLimit-*``, and PubChem's ``X-Throttling-Control``.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryoasync.control.rate.rate_policy import CountWindow
from cryoasync.control.rate.retry_after import LONGEST_RETRY_AFTER_SECONDS, http_date, retry_after_seconds
from cryoasync.control.rate.structured_fields import Member, not_negative, read_members
from cryoasync.control.rate.throttling_header import THROTTLING_HEADER, ThrottlingStatus, read_throttling

LONGEST_WINDOW_SECONDS = 60.0
"""An announced window that is longer is kept by what is left of it, not by its length."""

_EPOCH_SECONDS_FROM, _EPOCH_MILLISECONDS_FROM = 1e9, 1e12
_PERIOD = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)(ms|s|m|h)")
_PERIODS = re.compile(rf"(?:{_PERIOD.pattern})+\Z")
_PERIOD_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_THROTTLING = THROTTLING_HEADER.lower()
_READ_WITH_RATES = frozenset({"date", _THROTTLING})
_PREFIXES = ("ratelimit-", "x-ratelimit-", "x-rate-limit-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """At most ``available`` requests in the next ``seconds``."""

    available: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RateAdvice:
    """What one answer asks for.

    Attributes:
        retry_after_seconds: how long to leave the host alone, where the answer refuses a request. It goes
            before the quotas.
        quotas: what may be used from now on.
        windows: what may be used in any window, as far as that was announced.
        throttling: PubChem's own header.
    """

    retry_after_seconds: float | None = None
    quotas: tuple[Quota, ...] = ()
    windows: tuple[CountWindow, ...] = ()
    throttling: ThrottlingStatus | None = None


def read_rate_headers(
    headers: Mapping[str, str],
    now: datetime,
    *,
    read_throttling: Callable[[str], ThrottlingStatus | None] = read_throttling,
) -> RateAdvice:
    """Read all that ``headers`` say of rates; ``now`` is used where they have no ``Date``.

    Nothing is raised: what is malformed, impossible or in an unknown unit counts as absent. ``read_throttling`` is
    for a reader that remembers what it has read.
    """
    fields = _combined(headers)
    quotas, windows = _limits(fields, now) if any("rate" in name for name in fields) else ((), ())
    throttling = read_throttling(fields.get(_THROTTLING, ""))
    retry_after = retry_after_seconds(headers, now)
    if throttling is not None and throttling.blocking_seconds is not None:
        longest = max(throttling.blocking_seconds, retry_after or 0.0)
        retry_after = min(longest, LONGEST_RETRY_AFTER_SECONDS)
    return RateAdvice(
        retry_after_seconds=retry_after,
        quotas=quotas,
        windows=windows,
        throttling=throttling,
    )


def _limits(fields: Mapping[str, str], now: datetime) -> tuple[tuple[Quota, ...], tuple[CountWindow, ...]]:
    server_now = http_date(fields.get("date", "")) or now
    policies = read_members(fields.get("ratelimit-policy", ""))
    windows = _windows(policies + read_members(fields.get("ratelimit-limit", "")))
    return tuple(_quotas(fields, policies, server_now)), tuple(windows)


def _combined(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that tell of rates, by lower-case name; several of one name are a list."""
    combined: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        if "rate" in key or key in _READ_WITH_RATES:
            combined[key] = f"{combined[key]}, {value}" if key in combined else value
    return combined


def _quotas(fields: Mapping[str, str], policies: tuple[Member, ...], server_now: datetime) -> Iterator[Quota]:
    members = read_members(fields.get("ratelimit", ""))
    by_key = {member.key: not_negative(member.value) for member in members if member.key is not None}
    yield from _quota(by_key.get("remaining"), by_key.get("reset"))
    known = {policy.value: policy for policy in policies}
    for member in members:
        policy = known.get(member.value) if member.key is None else None
        if member.key is None and not (policy is not None and _counts_otherwise(policy)):
            seconds = member.number("t")
            if seconds is None and policy is not None:
                seconds = policy.number("w")
            yield from _quota(member.number("r"), seconds)
    for prefix in _PREFIXES:
        remaining = fields.get(f"{prefix}remaining", "").partition(",")[0].strip()
        yield from _quota(
            float(remaining) if re.fullmatch(r"\d{1,15}", remaining) else None,
            _reset_seconds(fields.get(f"{prefix}reset", ""), server_now),
        )


def _quota(available: float | None, seconds: float | None) -> Iterator[Quota]:
    if available is not None and seconds:
        yield Quota(available=int(available), seconds=min(seconds, LONGEST_RETRY_AFTER_SECONDS))


def _windows(policies: tuple[Member, ...]) -> Iterator[CountWindow]:
    for policy in policies:
        limit = policy.number("q") if isinstance(policy.value, str) else not_negative(policy.value)
        seconds = policy.number("w")
        if limit and seconds and seconds <= LONGEST_WINDOW_SECONDS and not _counts_otherwise(policy):
            yield CountWindow(limit=int(limit) or 1, seconds=seconds)


def _counts_otherwise(policy: Member) -> bool:
    """Whether a policy counts something else than requests, such as bytes."""
    return policy.parameters.get("qu", "requests") != "requests"


def _reset_seconds(value: str, server_now: datetime) -> float | None:
    """Read a reset: seconds from now, seconds or milliseconds since 1970, ``1m30s``, or a date; past ones are none."""
    value = value.strip()
    if _PERIODS.match(value):
        return math.fsum(float(n) * _PERIOD_SECONDS[unit] for n, unit in _PERIOD.findall(value))
    if re.fullmatch(r"\d{1,20}(?:\.\d{1,9})?", value):
        number = float(value)
        if number >= _EPOCH_MILLISECONDS_FROM:
            number /= 1000
        elif number < _EPOCH_SECONDS_FROM:
            return number
        seconds = number - server_now.timestamp()
    else:
        until = http_date(value) or _iso_date(value)
        if until is None:
            return None
        seconds = (until - server_now).total_seconds()
    return seconds if seconds > 0 else None


def _iso_date(value: str) -> datetime | None:
    try:
        date = datetime.fromisoformat(value)
    except ValueError:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
