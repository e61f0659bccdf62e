"""What is asked for instead of ids: all molecules that fulfil some conditions, or all there are."""

import difflib
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from cryoasync.errors import SourceUnavailableError, UsageError
from cryoasync.sources.asking.fetch import Found
from cryoasync.sources.chembl.answers import PageMeta
from cryoasync.sources.chembl.conversation import Conversation
from cryoasync.sources.chembl.endpoints import COUNT, OBJECTS, SCHEMA, Endpoint, Parameters, count
from cryoasync.sources.equipment import Listing

SEPARATOR = "__"

_log = structlog.get_logger(__name__)

_meta_decoder = msgspec.json.Decoder(PageMeta)


class _Part(msgspec.Struct):
    fields: dict[str, Any] = {}


class _Field(msgspec.Struct):
    """One field of a molecule; where it is a part with fields of its own, with those."""

    schema: _Part | None = None

    @property
    def fields(self) -> Collection[str]:
        return () if self.schema is None else self.schema.fields


class _Schema(msgspec.Struct):
    fields: dict[str, _Field]


_schema_decoder = msgspec.json.Decoder(_Schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Conditions in ChEMBL's own words, all of which must hold; none for every molecule."""

    filters: Parameters

    @classmethod
    def of(cls, where: Sequence[str]) -> "Query":
        """Read conditions such as ``max_phase__gte=1``.

        Raises:
            UsageError: one is none.
        """
        filters = []
        for condition in where:
            name, equals, value = condition.partition("=")
            if not (name.strip() and equals and value.strip()):
                raise UsageError(
                    f"{condition!r} is no condition.",
                    hint="Write it as --where FIELD__OPERATOR=VALUE, for example --where max_phase__gte=1.",
                )
            filters.append((name.strip(), value.strip()))
        return cls(filters=tuple(sorted(set(filters))))

    @property
    def conditions(self) -> list[str]:
        """The conditions as they are typed, in an order of their own."""
        return [f"{name}={value}" for name, value in self.filters]

    @property
    def sha256(self) -> str:
        """What identifies it, whatever the order of its conditions."""
        return hashlib.sha256(msgspec.json.encode(self.filters)).hexdigest()

    async def survey(self, talk: Conversation) -> Listing:
        """See that ChEMBL heeds every condition, and return what its list is like.

        ChEMBL passes over a condition on a field that it does not know, and answers with every molecule there is.

        Raises:
            UsageError: a condition would be passed over, or ChEMBL refuses it.
            SourceError: ChEMBL is out of reach beyond the patience, or never spoke its API.
        """
        if self.filters:
            await self._require_fields(talk)
            everything = await total_of(talk, ())
            for condition in self.filters:
                if await total_of(talk, (condition,)) == everything:
                    raise _ineffective(condition)
        return await listing_of(talk, self.filters)

    async def _require_fields(self, talk: Conversation) -> None:
        try:
            schema = _schema_decoder.decode(await _object(talk, OBJECTS, SCHEMA))
        except msgspec.MsgspecError as error:
            _log.warning("ChEMBL's list of fields cannot be read", reason=str(error))
            return
        for name, _ in self.filters:
            part, _, rest = name.partition(SEPARATOR)
            if part not in schema.fields:
                raise _unknown(name, part, schema.fields)
            below = schema.fields[part].fields
            part = rest.partition(SEPARATOR)[0]
            if below and part != "isnull" and part not in below:
                raise _unknown(name, part, below)


async def listing_of(talk: Conversation, filters: Parameters) -> Listing:
    """Ask for the release in force and for the length of a list now."""
    release = await talk.release.look()
    return Listing(release=release, total=await total_of(talk, filters))


async def total_of(talk: Conversation, filters: Parameters) -> int:
    """Ask how many molecules a list has."""
    return _meta_decoder.decode(await _object(talk, count(filters), COUNT)).total_count


async def _object(talk: Conversation, endpoint: Endpoint, name: str) -> msgspec.Raw:
    fetch = await talk.aside.fetch(endpoint, [name])
    answer = fetch.answers[name]
    if not isinstance(answer, Found):
        raise SourceUnavailableError(
            f"ChEMBL does not answer a question about its molecules ({endpoint.name}): {answer}",
            hint="Run the same command again later.",
        )
    return answer.raw


def _unknown(name: str, part: str, fields: Collection[str]) -> UsageError:
    near = difflib.get_close_matches(part, fields, n=1)
    return UsageError(
        f"ChEMBL knows no field {part!r}, and would pass over the condition {name}.",
        hint=f"Did you mean {near[0]}?" if near else f"The fields are: {', '.join(sorted(fields))}.",
    )


def _ineffective(condition: tuple[str, str]) -> UsageError:
    name, value = condition
    return UsageError(
        f"The condition {name}={value} excludes no molecule: ChEMBL passes over it, or it holds for all of them.",
        hint="Leave it out; without any condition give --all.",
    )
