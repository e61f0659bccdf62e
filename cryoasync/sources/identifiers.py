"""What the identifiers of a source look like, so that lists of them are read alike for every source."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidIdentifier:
    """A text that is no identifier, and why: a phrase such as ``not a number``."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifierScheme:
    """How the identifiers of one source are written.

    Attributes:
        label: what users call one identifier, as ``CID``.
        column_names: headers that mark the column of identifiers, in lower case and with ``_`` for blanks.
        parse: the number of an identifier (at least 0, below 2**32) in any of its spellings.
        text_of: the one normal spelling of the identifier with that number.
        instead: a sentence on what may be given instead of identifiers, where there is anything.
    """

    label: str
    column_names: frozenset[str]
    parse: Callable[[str], int | InvalidIdentifier]
    text_of: Callable[[int], str]
    instead: str = ""

    @property
    def example_range(self) -> str:
        """Return a range of identifiers as it is typed."""
        return f"{self.text_of(1)}-{self.text_of(5000)}"

    def names_column(self, header: str) -> bool:
        """Tell whether ``header`` marks the identifiers' column, whatever its case and its word separator."""
        return header.strip().lower().replace(" ", "_") in self.column_names
