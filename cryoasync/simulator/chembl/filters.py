"""Filters as ChEMBL's server reads them: unknown fields are passed over, impossible lookups refused."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryoasync.simulator.chembl.molecules import ChemblMolecule

SEPARATOR = "__"

_WORDS = {"true": True, "false": False, "none": None}


class BadFilterError(ValueError):
    """A filter that the server refuses."""


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _compared(compare: Callable[[float, float], bool]) -> Callable[[Any, str], bool]:
    def matches(value: Any, wanted: str) -> bool:
        left, right = _number(value), _number(wanted)
        return left is not None and right is not None and compare(left, right)

    return matches


def _equal(value: Any, wanted: str) -> bool:
    if (word := wanted.lower()) in _WORDS:
        return bool(value == _WORDS[word])
    left, right = _number(value), _number(wanted)
    return left == right if left is not None and right is not None else value == wanted


def _within(value: Any, wanted: str) -> bool:
    low, _, high = wanted.partition(",")
    return _LOOKUPS["gte"](value, low) and _LOOKUPS["lte"](value, high)


_LOOKUPS: Mapping[str, Callable[[Any, str], bool]] = {
    "exact": _equal,
    "iexact": lambda value, wanted: str(value).lower() == wanted.lower(),
    "contains": lambda value, wanted: wanted in str(value),
    "icontains": lambda value, wanted: wanted.lower() in str(value).lower(),
    "startswith": lambda value, wanted: str(value).startswith(wanted),
    "istartswith": lambda value, wanted: str(value).lower().startswith(wanted.lower()),
    "endswith": lambda value, wanted: str(value).endswith(wanted),
    "iendswith": lambda value, wanted: str(value).lower().endswith(wanted.lower()),
    "regex": lambda value, wanted: re.search(wanted, str(value)) is not None,
    "iregex": lambda value, wanted: re.search(wanted, str(value), re.IGNORECASE) is not None,
    "gt": _compared(lambda left, right: left > right),
    "gte": _compared(lambda left, right: left >= right),
    "lt": _compared(lambda left, right: left < right),
    "lte": _compared(lambda left, right: left <= right),
    "range": _within,
    "in": lambda value, wanted: str(value) in wanted.split(","),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One condition on a molecule."""

    path: tuple[str, ...]
    lookup: str
    wanted: str

    def matches(self, molecule: ChemblMolecule) -> bool:
        """Tell whether a molecule fulfils it; null fulfils nothing but ``isnull``."""
        value: Any = molecule
        for name in self.path:
            value = None if value is None else value.get(name)
        if self.lookup == "isnull":
            return (value is None) == (self.wanted.lower() == "true")
        return value is not None and _LOOKUPS[self.lookup](value, self.wanted)


def read_filters(parameters: Sequence[tuple[str, str]], fields: Mapping[str, Any]) -> tuple[Filter, ...]:
    """Return the filters among the parameters of a request.

    Args:
        parameters: names and values; what begins with no field is passed over.
        fields: the fields of a molecule, and under each part its own fields.

    Raises:
        BadFilterError: a known field has no such part or lookup.
    """
    return tuple(
        _filter(name, value, fields) for name, value in parameters if name.split(SEPARATOR)[0] in fields
    )


def _filter(name: str, wanted: str, fields: Mapping[str, Any]) -> Filter:
    path: list[str] = []
    below: Any = fields
    parts = name.split(SEPARATOR)
    while parts and isinstance(below, Mapping) and parts[0] in below:
        path.append(parts.pop(0))
        below = below[path[-1]]
    match parts:
        case []:
            return Filter(path=tuple(path), lookup="exact", wanted=wanted)
        case [lookup] if lookup in _LOOKUPS or lookup == "isnull":
            return Filter(path=tuple(path), lookup=lookup, wanted=wanted)
        case _ if isinstance(below, Mapping):
            raise BadFilterError(f"'{SEPARATOR.join(parts)}' is no field of '{path[-1]}'.")
        case [_]:
            raise BadFilterError(f"'{parts[0]}' is not an allowed filter on the '{path[-1]}' field.")
        case _:
            raise BadFilterError(f"The '{path[-1]}' field does not support relations.")
