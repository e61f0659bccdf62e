"""``cryoasync simulate``: the stand-in for PubChem and ChEMBL, on a port."""

import asyncio
import gc
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryoasync.cli.options import AsJson
from cryoasync.errors import UsageError
from cryoasync.simulator.settings import CidRange, SimulatorSettings

if TYPE_CHECKING:
    from cryoasync.simulator.server import Simulator

_DEFAULT_PORT = 8017
_EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def simulate(
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="The port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = _DEFAULT_PORT,
    scenario: Annotated[
        str, typer.Option(help="How it behaves; a name that does not exist lists those that do.")
    ] = "steady",
    seed: Annotated[int, typer.Option(help="Decides which request meets which fault.")] = 0,
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="PATH=VALUE", help="A parameter of the scenario, as blackout.lasts_seconds=5."
        ),
    ] = None,
    made_up: Annotated[
        str | None,
        typer.Option(
            metavar="FIRST-LAST", help="Answer all ids with numbers of a range, from the same molecules."
        ),
    ] = None,
    cache_dir: Annotated[Path | None, typer.Option(help="Where the computed molecules are kept.")] = None,
    until_stdin_closes: Annotated[
        bool, typer.Option("--until-stdin-closes", help="End when standard input does.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Serve a stand-in for PubChem and ChEMBL: their APIs, PubChem's policy, and bad days on demand.

    It serves until Ctrl-C or SIGTERM.
    """
    # aiohttp and the loop take a while to import: not for --help.
    import uvloop  # noqa: PLC0415 - see above

    settings = SimulatorSettings(
        scenario=scenario,
        overrides=tuple(parameters or ()),
        seed=seed,
        host=host,
        port=port,
        made_up=None if made_up is None else _parse_range(made_up),
        cache_dir=cache_dir,
    )
    _prepare_molecules(settings)
    manner = _Manner(as_json=json, until_stdin_closes=until_stdin_closes)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        raise typer.Exit(runner.run(_serve(settings, manner)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manner:
    as_json: bool
    until_stdin_closes: bool


class _EndOfInput(asyncio.Protocol):
    """Calls back when the stream it reads has ended."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback

    def connection_lost(self, _: Exception | None) -> None:
        self._callback()


def _parse_range(text: str) -> CidRange:
    match = re.fullmatch(r"([1-9]\d*)-([1-9]\d*)", text)
    if match is None or int(match[1]) > int(match[2]):
        raise UsageError(f"{text!r} is no range of numbers.", hint="Write it as --made-up 1-1000000.")
    return CidRange(first=int(match[1]), last=int(match[2]))


def _prepare_molecules(settings: SimulatorSettings) -> None:
    """Compute the molecules before there is a loop, so that any signal still ends the process at once."""
    from cryoasync.simulator.population import kept_path, load_molecules  # noqa: PLC0415 - not for --help
    from cryoasync.simulator.scenarios import find_scenario  # noqa: PLC0415 - not for --help

    find_scenario(settings.scenario, settings.overrides)
    if not kept_path(settings.cache_dir).exists():
        sys.stderr.write("Computing the molecules, once on this machine: some ten seconds.\n")
        load_molecules(settings.cache_dir)


async def _serve(settings: SimulatorSettings, manner: _Manner) -> int:
    """Serve until a signal or the end of the input; return the exit code."""
    from cryoasync.simulator.server import Simulator  # noqa: PLC0415 - not for --help

    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def end(exit_code: int) -> None:
        if not ended.done():
            ended.set_result(exit_code)

    for number, exit_code in _EXIT_CODES.items():
        loop.add_signal_handler(number, end, exit_code)
    if manner.until_stdin_closes:
        await loop.connect_read_pipe(lambda: _EndOfInput(lambda: end(0)), sys.stdin)
    async with Simulator(settings) as simulator:
        # The molecules stay for good: a collection that went through them would delay arrivals.
        gc.freeze()
        _announce(simulator, settings, as_json=manner.as_json)
        return await ended


def _announce(simulator: "Simulator", settings: SimulatorSettings, *, as_json: bool) -> None:
    import msgspec  # noqa: PLC0415 - not for --help

    from cryoasync.simulator.process import Announcement  # noqa: PLC0415 - not for --help

    if as_json:
        announcement = Announcement(
            base_url=simulator.base_url,
            chembl_base_url=simulator.chembl_base_url,
            statistics_url=simulator.statistics_url,
            scenario=settings.scenario,
            seed=settings.seed,
        )
        sys.stdout.write(msgspec.json.encode(announcement).decode() + "\n")
        sys.stdout.flush()
        return
    sys.stderr.write(
        f"A stand-in for PubChem serves at {simulator.base_url}\n"
        f"and one for ChEMBL at {simulator.chembl_base_url}\n"
        f"Scenario {settings.scenario}, seed {settings.seed}; what it has seen: {simulator.statistics_url}\n"
        f"Try: cryoasync run pubchem 1-5000 --base-url {simulator.base_url} --data-dir simulated\n"
        "Ctrl-C ends it.\n"
    )
