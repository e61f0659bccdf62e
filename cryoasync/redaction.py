"""Passwords and tokens taken out of text that people or log files will see."""

import re

MASK = "***"

# Greedy up to the last "@", because people forget to percent-encode an "@" or "/" in a password.
_URL_PASSWORD = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^\s/:@]*):\S*@", re.IGNORECASE)
_KEYWORD_SECRET = re.compile(
    r"(?P<head>\b(?:password|passwd|pwd|token|secret|api_?key)\s*[=:]\s*)(?:'[^']*'|\"[^\"]*\"|[^\s&,;]+)",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Return ``text`` with ``***`` for the password of each URL and the value of each ``password=…``."""
    text = _URL_PASSWORD.sub(rf"\g<head>:{MASK}@", text)
    return _KEYWORD_SECRET.sub(rf"\g<head>{MASK}", text)
