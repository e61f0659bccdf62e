"""How a start of a run ended, for people and programs."""

from cryoasync.cli.output import error_value, print_error, print_json
from cryoasync.cli.summary import print_summary
from cryoasync.service.run_work import RunOutcome


def print_outcome(outcome: RunOutcome, *, as_json: bool) -> None:
    """Print the summary, and the error that stopped the run if there was one."""
    if as_json:
        report = outcome.summary.to_json()
        print_json(report if outcome.error is None else {**report, "error": error_value(outcome.error)})
        return
    print_summary(outcome.summary)
    if outcome.error is not None:
        print_error(outcome.error, as_json=False)
