"""``python -m cryoasync`` does what ``cryoasync`` does."""

import signal


def main() -> None:
    """Run the command line of this process and exit.

    Its libraries take a moment to load. Ctrl-C in that moment ends the process like any other program, without a
    traceback.
    """
    handler = signal.getsignal(signal.SIGINT)
    # In the background of a script the signal is ignored, and stays so.
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from cryoasync.cli.app import main as run_command_line  # noqa: PLC0415 - see above

    signal.signal(signal.SIGINT, handler)
    run_command_line()


if __name__ == "__main__":
    main()
