"""Asks a source for a chunk of ids until each of them is settled, whatever the source."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Generic

from cryoasync.control.rate.permit_queue import Priority
from cryoasync.control.troubles.error_category import ErrorCategory
from cryoasync.control.troubles.error_handler import Attempted, Strategy
from cryoasync.control.troubles.isolation import Isolation
from cryoasync.control.troubles.retry import Decision
from cryoasync.http.messages import NoResponse, Response
from cryoasync.models import Activity, Entry
from cryoasync.ports import ActivityReport
from cryoasync.sources.asking.answers import Rows, Trouble
from cryoasync.sources.asking.api import Api, E
from cryoasync.sources.asking.exchange import Exchanges, Told
from cryoasync.sources.asking.fetch import ABSENCES, Fetch, Question
from cryoasync.sources.asking.guards import Guards

LONG_PAUSE_SECONDS = 60.0
"""Longer ones are what the source asked for, and no sign that a worker is stuck."""


class SourceClient(Generic[E]):
    """Asks for a chunk in one request; every attempt takes a permit of its own.

    While the endpoint's circuit is open, attempts wait; that burns no retry and takes no permit.
    """

    def __init__(self, api: Api[E], guards: Guards) -> None:
        """Ask through ``api``."""
        self._api = api
        self._guards = guards
        self._exchanges = Exchanges(api, guards)

    async def fetch(self, endpoint: E, entries: Sequence[Entry], report: ActivityReport) -> Fetch[E]:
        """Return an answer for each of ``entries``, and the requests that it took.

        Raises:
            SourceError: the source is out of reach beyond the patience, or does not speak its API.
            SettingsError: the source knows nothing of what was asked for, whatever the ids.
        """
        isolation = Isolation[Entry](
            lambda bad: self._guards.errors.weights(endpoint.name, [entry.source_id for entry in bad])
        )
        ids = [entry.source_id for entry in entries]
        fetch = Fetch(endpoint=endpoint, ids=ids, report=report, isolation=isolation)
        fetch.questions.append(Question.of(entries, priority=endpoint.priority))
        now = asyncio.get_running_loop().time
        while (question := fetch.next_question(now())) is not None:
            if (seconds := question.due_at - now()) > 0:
                report(Activity.HELD if seconds > LONG_PAUSE_SECONDS else Activity.BACKING_OFF)
                await asyncio.sleep(seconds)
            if question.wants_probe:
                await self._probe(fetch, question)
            await self._ask(fetch, question)
        self._guards.traffic.recover(fetch.errors - fetch.lost)
        return fetch

    async def _ask(self, fetch: Fetch[E], question: Question) -> None:
        asked = question.entries
        told = await self._exchange(fetch, question.ids, question.priority, retry=question.is_retry)
        question.attempts += 1
        trouble = self._read(fetch, question, told)
        self._tell_sizer(fetch.endpoint, len(asked), told, trouble)
        if trouble is None:
            fetch.record(asked, told.answer, "rows")
            return
        if isinstance(told.says, Rows) and told.says.is_complete:
            # That something does not exist is no error, but an answer that is given twice.
            fetch.record(asked, told.answer, "rows")
            fetch.questions.appendleft(question)
            return
        fetch.errors[trouble.category] += 1
        strategy = self._guards.errors.handle_error(
            trouble.category,
            _attempted(fetch.endpoint.name, len(asked), told.answer, trouble),
            question.history,
        )
        decided = f"{trouble.category}, {strategy.decision.name.lower()}: {trouble.message}"
        fetch.record(asked, told.answer, decided)
        if isinstance(told.says, Rows):
            self._guards.traffic.met(trouble.category)
        else:
            self._guards.tell_trouble(told.given, trouble, strategy.treatment, told.answer)
        self._carry_out(strategy, fetch, question, trouble)

    async def _exchange(
        self, fetch: Fetch[E], ids: Sequence[str], priority: Priority, *, retry: bool
    ) -> Told:
        """Send one request; ``retry`` tells whether it counts against the budget of retries."""
        told = await self._exchanges.ask(
            fetch.endpoint, ids, report=fetch.report, priority=priority, retry=bool(fetch.attempts)
        )
        if told.answer.sent_at is not None:
            self._guards.errors.sent(told.answer.sent_at, retry=retry)
        return told

    def _read(self, fetch: Fetch[E], question: Question, told: Told) -> Trouble | None:
        """Keep the rows of an answer; return the trouble with it, if it lacks some or brought none."""
        errors, endpoint, ids = self._guards.errors, fetch.endpoint.name, len(question.entries)
        if not isinstance(told.says, Rows):
            attempted = _attempted(endpoint, ids, told.answer, told.says)
            expected = self._guards.times.expected_seconds(endpoint, ids)
            category = errors.categorize_error(told.says.category, attempted, expected)
            return replace(told.says, category=category)
        assert isinstance(told.answer, Response)
        self._guards.tell_rows(told.given, ids, told.answer)
        asked, history = question.ids, question.history
        trouble = fetch.take_rows(question, told.says, told.answer)
        errors.passed(endpoint, history, told.answer.sent_at)
        errors.learn_passed(endpoint, asked)
        return trouble

    def _tell_sizer(self, endpoint: E, ids: int, told: Told, trouble: Trouble | None) -> None:
        sizer = self._guards.sizer
        if sizer is None or told.answer.sent_at is None:
            return
        answered = len(told.says.by_id) if isinstance(told.says, Rows) else 0
        sizer.record_result(
            ids,
            min(1.0, answered / ids),
            told.answer.seconds,
            None if trouble is None else trouble.category,
            endpoint.name,
        )

    def _carry_out(self, strategy: Strategy, fetch: Fetch[E], question: Question, trouble: Trouble) -> None:
        match strategy.decision:
            case Decision.HALVE:
                fetch.halve(question)
            case Decision.ISOLATE:
                fetch.isolate(question)
            case Decision.GIVE_UP:
                fetch.give_up(question, trouble)
                if trouble.category not in ABSENCES:
                    self._guards.errors.learn_blamed(
                        fetch.endpoint.name, question.ids[0], trouble.category, fetch.ids
                    )
            case Decision.RETRY | Decision.PROBE:
                question.due_at = asyncio.get_running_loop().time() + strategy.pause_seconds
                question.wants_probe = strategy.decision is Decision.PROBE
                question.priority = strategy.priority
                fetch.questions.appendleft(question)

    async def _probe(self, fetch: Fetch[E], question: Question) -> None:
        """Ask for what is there, so that a sick server is told from a poisonous batch.

        Raises:
            SourceError: that was one too many, or it is answered in another form than was agreed on.
        """
        question.wants_probe = False
        guards, endpoint = self._guards, fetch.endpoint.name
        suspects = set(question.ids)
        known = self._api.reference_ids(fetch.endpoint)
        reference = next((each for each in known if each not in suspects), known[0])
        told = await self._exchange(fetch, [reference], Priority.LOOK_UP, retry=False)
        if isinstance(told.says, Rows):
            assert isinstance(told.answer, Response)
            guards.tell_rows(told.given, 1, told.answer)
            guards.errors.passed(endpoint, None, told.answer.sent_at)
            decision = "probe: rows"
        else:
            fetch.errors[told.says.category] += 1
            treatment = guards.errors.handle_probe(told.says.category, endpoint)
            guards.tell_trouble(told.given, told.says, treatment, told.answer)
            decision = f"probe: {told.says.category}: {told.says.message}"
            if told.says.category is ErrorCategory.CHANGED:
                guards.reach.changed(told.says.message)
        fetch.record(question.entries, told.answer, decision, ids=[reference])


def _attempted(endpoint: str, ids: int, answer: Response | NoResponse, trouble: Trouble) -> Attempted:
    return Attempted(
        endpoint=endpoint,
        ids=ids,
        status=answer.status if isinstance(answer, Response) else None,
        sent_at=answer.sent_at,
        seconds=answer.seconds,
        timed_out=isinstance(answer, NoResponse) and answer.is_timeout,
        retry_after_seconds=trouble.retry_after_seconds,
    )
