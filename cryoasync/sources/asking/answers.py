"""What an answer of a source says: rows, or the kind of trouble."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from cryoasync.control.troubles.error_category import ErrorCategory


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A good answer: by source id, what the source said, in its own words.

    ``is_complete`` tells that the source says itself: what was asked for and is not here does not exist.
    """

    by_id: Mapping[str, msgspec.Raw]
    is_complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An answer without rows, or none at all.

    ``spoke`` tells whether it came from something that speaks the API.
    """

    category: ErrorCategory
    message: str
    spoke: bool
    retry_after_seconds: float | None = None
