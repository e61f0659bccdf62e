"""Problem types that say of rates what a status alone does not (RFC 9457, draft-ietf-httpapi-ratelimit-headers)."""

from cryoasync.control.troubles.error_category import ErrorCategory

_CATEGORIES = {
    "quota-exceeded": ErrorCategory.THROTTLED,
    "temporary-reduced-capacity": ErrorCategory.OVERLOADED,
    "abnormal-usage-detected": ErrorCategory.BLOCKED,
}


def problem_category(problem_type: object) -> ErrorCategory | None:
    """Return the kind of trouble that the ``type`` of a problem names, where it is one of those."""
    if not isinstance(problem_type, str):
        return None
    return _CATEGORIES.get(problem_type.replace("#", "/").rpartition("/")[2])
