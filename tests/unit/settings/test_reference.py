"""The page about settings says what the code does."""

from pathlib import Path

import pytest

from cryoasync.cli.import_options import CHEMBL_OPTIONS, FILE_OPTIONS, PUBCHEM_OPTIONS
from cryoasync.cli.options import COMMON
from cryoasync.settings import keys, load_settings
from cryoasync.settings.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def test_the_page_is_up_to_date() -> None:
    """``python -m cryoasync.settings.reference > docs/settings.md`` changes nothing."""
    assert PAGE.read_text(encoding="utf-8") == reference()


@pytest.mark.parametrize("key", keys.FIELDS)
def test_every_setting_is_described(key: str) -> None:
    """No setting reaches a user without a sentence on what it does."""
    assert (keys.FIELDS[key].description or "").endswith(".")


@pytest.mark.parametrize("key", keys.FIELDS)
def test_every_setting_has_a_variable_that_leads_back_to_it(key: str) -> None:
    """The name of the variable is made from the key alone, and nothing is lost on the way."""
    assert keys.environment_key(keys.environment_name(key)) == key


@pytest.mark.parametrize("settings", [PUBCHEM_OPTIONS, CHEMBL_OPTIONS, FILE_OPTIONS], ids=len)
def test_no_two_settings_of_a_command_share_an_option(settings: tuple[str, ...]) -> None:
    """An option sets one thing; --base-url is that of the source imported from."""
    options = [keys.option(key).name for key in (*COMMON, *settings)]
    assert len(set(options)) == len(options)


def test_documented_defaults_that_are_values_load_as_themselves() -> None:
    """A default copied from the page into a variable is accepted and changes nothing."""
    documented = {key: keys.default(key) for key in keys.FIELDS}
    environ = {
        keys.environment_name(key): text
        for key, text in documented.items()
        if " " not in text and text not in {keys.NONE, ""}
    }
    assert load_settings({}, None, environ).settings == load_settings({}, None, {}).settings
