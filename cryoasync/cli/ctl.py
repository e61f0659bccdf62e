"""``cryoasync ctl``: changes a run while it is at work."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryoasync.cli.command import with_settings
from cryoasync.cli.database_options import DATABASE_OPTIONS, WhichRun
from cryoasync.cli.options import AsJson
from cryoasync.cli.output import print_json, print_text
from cryoasync.errors import UsageError
from cryoasync.settings import LoadedSettings

if TYPE_CHECKING:
    from cryoasync.service.control_run import Followed

app = typer.Typer(help="Change a run while it is at work, from any machine.", no_args_is_help=True)

POLICY = "policy"


@app.command()
@with_settings(*DATABASE_OPTIONS)
async def pause(loaded: LoadedSettings, run: WhichRun = None, *, as_json: AsJson = False) -> int:
    """Begin no more chunks; those in hand are finished and saved, and the process stays."""
    followed = await _order(loaded, run, paused=True)
    rest = "" if followed.drained else f"; {followed.in_hand} chunks are still in hand"
    return _tell(followed, f"is paused{rest}. `cryoasync ctl resume` goes on", as_json=as_json)


@app.command()
@with_settings(*DATABASE_OPTIONS)
async def resume(loaded: LoadedSettings, run: WhichRun = None, *, as_json: AsJson = False) -> int:
    """Go on after a pause."""
    return _tell(await _order(loaded, run, paused=False), "goes on", as_json=as_json)


@app.command()
@with_settings(*DATABASE_OPTIONS)
async def rate(
    loaded: LoadedSettings,
    requests: Annotated[
        str,
        typer.Argument(
            metavar="RATE", help=f"Requests a second at most; `{POLICY}` for what the source's policy allows."
        ),
    ],
    run: WhichRun = None,
    *,
    as_json: AsJson = False,
) -> int:
    """Set how fast a run may ask its source; it can only lower the policy."""
    wanted = _rate(requests)
    followed = await _order(loaded, run, max_rate=wanted)
    told = (
        "asks as fast as the policy allows" if wanted is None else f"asks at most {wanted:g} times a second"
    )
    return _tell(followed, told, as_json=as_json)


@app.command(name="reset-breaker")
@with_settings(*DATABASE_OPTIONS)
async def reset_breaker(loaded: LoadedSettings, run: WhichRun = None, *, as_json: AsJson = False) -> int:
    """Ask the source again at once, where the run waits for it to recover."""
    followed = await _order(loaded, run, reset_breaker=True)
    return _tell(followed, "asks its source again", as_json=as_json)


def _rate(text: str) -> float | None:
    if text.lower() == POLICY:
        return None
    try:
        requests = float(text)
    except ValueError:
        requests = 0.0
    if not 0 < requests < float("inf"):
        raise UsageError(
            f"{text!r} is no rate.",
            hint=f"Give requests a second, such as 2.5, or `{POLICY}` for the policy's own.",
        )
    return requests


async def _order(loaded: LoadedSettings, run: str | None, **changes: Any) -> "Followed":
    # The database's library is not for --help.
    from cryoasync.service.control_run import order  # noqa: PLC0415 - see above

    return await order(loaded.settings, run, **changes)


def _tell(followed: "Followed", told: str, *, as_json: bool) -> int:
    if as_json:
        print_json(followed.to_json())
    else:
        print_text(f"Run {followed.report.run.id} {told}.")
    return 0
