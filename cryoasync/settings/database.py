"""The settings of the connections to the database."""

from typing import Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from cryoasync.settings.section import Section
from cryoasync.settings.values import PoolerChoice


class DatabaseSection(Section):
    """How the database is spoken to; section ``database``."""

    pooler: PoolerChoice = Field(
        default=PoolerChoice.AUTO,
        description="What stands between us and PostgreSQL (PgBouncer, Supavisor …), and whether it lends its "
        "connections for a session or for a transaction. Found out by default.",
    )
    min_connections: int = Field(
        default=2, ge=0, le=1000, description="Connections that are kept open even while nobody wants them."
    )
    max_connections: int = Field(
        default=10,
        ge=2,
        le=1000,
        description="Connections at most. They are opened as they are waited for, and closed after a while without "
        "need.",
    )
    acquire_seconds: float = Field(
        default=30.0,
        gt=0,
        description="The longest wait for a connection before it counts as an outage of the database.",
    )
    connect_seconds: float = Field(
        default=10.0, gt=0, description="The longest that opening a connection may take."
    )
    statement_seconds: float = Field(
        default=120.0,
        gt=0,
        description="The longest wait for the answer to one statement before its connection is given up.",
    )
    idle_seconds: float = Field(
        default=60.0, gt=0, description="How long a connection that is one too many stays open."
    )
    age_seconds: float = Field(
        default=1800.0,
        gt=0,
        description="The age, give or take a tenth, at which a connection is replaced by a new one.",
    )

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> Self:
        if self.min_connections > self.max_connections:
            raise PydanticCustomError(
                "bounds",
                "{setting} takes {allowed}",
                {
                    "setting": "database.min_connections",
                    "allowed": f"at most database.max_connections, which is {self.max_connections}",
                },
            )
        return self
