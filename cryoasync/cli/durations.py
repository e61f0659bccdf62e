"""Times for people."""

from datetime import datetime, timedelta


def duration(seconds: float | None) -> str:
    """Write a duration: ``12.3 s``, ``1:02:03``, or ``-`` where it is not known."""
    if seconds is None:
        return "-"
    return f"{seconds:.1f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))


def moment(time: datetime | None) -> str:
    """Write a time of day, to the second and in UTC."""
    return "-" if time is None else f"{time:%Y-%m-%d %H:%M:%S} UTC"
