"""PubChem's published limits hold for PubChem, and for nobody else."""

import pytest

from cryoasync.errors import SettingsError
from cryoasync.settings import load_settings

PROXY = "http://localhost:8080/rest/pug"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("requests_per_second", 6),
        ("requests_per_second", 0),
        ("requests_per_minute", 401),
        ("running_seconds_per_minute", 301),
        ("guard_seconds", 0),
    ],
)
@pytest.mark.parametrize("host", ["pubchem.ncbi.nlm.nih.gov", "PUBCHEM.NCBI.NLM.NIH.GOV", "nih.gov"])
def test_no_limit_can_be_raised_for_pubchems_own_hosts(name: str, value: float, host: str) -> None:
    """The error names the setting and the limit that the host publishes."""
    flags = {"pubchem.base_url": f"https://{host}/rest/pug", f"pubchem.policy.{name}": value}
    with pytest.raises(SettingsError, match=rf"pubchem\.policy\.{name} cannot be '{value}' .*nih\.gov"):
        load_settings(flags, None, {})


@pytest.mark.parametrize("host", ["localhost", "nih.gov.example.org", "notnih.gov"])
def test_another_hosts_limits_are_the_users_to_choose(host: str) -> None:
    """A simulator or a proxy may be asked faster, or without any limit."""
    flags = {"pubchem.base_url": f"http://{host}", "pubchem.policy.requests_per_second": 0}
    assert load_settings(flags, None, {}).settings.pubchem.policy.requests_per_second == 0


def test_limits_can_be_lowered_for_pubchem() -> None:
    """More courtesy than asked for is always allowed."""
    flags = {"pubchem.policy.requests_per_second": 1, "pubchem.policy.guard_seconds": 0.5}
    policy = load_settings(flags, None, {}).settings.pubchem.policy
    assert (policy.requests_per_second, policy.guard_seconds) == (1, 0.5)


def test_a_base_url_loses_the_slash_at_its_end() -> None:
    """Paths are appended with a slash, and caches and budgets are keyed by the address."""
    assert load_settings({"pubchem.base_url": PROXY + "//"}, None, {}).settings.pubchem.base_url == PROXY
