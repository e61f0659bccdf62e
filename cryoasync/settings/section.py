"""What every group of settings shares."""

from typing import Any

from pydantic import BaseModel, ConfigDict


def about(
    *, flag: str | None = None, allowed: str | None = None, default: str | None = None, secret: bool = False
) -> Any:
    """Return what the reference and error messages say of a field beyond its type and limits.

    Args:
        flag: The option of the command line that sets it, as it is typed: ``--cache PATH/--no-cache``.
        allowed: The values it takes, where type and limits do not say it.
        default: The default in words, where it differs from machine to machine.
        secret: Whether the value must not be shown.
    """
    return {"flag": flag, "allowed": allowed, "default": default, "secret": secret}


class Section(BaseModel):
    """A group of settings, read-only once loaded."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)
