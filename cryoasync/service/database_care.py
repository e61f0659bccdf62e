"""The database that the settings mean, as a user takes care of it by hand: its server, URLs and schema."""

from dataclasses import dataclass

from cryoasync.database.connection import open_database
from cryoasync.database.embedded import EmbeddedServer, ServerState, ServerStatus
from cryoasync.database.grants import grants_for
from cryoasync.database.molecules.backlog import enter_backlog
from cryoasync.database.opening import (
    database_dsn,
    database_settings,
    embedded_database,
    opened_database,
)
from cryoasync.database.schema import Migration, migrate, shipped_migrations
from cryoasync.errors import UsageError
from cryoasync.service.dsn_password import without_password
from cryoasync.settings import LoadedSettings, Settings

LIBPQ_ENVIRONMENT_URL = "postgresql://"
"""Everything is left to the PG* environment variables: libpq and asyncpg read an empty URL so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrl:
    """A URL for psql and every other tool of libpq, and whether its password was left out."""

    text: str
    lacks_password: bool = False

    @property
    def note(self) -> str | None:
        """What must be known to use it."""
        if self.lacks_password:
            return "The password is left out; --show-password prints it."
        return "The PG* environment variables say the rest." if self.text == LIBPQ_ENVIRONMENT_URL else None

    @classmethod
    def of(cls, dsn: str, *, show_password: bool) -> "DatabaseUrl":
        """Return ``dsn`` with or without its password; raises as :func:`without_password` does."""
        if show_password:
            return cls(text=dsn)
        text, password = without_password(dsn)
        return cls(text=text, lacks_password=password is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUp:
    """A running embedded server, and how a database of it is reached.

    ``tcp`` is ``None`` where it does not listen on TCP; ``started`` tells whether it had to be started.
    """

    status: ServerStatus
    database: str
    socket: DatabaseUrl
    tcp: DatabaseUrl | None
    started: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """A database whose schema is up to date, and what was applied for that."""

    database: str
    applied: tuple[Migration, ...]
    version: int


def embedded_server(loaded: LoadedSettings) -> EmbeddedServer:
    """Return the embedded server, for a command that is about nothing else.

    Raises:
        UsageError: the settings name another database.
    """
    settings = loaded.settings
    if settings.database_is_external:
        origin = loaded.origins["dsn" if settings.dsn is not None else "libpq_environment"]
        raise UsageError(
            f"This command is for the embedded server only, and another database is in force ({origin}).",
            hint="Without that setting the embedded server is meant.",
        )
    return EmbeddedServer(settings.data_dir)


async def bring_up(
    server: EmbeddedServer, settings: Settings, *, tcp_port: int | None, show_password: bool
) -> ServerUp:
    """Start the server where needed, and make the database that ``settings`` mean; errors are the server's."""
    before = server.status()
    await server.ensure_running(tcp_port=tcp_port)
    database = embedded_database(settings)
    await server.create_database(database)
    status = server.status()
    return ServerUp(
        status=status,
        database=database,
        socket=DatabaseUrl(text=server.dsn(database)),
        tcp=None
        if status.tcp_port is None
        else DatabaseUrl.of(server.tcp_dsn(database), show_password=show_password),
        started=before.pid != status.pid,
    )


def has_data(server: EmbeddedServer) -> bool:
    """Whether there is an embedded server, running or not, that could be removed; errors are the server's."""
    return server.status().state is not ServerState.ABSENT


async def url_in_force(settings: Settings, *, show_password: bool) -> DatabaseUrl:
    """Return the URL of the settings' database; the embedded server is started where it is meant.

    Raises:
        UsageError: the data dir cannot be used, or the DSN does not show where its password ends.
        DatabaseError: the embedded server does not start.
    """
    dsn = await database_dsn(settings)
    if dsn is None:
        return DatabaseUrl(text=LIBPQ_ENVIRONMENT_URL)
    return DatabaseUrl.of(dsn, show_password=show_password)


async def bring_up_to_date(settings: Settings) -> Migrated:
    """Apply the migrations that the settings' database lacks; errors are those of its parts."""
    async with open_database(await database_settings(settings)) as database:
        applied = await migrate(database)
        await enter_backlog(database)
        described = database.described
    if not settings.database_is_external:
        described = f"the embedded database {embedded_database(settings)} in {settings.data_dir}"
    return Migrated(database=described, applied=applied, version=shipped_migrations()[-1].number)


async def grants(settings: Settings, role: str) -> str:
    """Return the SQL that lets a role import into the settings' database; errors are those of opening it."""
    async with opened_database(settings) as database, database.transaction() as connection:
        return grants_for(role, await connection.fetchval("SELECT current_database()"))
