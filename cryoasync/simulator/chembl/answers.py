"""The bodies of ChEMBL's answers, for what one release lists."""

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode

import msgspec

from cryoasync.simulator.chembl.filters import BadFilterError, read_filters
from cryoasync.simulator.chembl.population import ChemblPopulation
from cryoasync.simulator.chembl.questions import LARGEST_LIMIT, Question, RefusedError

CHEMBL_PATH = "/chembl/api/data"

_NOT_FILTERS = frozenset({"limit", "offset", "format", "only", "order_by"})
_BY_IDS = "molecule_chembl_id__in"

Answer = tuple[Sequence[str], bytes]
"""The ids that a body tells of, and the body."""

_Fields = Mapping[str, Mapping[str, None] | None]


class ChemblAnswers:
    """Answers of one release."""

    def __init__(self, population: ChemblPopulation, *, after_change: bool | None) -> None:
        """Answer from ``population``; see its ``ids`` for ``after_change``."""
        self._population = population
        self._after_change = after_change

    def status(self, release: int) -> bytes:
        """Return what the API says of itself; ``release`` is the one before the change."""
        return msgspec.json.encode(
            {
                "activities": 0,
                "chembl_db_version": f"ChEMBL_{release + bool(self._after_change)}",
                "chembl_release_date": "2026-05-01",
                "disinct_compounds": len(self._population.ids((), after_change=self._after_change)),
                "status": "UP",
            }
        )

    def schema(self) -> bytes:
        """Return the fields of a molecule, each part with its own."""
        return msgspec.json.encode(
            {
                "default_format": "application/json",
                "default_limit": 20,
                "fields": {
                    name: {"type": "string"}
                    if below is None
                    else {"type": "related", "schema": {"fields": {key: {"type": "string"} for key in below}}}
                    for name, below in self._fields().items()
                },
            }
        )

    def detail(self, question: Question) -> Answer:
        """Return one molecule.

        Raises:
            RefusedError: there is none of this id.
        """
        [identity] = question.ids
        if self._index_of(identity) is None:
            raise RefusedError(404)
        return question.ids, self._molecule(identity, question)

    def some(self, question: Question) -> Answer:
        """Return those of the ids in a path that there are, and the list of the others."""
        found = [identity for identity in question.ids if self._index_of(identity) is not None]
        missing = [identity for identity in question.ids if identity not in found]
        answer: dict[str, object] = {"molecules": self._molecules(found, question)}
        return found, msgspec.json.encode(answer | ({"not_found": missing} if missing else {}))

    def page(self, question: Question, draw_missing: Callable[[int], set[int]] | None) -> Answer:
        """Return a page of a list; ``draw_missing`` says what to leave out.

        Raises:
            RefusedError: a filter is impossible.
        """
        matching = self._matching(question)
        page = [_id_of(each) for each in matching[question.offset : question.offset + question.limit]]
        border = (question.offset // LARGEST_LIMIT + 1) * LARGEST_LIMIT - question.offset
        if border < len(page):
            # What a page that crosses a border of the server's own chunks was seen to do.
            page[border] = page[border - 1]
        if draw_missing is not None and page:
            missing = draw_missing(len(page))
            page = [identity for index, identity in enumerate(page) if index not in missing]
        answer = {
            "molecules": self._molecules(page, question),
            "page_meta": _page_meta(question, len(matching)),
        }
        return page, msgspec.json.encode(answer)

    def _matching(self, question: Question) -> Sequence[str] | Sequence[int]:
        """Return the ids, or the made-up numbers, of the whole list that is asked for."""
        parameters = [each for each in question.parameters if each[0] not in _NOT_FILTERS]
        if [name for name, _ in parameters] == [_BY_IDS]:
            asked = dict.fromkeys(parameters[0][1].upper().split(","))
            return [identity for identity in asked if self._index_of(identity) is not None]
        try:
            filters = read_filters(parameters, self._fields())
        except BadFilterError as error:
            raise RefusedError(400, str(error)) from None
        return self._population.ids(filters, after_change=self._after_change)

    def _molecules(self, ids: Sequence[str], question: Question) -> list[msgspec.Raw]:
        return [msgspec.Raw(self._molecule(identity, question)) for identity in ids]

    def _molecule(self, identity: str, question: Question) -> bytes:
        index = self._index_of(identity)
        assert index is not None, "only what there is is told of"
        whole = self._population.encoded(identity, index)
        if not question.only:
            return whole
        return msgspec.json.encode(question.trims(msgspec.json.decode(whole)))

    def _index_of(self, identity: str) -> int | None:
        return self._population.index_of(identity, after_change=self._after_change)

    def _fields(self) -> _Fields:
        """Return the fields of a molecule, and of its parts, as molecules have them."""
        fields: dict[str, Mapping[str, None] | None] = {}
        for molecule in (*self._population.molecules[:200], self._population.molecules[-1]):
            for key, value in molecule.items():
                fields[key] = dict.fromkeys(value) if isinstance(value, dict) else fields.get(key)
        return fields


def _id_of(each: str | int) -> str:
    return each if isinstance(each, str) else f"CHEMBL{each}"


def _page_meta(question: Question, total_count: int) -> dict[str, object]:
    limit, offset = question.limit, question.offset

    def link(start: int) -> str:
        rest = [each for each in question.parameters if each[0] not in ("limit", "offset", "format")]
        return f"{CHEMBL_PATH}/molecule.json?{urlencode([('limit', limit), ('offset', start), *rest])}"

    return {
        "limit": limit,
        "next": link(offset + limit) if offset + limit < total_count else None,
        "offset": offset,
        "previous": link(max(0, offset - limit)) if offset else None,
        "total_count": total_count,
    }
