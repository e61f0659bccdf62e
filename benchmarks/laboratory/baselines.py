"""The usual ways to keep to a limit of 5 requests a second, to be compared with."""

import math
from collections import deque

from benchmarks.laboratory.clients import THROTTLES
from benchmarks.laboratory.server import Answer, Kind


class WindowLog:
    """Exact windows, no pacing, nothing learned."""

    def __init__(self) -> None:
        self._sent: deque[float] = deque()

    def next_send(self, now: float) -> float:
        if len(self._sent) < 5:
            return now
        return max(now, self._sent[-5] + 1.04)

    def sent(self, number: int, now: float) -> None:
        self._sent.append(now)
        if len(self._sent) > 400:
            self._sent.popleft()

    def answered(self, number: int, answer: Answer, now: float) -> None: ...


class Bucket:
    """A token bucket of 5 a second with a burst of 5, which may honour Retry-After."""

    def __init__(self, *, honours_retry_after: bool) -> None:
        self._honours = honours_retry_after
        self._level = 5.0
        self._at = 0.0
        self._hold_until = 0.0

    def _filled(self, now: float) -> float:
        return min(5.0, self._level + (now - self._at) * 5.0)

    def next_send(self, now: float) -> float:
        start = max(now, self._hold_until)
        level = self._filled(start)
        return start if level >= 1 - 1e-9 else start + (1 - level) / 5.0

    def sent(self, number: int, now: float) -> None:
        self._level = self._filled(now) - 1
        self._at = now

    def answered(self, number: int, answer: Answer, now: float) -> None:
        if self._honours and answer.kind in THROTTLES and answer.retry_after_seconds is not None:
            self._hold_until = max(self._hold_until, now + answer.retry_after_seconds)


class Paced:
    """Requests at a rate that ``answered`` changes."""

    def __init__(self) -> None:
        self.rate = 5.0
        self._last = -math.inf
        self._hold_until = 0.0

    def next_send(self, now: float) -> float:
        return max(now, self._hold_until, self._last + 1.04 / self.rate)

    def sent(self, number: int, now: float) -> None:
        self._last = now

    def hold(self, answer: Answer, now: float) -> None:
        if answer.retry_after_seconds is not None:
            self._hold_until = max(self._hold_until, now + answer.retry_after_seconds)


class Aimd(Paced):
    """Half the rate at a refusal, 0.1 a second more each second."""

    def __init__(self) -> None:
        super().__init__()
        self._grown_at = 0.0

    def answered(self, number: int, answer: Answer, now: float) -> None:
        self.rate = min(5.0, self.rate + 0.1 * (now - self._grown_at))
        self._grown_at = now
        if answer.kind is not Kind.ROWS:
            self.rate = max(0.5, self.rate / 2)
            self.hold(answer, now)


class AwsAdaptive(Paced):
    """The rate of botocore's adaptive mode: CUBIC with beta 0.7 and a scale of 0.4."""

    def __init__(self) -> None:
        super().__init__()
        self._before = 5.0
        self._failed_at: float | None = None
        self._measured = 0.0
        self._bucket_start = 0.0
        self._in_bucket = 0

    def sent(self, number: int, now: float) -> None:
        super().sent(number, now)
        self._in_bucket += 1
        if now - self._bucket_start >= 0.5:
            current = self._in_bucket / (now - self._bucket_start)
            self._measured = 0.8 * current + 0.2 * self._measured
            self._bucket_start, self._in_bucket = now, 0

    def answered(self, number: int, answer: Answer, now: float) -> None:
        if answer.kind is not Kind.ROWS:
            self._before = min(self.rate, self._measured or self.rate)
            self._failed_at = now
            self.rate = max(0.5, 0.7 * self._before)
        elif self._failed_at is not None:
            k = (self._before * 0.3 / 0.4) ** (1 / 3)
            cubic = 0.4 * (now - self._failed_at - k) ** 3 + self._before
            self.rate = max(0.5, min(cubic, 2 * self._measured))
