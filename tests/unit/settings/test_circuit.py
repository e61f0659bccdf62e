"""The settings of circuits."""

import pytest
from pydantic import ValidationError

from cryoasync.control.circuit.circuit_policy import CircuitPolicy
from cryoasync.service.work import circuit_policy
from cryoasync.settings import CircuitSettings


def test_the_defaults_are_those_of_the_policy() -> None:
    assert circuit_policy(CircuitSettings()) == CircuitPolicy()


def test_the_first_open_time_is_not_above_the_longest() -> None:
    with pytest.raises(ValidationError, match="no more than circuit"):
        CircuitSettings(first_open_seconds=30.0)
    assert circuit_policy(
        CircuitSettings(first_open_seconds=30.0, longest_open_seconds=60.0)
    ) == CircuitPolicy(first_open_seconds=30.0, longest_open_seconds=60.0)
