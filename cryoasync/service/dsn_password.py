"""The password of a DSN, taken out of it for eyes and programs that should not see it."""

from urllib.parse import unquote, urlsplit

from cryoasync.database.error_translation import is_ambiguous
from cryoasync.errors import UsageError

_SECRETS = ("password", "sslpassword")


def without_password(dsn: str) -> tuple[str, str | None]:
    """Return ``dsn`` without its secrets, and its password if it has one.

    What is left is a DSN for every tool of libpq, which takes the password from ``PGPASSWORD`` or
    ``.pgpass``, or asks for it.

    Raises:
        UsageError: a character that should have been percent-encoded hides where the password ends.
    """
    try:
        ambiguous = is_ambiguous(dsn)
    except ValueError:
        raise _unclear() from None
    if ambiguous:
        raise _unclear()
    parts = urlsplit(dsn)
    user_info, at, hosts = parts.netloc.rpartition("@")
    user, colon, secret = user_info.partition(":")
    password = unquote(secret) if colon else None
    kept = []
    for parameter in filter(None, parts.query.split("&")):
        name, _, value = parameter.partition("=")
        if name == "password":
            password = unquote(value)
        if name not in _SECRETS:
            kept.append(parameter)
    query = f"?{'&'.join(kept)}" if kept else ""
    # Not urlunsplit(): it drops the slashes before an empty host.
    return f"{parts.scheme}://{user}{at}{hosts}{parts.path}{query}", password


def _unclear() -> UsageError:
    return UsageError(
        "The DSN is ambiguous: it cannot be told where its password ends.",
        hint="Write the special characters of the password in percent encoding: @ as %40, / as %2F, # as %23.",
    )
