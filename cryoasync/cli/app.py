"""The command ``cryoasync``: its subcommands, and how every way to end becomes an exit code."""

import sys
from typing import Annotated

import typer

import cryoasync
from cryoasync.cli import cache, config, ctl, db, failures, plan, publish, run, runs
from cryoasync.cli.adopt import adopt
from cryoasync.cli.cite import cite
from cryoasync.cli.command import reporting_errors
from cryoasync.cli.conflicts import conflicts
from cryoasync.cli.export import export
from cryoasync.cli.link import link
from cryoasync.cli.output import print_error
from cryoasync.cli.simulate import simulate
from cryoasync.cli.standard_error import keep_writing_to_standard_error
from cryoasync.cli.status import status
from cryoasync.cli.why import why
from cryoasync.errors import CryoasyncError, UsageError

INTERRUPTED = 130

_PYDANTICS_PREFIX = "Value error, "
"""What stands in front of each sentence on a value that an option cannot take."""

app = typer.Typer(
    name="cryoasync",
    help="Compounds from PubChem and ChEMBL into PostgreSQL: completely, politely, fast, each one accounted for.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(run.app, name="run")
app.add_typer(plan.app, name="plan")
app.command()(status)
app.add_typer(ctl.app, name="ctl")
app.add_typer(runs.app, name="runs")
app.command()(why)
app.add_typer(failures.app, name="failures")
app.command()(export)
app.command()(conflicts)
app.add_typer(publish.app, name="publish")
app.command()(link)
app.command()(cite)
app.command()(adopt)
app.command()(simulate)
app.add_typer(cache.app, name="cache")
app.add_typer(db.app, name="db")
app.add_typer(config.app, name="config")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cryoasync {cryoasync.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before the subcommand."""


def main() -> None:
    """Run the command line of this process and exit."""
    keep_writing_to_standard_error()
    sys.exit(_exit_code(sys.argv[1:]))


def _exit_code(arguments: list[str]) -> int:
    """Carry out a command line; errors are printed and become the exit code of their class."""
    try:
        with reporting_errors():
            code = app(arguments, prog_name="cryoasync", standalone_mode=False)
    except CryoasyncError as error:
        failure = error
    except typer.Abort:
        failure = UsageError("Stopped before anything was done.")
    except typer.TyperException as error:
        # An argument that is missing has a text, but no message.
        text = error.format_message().replace(_PYDANTICS_PREFIX, "")
        if not text:
            # A group without a subcommand: its help has been printed.
            return UsageError.exit_code
        failure = UsageError(text, hint=_help_hint(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    else:
        return int(code or 0)
    print_error(failure, as_json="--json" in arguments)
    return failure.exit_code


def _help_hint(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"`{context.command_path if context else 'cryoasync'} --help` shows what can be given."
