"""Structured header fields (RFC 9651), as far as fields about rates use them: lists, dictionaries and parameters."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_KEY = r"[a-z*][a-z0-9_.*-]*"
_STRING = r'"(?:[^"\\]|\\["\\])*"'
_NUMBER = r"-?\d{1,15}(?:\.\d{1,3})?"
_ITEM = rf"{_STRING}|:[A-Za-z0-9+/=]*:|\?[01]|{_NUMBER}|[A-Za-z*][\w!#$%&'*+.^`|~:/-]*"
_MEMBER = re.compile(rf"(?:({_KEY})=)?({_ITEM})(?![\w.])")
_PARAMETER = re.compile(rf";[ ]*({_KEY})(?:=({_ITEM})(?![\w.]))?")
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_NUMBER_ALONE = re.compile(rf"{_NUMBER}\Z")

Item = float | str | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of a list, or of a dictionary where it has a key."""

    key: str | None = None
    value: Item
    parameters: Mapping[str, Item] = field(default_factory=dict)

    def number(self, name: str) -> float | None:
        """Return a parameter that is a number and not negative."""
        return not_negative(self.parameters.get(name))


def not_negative(item: Item | None) -> float | None:
    """Return an item that is a number and not negative; anything else is ``None``."""
    return item if isinstance(item, float) and item >= 0 else None


def read_members(text: str) -> tuple[Member, ...]:
    """Return the members of a field; none where any part of it is malformed, as the standard asks."""
    members, at, text = [], 0, text.strip(" \t")
    while text:
        found = _MEMBER.match(text, at)
        if found is None:
            return ()
        at, parameters = found.end(), {}
        while parameter := _PARAMETER.match(text, at):
            name, value = parameter.groups()
            parameters[name] = True if value is None else _item(value)
            at = parameter.end()
        members.append(Member(key=found[1], value=_item(found[2]), parameters=parameters))
        if at == len(text):
            break
        comma = _COMMA.match(text, at)
        if comma is None:
            return ()
        at = comma.end()
    return tuple(members)


def _item(text: str) -> Item:
    if _NUMBER_ALONE.match(text):
        return float(text)
    if text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text == "?1" if text.startswith("?") else text
