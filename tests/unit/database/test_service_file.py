"""Connections that have a name in libpq's service file."""

from pathlib import Path

import pytest

from cryoasync.database.service_file import with_service
from cryoasync.errors import UsageError


@pytest.fixture
def service_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a service file with one service, in use."""
    path = tmp_path / "services.conf"
    path.write_text("[lab one]\nhost=db.example\n[odd]\npassword=hunter%2\n")
    monkeypatch.setenv("PGSERVICEFILE", str(path))
    monkeypatch.delenv("PGSERVICE", raising=False)
    return path


def test_a_dsn_without_a_service_is_left_as_it_is(
    service_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It outranks the variable; without either all is left to libpq's other variables."""
    assert with_service(None) is None
    monkeypatch.setenv("PGSERVICE", "lab one")
    assert with_service("postgresql://ann@db/chem") == "postgresql://ann@db/chem"


def test_the_variable_is_put_where_it_is_heeded(service_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICE", "lab one")
    assert with_service(None) == "postgresql://?service=lab%20one"


def test_the_file_of_the_home_directory_is_the_default(
    service_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGSERVICEFILE")
    monkeypatch.setenv("HOME", str(tmp_path))
    service_file.rename(tmp_path / ".pg_service.conf")
    dsn = "postgresql://ann@/chem?service=lab+one"
    assert with_service(dsn) == dsn


def test_a_path_without_a_database_leaves_it_to_the_service(service_file: Path) -> None:
    assert with_service("postgresql:///?service=lab+one") == "postgresql://?service=lab+one"


@pytest.mark.parametrize("content", [None, "[another]\nhost=db.example\n"], ids=["no file", "another"])
def test_a_service_that_is_not_defined_is_refused(service_file: Path, content: str | None) -> None:
    """It would be another database that is written to."""
    if content is None:
        service_file.unlink()
    else:
        service_file.write_text(content)
    with pytest.raises(UsageError, match=r"There is no service 'lab' in .*services\.conf"):
        with_service("postgresql:///?service=lab")


@pytest.mark.parametrize("content", [None, "hunter2\n"], ids=["percent sign", "no section"])
def test_a_damaged_service_is_refused_without_its_secrets(service_file: Path, content: str | None) -> None:
    if content is not None:
        service_file.write_text(content)
    with pytest.raises(UsageError, match="cannot be read") as refused:
        with_service("postgresql:///?service=odd")
    assert "hunter" not in f"{refused.value.message}{refused.value.hint}{refused.value.__cause__}"
