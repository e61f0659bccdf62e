"""The settings of the circuits that make requests wait while an endpoint is down."""

from typing import Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from cryoasync.settings.section import Section


class CircuitSettings(Section):
    """When an endpoint counts as down, and how soon it is tried; section ``circuit``."""

    failures_in_a_row: int = Field(
        default=10, ge=2, le=1000, description="Failures in a row after which an endpoint counts as down."
    )
    silences_in_a_row: int = Field(
        default=8, ge=2, le=1000, description="Requests in a row without an answer after which it does."
    )
    failure_rate: float = Field(
        default=0.5, gt=0, le=1, description="The part of the last requests that must fail for it."
    )
    slow_rate: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="The part of the last answers that must take four times what such a question takes.",
    )
    window_seconds: float = Field(
        default=30.0, ge=1, le=3600, description="How far back requests count for the two rates."
    )
    first_open_seconds: float = Field(
        default=4.0,
        ge=1,
        le=3600,
        description="How long nothing is asked at first; doubled each time a trial fails.",
    )
    longest_open_seconds: float = Field(
        default=27.0, ge=1, le=3600, description="The longest time from one trial to the next."
    )

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.first_open_seconds > self.longest_open_seconds:
            raise PydanticCustomError(
                "order", "circuit.first_open_seconds takes no more than circuit.longest_open_seconds"
            )
        return self
