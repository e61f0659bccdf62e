"""``cryoasync db``: the database that imports go into, and the embedded server."""

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from cryoasync.cli.command import with_settings
from cryoasync.cli.database_options import DATABASE_OPTIONS, Yes, confirm
from cryoasync.cli.options import AsJson
from cryoasync.cli.output import print_json, print_text
from cryoasync.errors import UsageError
from cryoasync.settings import LoadedSettings

if TYPE_CHECKING:
    from cryoasync.service.database_care import DatabaseUrl
    from cryoasync.service.psql import PsqlCall

app = typer.Typer(
    help="The database: the embedded server, or the one that a DSN names.", no_args_is_help=True
)

ShowPassword = Annotated[
    bool,
    typer.Option(
        "--show-password", help="Print the password too, where the URL has one; else it is left out."
    ),
]


@app.command()
@with_settings(*DATABASE_OPTIONS)
async def up(
    loaded: LoadedSettings,
    *,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="P",
            min=1,
            max=65535,
            help="Listen on this TCP port of the loopback interface too, for tools that cannot use a socket.",
        ),
    ] = None,
    show_password: ShowPassword = False,
    as_json: AsJson = False,
) -> int:
    """Start the embedded server unless it runs, and print the URL of its database; with a TCP port, both URLs.

    It outlives this command, and stops by `db down` or after 30 idle minutes; a session of any program is use.
    """
    # The database's library is not for --help.
    from cryoasync.service.database_care import bring_up, embedded_server  # noqa: PLC0415 - see above

    found = await bring_up(
        embedded_server(loaded), loaded.settings, tcp_port=port, show_password=show_password
    )
    lacks_password = found.tcp is not None and found.tcp.lacks_password
    if as_json:
        print_json(
            {
                "url": found.socket.text,
                "tcp_url": None if found.tcp is None else found.tcp.text,
                "lacks_password": lacks_password,
                "database": found.database,
                "data_dir": str(found.status.data_dir),
                "pid": found.status.pid,
                "started": found.started,
            }
        )
        return 0
    for url in filter(None, (found.socket, found.tcp)):
        _print_url(url)
    return 0


@app.command()
@with_settings()
async def down(loaded: LoadedSettings, *, as_json: AsJson = False) -> int:
    """Stop the embedded server at once: open sessions end, what was committed stays."""
    # The database's library is not for --help.
    from cryoasync.service.database_care import embedded_server  # noqa: PLC0415 - see above

    stopped = await embedded_server(loaded).stop()
    folder = str(loaded.settings.data_dir)
    if as_json:
        print_json({"stopped": stopped, "data_dir": folder})
    elif stopped:
        print_text(Text(f"The embedded server in {folder} is stopped."))
    else:
        print_text(Text(f"No embedded server was running in {folder}."))
    return 0


@app.command()
@with_settings(*DATABASE_OPTIONS)
async def url(loaded: LoadedSettings, *, show_password: ShowPassword = False, as_json: AsJson = False) -> int:
    """Print the URL of the database in force, for psql and every other tool: psql "$(cryoasync db url)".

    The embedded server is started where it is meant, and its URL needs no password. The URL of another server is
    printed without its password, which libpq's tools then take from PGPASSWORD or .pgpass, or ask for.
    """
    # The database's library is not for --help.
    from cryoasync.service.database_care import url_in_force  # noqa: PLC0415 - see above

    found = await url_in_force(loaded.settings, show_password=show_password)
    if as_json:
        embedded = not loaded.settings.database_is_external
        print_json({"url": found.text, "lacks_password": found.lacks_password, "embedded": embedded})
    else:
        _print_url(found)
    return 0


@app.command()
@with_settings(*DATABASE_OPTIONS)
async def migrate(loaded: LoadedSettings, *, as_json: AsJson = False) -> int:
    """Bring the schema of the database in force up to date, as every command does that needs it."""
    # The database's library is not for --help.
    from cryoasync.service.database_care import bring_up_to_date  # noqa: PLC0415 - see above

    found = await bring_up_to_date(loaded.settings)
    applied = [{"number": migration.number, "name": migration.name} for migration in found.applied]
    if as_json:
        print_json({"database": found.database, "version": found.version, "applied": applied})
        return 0
    for migration in found.applied:
        print_text(f"applied {migration.number}: {migration.name.replace('_', ' ')}")
    print_text(Text(f"The schema of {found.database} has version {found.version}, the latest."))
    return 0


@app.command("grants")
@with_settings(*DATABASE_OPTIONS)
async def print_grants(
    loaded: LoadedSettings,
    role: Annotated[str, typer.Argument(metavar="[ROLE]", help="Who shall import.")] = "importer",
    *,
    as_json: AsJson = False,
) -> int:
    """Print the SQL that lets a role import into the database in force, and do nothing else.

    The owner of the schema executes it: cryoasync db grants importer | psql "$(cryoasync db url)". Migrations stay
    the owner's.
    """
    # The database's library is not for --help.
    from cryoasync.service.database_care import grants  # noqa: PLC0415 - see above

    statements = await grants(loaded.settings, role)
    if as_json:
        print_json({"role": role, "sql": statements})
    else:
        print_text(Text(statements.rstrip()))
    return 0


# -h is psql's own: the host.
@app.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@with_settings(*DATABASE_OPTIONS)
def psql(
    loaded: LoadedSettings,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[PSQL-ARGUMENT]...", help="Handed on, as -c 'SELECT 1'.")
    ] = None,
) -> int:
    """Open psql on the database in force; arguments after -- are always psql's own.

    The embedded server brings its own psql along. Another server is met by the psql that is installed.
    """
    # The database's library is not for --help.
    from cryoasync.service.psql import psql_call  # noqa: PLC0415 - see above

    _become(asyncio.run(psql_call(loaded.settings, arguments or [], os.environ)))
    return 0


@app.command()
@with_settings()
async def destroy(loaded: LoadedSettings, *, yes: Yes = False, as_json: AsJson = False) -> int:
    """Stop the embedded server and remove all its data: every compound and every run, simulated ones included."""
    # The database's library is not for --help.
    from cryoasync.service.database_care import embedded_server, has_data  # noqa: PLC0415 - see above

    server, folder = embedded_server(loaded), str(loaded.settings.data_dir)
    destroyed = has_data(server)
    if destroyed:
        if not yes:
            confirm(f"Remove the embedded database in {folder}, with all compounds and runs in it?")
        await server.destroy()
    if as_json:
        print_json({"destroyed": destroyed, "data_dir": folder})
    elif destroyed:
        print_text(Text(f"The embedded database in {folder} is removed."))
    else:
        print_text(Text(f"There is no embedded database in {folder}."))
    return 0


def _print_url(found: "DatabaseUrl") -> None:
    print_text(Text(found.text))
    if found.note is not None:
        sys.stderr.write(f"{found.note}\n")


def _become(call: "PsqlCall") -> None:
    """Let psql take the place of this process, so that terminal and signals are its own.

    Raises:
        UsageError: it cannot be started.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    # Python ignores these, and what is ignored stays so.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        # The whole path is the name too: psql looks for what belongs to it from there.
        os.execve(call.program, (call.program, *call.arguments), call.environment)  # noqa: S606 - no shell is wanted
    except OSError as error:
        raise UsageError(f"{call.program} cannot be started: {error.strerror}.") from error
