"""The settings of ChEMBL as a source. It publishes no limits, so these are what we think is modest."""

from pydantic import Field

from cryoasync.settings.section import Section, about
from cryoasync.settings.values import BaseUrl, Weekdays

CHEMBL_BASE_URL = "https://www.ebi.ac.uk/chembl/api/data"


class ChemblSettings(Section):
    """Where ChEMBL's data API is, and how it is asked; section ``chembl``."""

    base_url: BaseUrl = Field(
        default=CHEMBL_BASE_URL,
        description="The address of ChEMBL's data API.",
        json_schema_extra=about(
            flag="--base-url URL", allowed="an http or https URL with a host, without user, password or query"
        ),
    )
    where: tuple[str, ...] = Field(
        default=(),
        description="Import the molecules that fulfil these conditions, in ChEMBL's own words, instead of ids. On the "
        "command line `--where FIELD__OPERATOR=VALUE`, once for each.",
        json_schema_extra=about(allowed="a list of conditions such as `max_phase__gte=1`"),
    )
    everything: bool = Field(
        default=False,
        description="Import all molecules that there are.",
        json_schema_extra=about(flag="--all"),
    )
    requests_per_second: int = Field(
        default=3,
        ge=0,
        description="Requests in any 1 s at most; 0 is unlimited. ChEMBL publishes no limit; how much of this it bears "
        "is found out while a run asks.",
    )
    slow_days: Weekdays = Field(
        default=(),
        description="Days of ChEMBL's week on which it is asked more slowly, whatever it would bear.",
        json_schema_extra=about(allowed="names of days separated by commas, such as `monday`"),
    )
    slow_rate: float = Field(default=1.0, gt=0, description="Requests a second at most on slow days.")
    most_under_way: int = Field(
        default=6,
        ge=1,
        le=64,
        description="Requests under way at the same time at most. How many of them is best is found out while a "
        "run asks.",
    )
    request_timeout_seconds: float = Field(
        default=90.0,
        gt=0,
        le=3600,
        description="How long one answer is waited for. Of a thousand molecules it has some 5 MB, and ChEMBL's status "
        "alone takes up to half a minute.",
    )
