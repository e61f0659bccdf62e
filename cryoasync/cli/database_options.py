"""What commands that look into the database share."""

import sys
from typing import Annotated

import typer

from cryoasync.errors import UsageError

DATABASE_OPTIONS = ("run.simulate",)
"""The settings, besides the common ones, that say which database is meant."""

WhichRun = Annotated[
    str | None, typer.Argument(metavar="[RUN]", help="A run's number or name; by default the latest.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def confirm(question: str) -> None:
    """Ask on stderr, so that stdout stays for data.

    Raises:
        UsageError: the answer is not yes.
    """
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        # Nobody ended the line of the question.
        sys.stderr.write("\n")
    if answer.strip().lower() not in {"y", "yes"}:
        raise UsageError("Stopped before anything was done.", hint="Answer y, or give --yes.")
