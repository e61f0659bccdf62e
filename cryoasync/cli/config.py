"""``cryoasync config``: which settings are in force, and why."""

from typing import Any

import typer
from rich.table import Table

from cryoasync.cli.command import with_settings
from cryoasync.cli.options import AsJson
from cryoasync.cli.output import print_json, print_text
from cryoasync.redaction import redact
from cryoasync.settings import LoadedSettings, keys

app = typer.Typer(help="The settings in force.", no_args_is_help=True)


@app.command()
@with_settings(*keys.with_option())
def show(loaded: LoadedSettings, *, as_json: AsJson = False) -> int:
    """Show each setting's value and where it comes from; passwords are left out."""
    values = {key: _shown(value) for key, value in keys.values(loaded.settings).items()}
    if as_json:
        settings = {key: {"value": value, "origin": loaded.origins[key]} for key, value in values.items()}
        print_json({"settings": settings})
        return 0
    table = Table(box=None, pad_edge=False)
    for title in ("setting", "value", "from"):
        table.add_column(title, overflow="fold")
    for key, value in values.items():
        table.add_row(key, _text(value), loaded.origins[key])
    print_text(table)
    return 0


def _shown(value: Any) -> Any:
    return redact(value) if isinstance(value, str) else value


def _text(value: Any) -> str:
    match value:
        case None | []:
            return "-"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case list():
            return ", ".join(map(str, value))
        case _:
            return str(value)
