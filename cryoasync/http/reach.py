"""Whether the source is in reach, and for how long it has not been."""

from collections.abc import Mapping

from cryoasync.control.outage import Outage
from cryoasync.errors import NotTheApiError, SourceChangedError, SourceUnavailableError
from cryoasync.ports import Clock

SIMULATOR_HEADER = "X-Cryoasync-Simulator"
"""What the simulator puts on each answer, so that its compounds are never taken for real ones."""

STRANGE_ANSWERS_AT_MOST = 6
"""Attempts in a row without a single answer of the API, from the first one on, after which it is not there."""


class Reach:
    """Knows what came through last; raises when an outage lasts beyond the patience.

    ``is_simulator`` is known from the first answer with rows.
    """

    def __init__(
        self,
        base_url: str,
        patience_seconds: float,
        *,
        spoke_before: bool,
        clock: Clock,
        api: str = "PUG REST",
    ) -> None:
        """Start in reach.

        Args:
            base_url: named in errors.
            api: what should answer there, in errors.
            patience_seconds: how long an outage may last.
            spoke_before: whether an earlier start of the run had answers from there.
            clock: measures outages.
        """
        self._base_url = base_url
        self._api = api
        self._outage = Outage(patience_seconds)
        self._spoke = spoke_before
        self._strange = 0
        self._clock = clock
        self.is_simulator: bool | None = None

    def passed_through(self, headers: Mapping[str, str]) -> None:
        """Note an answer with rows."""
        self.is_simulator = SIMULATOR_HEADER in headers
        self.spoke()

    def spoke(self) -> None:
        """Note that the source works, though it may have had nothing to give."""
        self._spoke = True
        self._outage.succeeded()

    def changed(self, message: str) -> None:
        """Note that even what is known to be there is answered in another form than was agreed on.

        Raises:
            SourceChangedError: what answers is the source, as far as is known.
        """
        if self._spoke:
            raise SourceChangedError(
                f"{self._base_url} answers in another form than it used to: {message}",
                hint="Progress is saved. Look for a newer version of cryoasync, and run the same command again.",
            )

    def failed(self, message: str, *, spoke: bool) -> None:
        """Note an attempt that brought nothing.

        Args:
            message: the trouble, for the error.
            spoke: whether what answered speaks the API.

        Raises:
            NotTheApiError: nothing there ever spoke the API.
            SourceUnavailableError: the outage lasts longer than the patience.
        """
        now = self._clock()
        self._outage.failed(now)
        self._spoke = self._spoke or spoke
        if not self._spoke:
            self._strange += 1
            if self._strange >= STRANGE_ANSWERS_AT_MOST:
                raise NotTheApiError(
                    f"{self._base_url} does not answer as {self._api} does: {message}",
                    hint="Check the base URL, its path included, and the network, and run the same command again.",
                )
        if self._outage.is_beyond_patience(now):
            raise SourceUnavailableError(
                f"{self._base_url} has been out of reach for {self._outage.lasted_seconds(now):.0f} s: {message}",
                hint="Progress is saved. Run the same command again later; it goes on where it stopped.",
            )
