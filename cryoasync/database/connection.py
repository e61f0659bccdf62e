"""The database as everything else sees it: sessions and transactions, whose errors say what to do."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import TypeAlias

import asyncpg
import structlog
from asyncpg.transaction import Transaction

from cryoasync.database.connector import Connector, DatabaseSettings
from cryoasync.database.error_translation import FOREIGN_ERRORS, describe_dsn, translated_errors
from cryoasync.database.pool.connection_pool import IntelligentConnectionPool
from cryoasync.database.pool.member import PooledConnection
from cryoasync.database.pool.queue import Priority
from cryoasync.database.pooler import Pooler
from cryoasync.errors import DatabaseRefusedError

__all__ = ["Connection", "Database", "DatabaseSettings", "open_database"]

Connection: TypeAlias = PooledConnection

OLDEST_MAJOR_VERSION = 14
"""The first version of PostgreSQL that has multiranges, which the checkpoint is made of."""

ROLLBACK_SECONDS = 5.0
"""How long a rollback is waited for, before the connection is dropped, which rolls back as well."""

_log = structlog.get_logger(__name__)


class Database:
    """Lends connections of a pool; whatever goes wrong inside its contexts is raised as an error of ours."""

    def __init__(self, pool: IntelligentConnectionPool, described: str, pooler: Pooler = Pooler.NONE) -> None:
        """Take an open pool; ``described`` names the database in messages, without secrets."""
        self.pool = pool
        self.described = described
        self.pooler = pooler

    @property
    def transaction_pooler(self) -> bool:
        """Whether prepared statements and session locks do not hold from one transaction to the next."""
        return self.pooler is Pooler.TRANSACTION

    @asynccontextmanager
    async def session(
        self, priority: Priority = Priority.WORK, *, is_lasting: bool = False
    ) -> AsyncIterator[Connection]:
        """Take a connection outside of any transaction, for session locks and the like.

        Behind a transaction pooler every statement must be inside a transaction all the same.

        Args:
            priority: who goes first where several wait for a connection.
            is_lasting: the connection is held for long on purpose.

        Raises:
            DatabaseError: of the class that says what can be done; also for errors raised inside.
        """
        keeps_session = self.transaction_pooler
        with self._errors():
            async with self.pool.get_connection(
                priority, is_lasting=is_lasting, keeps_session=keeps_session
            ) as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self, priority: Priority = Priority.WORK) -> AsyncIterator[Connection]:
        """Take a connection with a transaction that commits where the block ends well.

        What the block sets, it sets for the transaction alone (``SET LOCAL``). Reading goes through here too:
        behind a transaction pooler a statement outside of a transaction may be prepared on one server connection
        and executed on another.

        Raises:
            DatabaseError: as for ``session``; nothing is written then, or, where the connection was lost
                during the commit, nobody knows.
        """
        with self._errors():
            async with self.pool.get_connection(priority, keeps_session=True) as connection:
                transaction = await _begun(connection)
                try:
                    yield connection
                except BaseException:
                    await _roll_back(connection, transaction)
                    raise
                await transaction.commit()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Translate errors; a server that has become a standby is left, for another one may be the primary now."""
        with translated_errors(self.described):
            try:
                yield
            except asyncpg.ReadOnlySQLTransactionError:
                self.pool.expire_connections()
                raise


async def _begun(connection: Connection) -> Transaction:
    """Begin a transaction, or drop the connection: asyncpg takes one that failed to begin for begun."""
    transaction = connection.transaction()
    try:
        await transaction.start()
    except BaseException:
        connection.terminate()
        raise
    return transaction


async def _roll_back(connection: Connection, transaction: Transaction) -> None:
    """Roll back, or drop a connection that does not answer: the server rolls back what it has of it."""
    try:
        async with asyncio.timeout(ROLLBACK_SECONDS):
            await transaction.rollback()
    except FOREIGN_ERRORS:
        connection.terminate()


@asynccontextmanager
async def open_database(settings: DatabaseSettings) -> AsyncIterator[Database]:
    """Open a pool, having seen that the server answers and is new enough.

    Raises:
        UsageError: the DSN cannot be read.
        DatabaseRefusedError: wrong user, password, database, certificate or permission, or a PostgreSQL before 14.
        DatabaseUnavailableError: nobody answers.
    """
    described = describe_dsn(settings.dsn)
    with translated_errors(described), closing(Connector(settings)) as connector:
        facts, pooler = await connector.find_out()
        if pooler is not Pooler.NONE:
            _log.info("pooler before the database", mode=pooler)
        async with IntelligentConnectionPool(connector.connect, settings.pool) as pool:
            if pooler is not Pooler.TRANSACTION:
                pool.server_bears(facts.connections)
            database = Database(pool, described, pooler)
            await _require_version(database)
            yield database


async def _require_version(database: Database) -> None:
    async with database.transaction() as connection:
        version = connection.get_server_version()
    if version.major < OLDEST_MAJOR_VERSION:
        raise DatabaseRefusedError(
            f"{database.described} is PostgreSQL {version.major}; version {OLDEST_MAJOR_VERSION} or later is"
            " needed.",
            hint="Give the --dsn of a newer server, or none for the embedded one.",
        )
