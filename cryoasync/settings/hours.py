"""How fast to ask at what time of the source's week."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from cryoasync.settings.section import Section, about


def _hours(value: object) -> object:
    if not isinstance(value, str):
        return value
    first, dash, end = value.partition("-")
    if not dash or not 0 <= int(first) < int(end) <= 24:
        raise ValueError("no hours")
    return int(first), int(end)


Hours = Annotated[tuple[int, int], BeforeValidator(_hours)]
"""From the first hour up to the second, written ``9-17``."""


class HoursSettings(Section):
    """The paces of the source's week, in its own time zone; section ``hours``.

    They bind with ``--cautious``; otherwise a lower pace is only what is expected of hours never seen before.
    """

    business_hours: Hours = Field(
        default=(9, 17),
        description="The busy hours of weekdays, where the source is.",
        json_schema_extra=about(allowed="FIRST-END, hours from 0 to 24", default="9-17"),
    )
    business_rate: float = Field(
        default=1.0,
        gt=0,
        description="Requests a second in busy hours. With the next two it binds with `--cautious`.",
    )
    business_backoff: float = Field(
        default=2.0, ge=1, le=100, description="What a refusal multiplies the time between two requests with."
    )
    business_longest_delay_seconds: float = Field(
        default=10.0, gt=0, le=3600, description="The most that refusals make of that time."
    )
    night_rate: float = Field(default=3.0, gt=0, description="As for busy hours, at other hours of weekdays.")
    night_backoff: float = Field(default=1.5, ge=1, le=100, description="The same.")
    night_longest_delay_seconds: float = Field(default=5.0, gt=0, le=3600, description="The same.")
    weekend_rate: float = Field(default=5.0, gt=0, description="As for busy hours, at weekends.")
    weekend_backoff: float = Field(default=1.2, ge=1, le=100, description="The same.")
    weekend_longest_delay_seconds: float = Field(default=3.0, gt=0, le=3600, description="The same.")
