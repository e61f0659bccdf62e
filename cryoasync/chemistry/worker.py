"""The program of a worker process: structures in on standard input, outcomes out on standard output.

Run as ``python -m cryoasync.chemistry.worker PARENT_PID MOLECULE_SECONDS``. It ends when its parent ends, by
whatever means, and takes no orders from the terminal.
"""

import ctypes
import os
import resource
import signal
import sys
from typing import BinaryIO

from cryoasync.chemistry import frames
from cryoasync.chemistry.models import Descriptors, Rejected

_PR_SET_PDEATHSIG = 1
_MEMORY_GIB = 2


def main() -> None:
    """Compute until the parent closes the pipe."""
    parent_pid, molecule_seconds = int(sys.argv[1]), float(sys.argv[2])
    _end_with_parent(parent_pid)
    for stop_signal in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A terminal or a supervisor sends them to every process; what they mean is for the parent to decide.
        signal.signal(stop_signal, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_GIB << 30, _MEMORY_GIB << 30))
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        # Whatever a C++ library prints must not get between the frames.
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        _serve(sys.stdin.buffer, answers, molecule_seconds)


def _end_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process with its parent, also when the parent is gone by now.

    Elsewhere than on Linux the end of the pipe does the same, after the structures in hand.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        sys.exit("The parent has ended.")


def _serve(questions: BinaryIO, answers: BinaryIO, molecule_seconds: float) -> None:
    try:
        from cryoasync.chemistry.descriptors import describe  # noqa: PLC0415 - its failure is an answer
    except ImportError as error:
        _send(answers, frames.frame(frames.Unusable(reason=str(error))))
        return
    _send(answers, frames.frame(frames.Ready()))
    while header := questions.read(frames.HEADER.size):
        (size,) = frames.HEADER.unpack(header)
        outcomes: list[Descriptors | Rejected] = []
        for structure in frames.structures_decoder.decode(questions.read(size)):
            # The default action of its signal ends the process even in the middle of C++ code.
            signal.setitimer(signal.ITIMER_PROF, molecule_seconds)
            try:
                outcomes.append(describe(structure))
            except MemoryError:
                outcomes.append(Rejected(reason=f"RDKit needs more than {_MEMORY_GIB} GiB for this molecule"))
        signal.setitimer(signal.ITIMER_PROF, 0)
        _send(answers, frames.frame(outcomes))


def _send(answers: BinaryIO, frame: bytes) -> None:
    answers.write(frame)
    answers.flush()


if __name__ == "__main__":
    main()
