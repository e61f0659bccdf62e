"""All settings of a command.

``docs/settings.md`` is written from the descriptions, see :mod:`cryoasync.settings.reference`.
"""

from pathlib import Path

import platformdirs
from pydantic import Field

from cryoasync.settings.chembl import ChemblSettings
from cryoasync.settings.circuit import CircuitSettings
from cryoasync.settings.database import DatabaseSection
from cryoasync.settings.files import FilesSettings
from cryoasync.settings.hours import HoursSettings
from cryoasync.settings.pubchem import PubChemSettings
from cryoasync.settings.run import RunSettings
from cryoasync.settings.section import Section, about
from cryoasync.settings.values import AbsolutePath, Dsn, Level, LogFormat, LogLevel

APPLICATION = "cryoasync"


class LogSettings(Section):
    """What is logged to stderr; section ``log``."""

    level: Level = Field(
        default=LogLevel.INFO,
        description="The least severe lines that are written.",
        json_schema_extra=about(flag="--log-level"),
    )
    format: LogFormat = Field(
        default=LogFormat.AUTO,
        description="Text, JSON lines, or text on a terminal and JSON elsewhere.",
        json_schema_extra=about(flag="--log-format"),
    )


class Settings(Section):
    """All settings of one command."""

    dsn: Dsn | None = Field(
        default=None,
        description="The PostgreSQL server to import into; without it an embedded one in `data_dir` is "
        "used. `DATABASE_URL` is read too.",
        json_schema_extra=about(
            flag="--dsn URL",
            allowed="a URL postgresql://user:password@host:port/database",
            default="the embedded server",
            secret=True,
        ),
    )
    libpq_environment: bool = Field(
        default=False,
        description="Without a DSN, connect as libpq's own environment says (`PGHOST`, `PGSERVICE`, "
        "`.pgpass` …) instead of to the embedded server.",
        json_schema_extra=about(
            default="true where `PGHOST`, `PGPORT`, `PGDATABASE`, `PGSERVICE` or `PGUSER` is set"
        ),
    )
    data_dir: AbsolutePath = Field(
        default_factory=lambda: platformdirs.user_data_path(APPLICATION),
        description="The directory of the embedded server and its data.",
        json_schema_extra=about(flag="--data-dir DIR", default="the user's data directory"),
    )
    state_dir: AbsolutePath = Field(
        default_factory=lambda: platformdirs.user_state_path(APPLICATION),
        description="The directory of the rate budget that all processes of one user share, and of error "
        "reports.",
        json_schema_extra=about(default="the user's state directory"),
    )
    cache_dir: AbsolutePath = Field(
        default_factory=lambda: platformdirs.user_cache_path(APPLICATION),
        description="The directory of the response caches.",
        json_schema_extra=about(default="the user's cache directory"),
    )
    contact: str | None = Field(
        default=None,
        max_length=200,
        pattern=r"^[\x20-\x7e]+$",
        description="An e-mail address or URL that the User-Agent carries, so that the source can reach you.",
        json_schema_extra=about(allowed="up to 200 printable ASCII characters"),
    )
    run: RunSettings = Field(default_factory=RunSettings)
    pubchem: PubChemSettings = Field(default_factory=PubChemSettings)
    chembl: ChemblSettings = Field(default_factory=ChemblSettings)
    hours: HoursSettings = Field(default_factory=HoursSettings)
    circuit: CircuitSettings = Field(default_factory=CircuitSettings)
    files: FilesSettings = Field(default_factory=FilesSettings)
    database: DatabaseSection = Field(default_factory=DatabaseSection)
    log: LogSettings = Field(default_factory=LogSettings)

    @property
    def database_is_external(self) -> bool:
        """Whether the database is one that cryoasync does not run itself."""
        return self.dsn is not None or self.libpq_environment

    @property
    def response_cache(self) -> Path | None:
        """The file of the response cache; ``None`` where caching is off."""
        match self.run.cache:
            case "off":
                return None
            case "default":
                name = "responses-simulated.sqlite" if self.run.simulate else "responses.sqlite"
                return self.cache_dir / name
            case Path() as path:
                return path
