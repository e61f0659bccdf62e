"""The settings of PubChem as a source, with the limits it publishes."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from cryoasync.settings.section import Section, about
from cryoasync.settings.values import BaseUrl

PUBCHEM_BASE_URL = "https://pubchem.ncbi.nlm.nih.gov/rest/pug"


class PolicySettings(Section):
    """The request rates the source allows; section ``pubchem.policy``. Zero is unlimited."""

    requests_per_second: int = Field(default=5, ge=0, description="Requests in any 1 s; 0 is unlimited.")
    requests_per_minute: int = Field(default=400, ge=0, description="Requests in any 60 s; 0 is unlimited.")
    running_seconds_per_minute: float = Field(
        default=300.0, ge=0, description="Seconds of the source's running time in any 60 s; 0 is unlimited."
    )
    guard_seconds: float = Field(
        default=0.04,
        ge=0,
        le=10,
        description="How much wider than the source's own each window is taken, because requests do not "
        "arrive exactly as they were spaced.",
    )

    def limits(self) -> dict[str, float]:
        """The limits by name."""
        return {
            "requests_per_second": self.requests_per_second,
            "requests_per_minute": self.requests_per_minute,
            "running_seconds_per_minute": self.running_seconds_per_minute,
        }


class PubChemSettings(Section):
    """Where PubChem's PUG REST is, and what it allows; section ``pubchem``."""

    base_url: BaseUrl = Field(
        default=PUBCHEM_BASE_URL,
        description="The address of PUG REST.",
        json_schema_extra=about(
            flag="--base-url URL", allowed="an http or https URL with a host, without user, password or query"
        ),
    )
    policy: PolicySettings = Field(default_factory=PolicySettings)
    request_timeout_seconds: float = Field(
        default=35.0,
        gt=0,
        le=3600,
        description="How long one answer is waited for. PubChem ends its own work on a request after 30 s.",
    )

    @model_validator(mode="after")
    def _published_policy_holds(self) -> Self:
        """Refuse, for PubChem's own hosts, limits above those it publishes (PUG REST, usage policy)."""
        host = urlsplit(self.base_url).hostname or ""
        if host != "nih.gov" and not host.endswith(".nih.gov"):
            return self
        published = PolicySettings()
        given = self.policy.limits()
        for name, limit in published.limits().items():
            if not 0 < given[name] <= limit:
                raise _policy_error(name, f"more than 0 and at most {limit:g} for {host}, as it publishes")
        if self.policy.guard_seconds < published.guard_seconds:
            raise _policy_error("guard_seconds", f"at least {published.guard_seconds:g} for {host}")
        return self


def _policy_error(name: str, allowed: str) -> PydanticCustomError:
    setting = f"pubchem.policy.{name}"
    return PydanticCustomError(
        "policy", "{setting} takes {allowed}", {"setting": setting, "allowed": allowed}
    )
