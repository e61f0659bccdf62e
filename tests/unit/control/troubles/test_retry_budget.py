"""A tenth of the requests may be retries before the others go first."""

from cryoasync.control.troubles.retry_budget import LEAST, RetryBudget


def spend(budget: RetryBudget, now: float, *, first: int, retries: int) -> None:
    for number in range(first + retries):
        budget.sent(now, retry=number >= first)


def test_three_retries_a_minute_are_always_within_it() -> None:
    budget = RetryBudget()
    for _ in range(LEAST):
        assert not budget.is_spent(0.0)
        budget.sent(0.0, retry=True)
    assert budget.is_spent(0.0)
    assert budget.beyond == 1


def test_a_tenth_of_the_last_minute_is_within_it() -> None:
    budget = RetryBudget()
    spend(budget, 0.0, first=91, retries=9)
    assert not budget.is_spent(0.0)
    budget.sent(0.0, retry=True)
    budget.sent(0.0, retry=True)
    assert budget.is_spent(0.0)


def test_what_is_older_than_a_minute_is_forgotten() -> None:
    budget = RetryBudget()
    spend(budget, 0.0, first=0, retries=50)
    assert budget.is_spent(30.0)
    assert not budget.is_spent(70.0)
