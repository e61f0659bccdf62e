"""The form in which every benchmark tells what it measured: one JSON object, and progress on stderr."""

import json
import os
import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryoasync import __version__


def say(text: str) -> None:
    """Tell how far the benchmark is."""
    print(text, file=sys.stderr, flush=True)


def print_report(benchmark: str, parameters: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    """Print what was measured, with what, where and when."""
    report = {
        "benchmark": benchmark,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "version": __version__,
        "machine": machine(),
        "parameters": dict(parameters),
        "results": dict(results),
    }
    print(json.dumps(report, indent=2, default=str))


def machine() -> dict[str, Any]:
    """Return what this machine is, and how busy it has been in the last minute."""
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_in_the_last_minute": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )
