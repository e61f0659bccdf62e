"""What kind of trouble an attempt met: each kind has its own cure."""

from enum import StrEnum


class ErrorCategory(StrEnum):
    """Why an attempt brought no rows, named by what can be done about it."""

    THROTTLED = "throttled"
    """Refused for policy reasons: the whole host is left alone, and the same batch is asked again."""
    BLOCKED = "blocked"
    """The address is refused for a while, whatever the colours say: as throttled, with growing patience."""
    OVERLOADED = "overloaded"
    """The server failed (5xx, an HTML page): asked again after a while."""
    UNREACHABLE = "unreachable"
    """No answer, or not all of it (DNS, connection, TLS, reset, time-out): as overloaded."""
    TOO_BIG = "too_big"
    """The server ran out of time over this batch: it is halved."""
    GARBLED = "garbled"
    """An answer that cannot be read: asked again, then divided until the culprit stands alone."""
    REJECTED = "rejected"
    """The server says the request is wrong: divided until the culprit stands alone."""
    NOT_FOUND = "not_found"
    """The server knows none of the batch: halved, since it might mean one of them."""
    CHANGED = "changed"
    """A good answer of another form than was agreed on: nobody is asked for any more where all are so."""
    INCOMPLETE = "incomplete"
    """Fewer rows than asked for: the missing ones are asked for again."""
