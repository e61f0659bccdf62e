"""Where settings come from, and what is said of those that are wrong."""

from pathlib import Path
from typing import Any

import pytest

from cryoasync.errors import SettingsError
from cryoasync.settings import LoadedSettings, RdkitMode, load_settings


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings files of the developer out of the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def load(
    flags: dict[str, Any] | None = None, environ: dict[str, str] | None = None, file: Path | None = None
) -> LoadedSettings:
    """Load settings from what a test gives, and nothing else."""
    return load_settings(flags or {}, file, environ or {})


def write(path: Path, text: str) -> Path:
    """Write a settings file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_without_anything_given_every_setting_is_a_default() -> None:
    """Each origin is ``default``, and the database is the embedded one."""
    loaded = load()
    assert set(loaded.origins.values()) == {"default"}
    assert loaded.settings.run.workers == 8
    assert not loaded.settings.database_is_external


def test_flags_win_over_the_environment_over_the_file(tmp_path: Path) -> None:
    """Of one setting given in three places the flag counts, and each setting tells its own origin."""
    file = write(tmp_path / "my.toml", "[run]\nworkers = 2\nlimit = 10\nseed = 7\n")
    environ = {"CRYOASYNC_RUN__WORKERS": "3", "CRYOASYNC_RUN__LIMIT": "20"}
    loaded = load({"run.workers": 4, "run.seed": None}, environ, file)
    run = loaded.settings.run
    assert (run.workers, run.limit, run.seed) == (4, 20, 7)
    assert loaded.origins["run.workers"] == "flag --workers"
    assert loaded.origins["run.limit"] == "environment CRYOASYNC_RUN__LIMIT"
    assert loaded.origins["run.seed"] == f"file {file}"
    assert loaded.origins["run.rdkit"] == "default"


def test_a_switch_turned_off_is_named_by_its_negation() -> None:
    """``--no-synonyms`` and ``--no-cache`` are what the user typed, so they are the origins."""
    loaded = load({"run.synonyms": False, "run.cache": "off", "run.rdkit": "off"})
    assert loaded.origins["run.synonyms"] == "flag --no-synonyms"
    assert loaded.origins["run.cache"] == "flag --no-cache"
    assert loaded.origins["run.rdkit"] == "flag --rdkit"


def test_the_file_of_the_current_directory_wins_over_the_users(tmp_path: Path) -> None:
    """Only the nearest file is read; the one ``--config`` names wins over both."""
    write(tmp_path / "config" / "cryoasync" / "config.toml", "[run]\nworkers = 1\n")
    assert load().settings.run.workers == 1
    write(tmp_path / "cryoasync.toml", "[run]\nworkers = 2\n")
    assert load().settings.run.workers == 2
    named = write(tmp_path / "named.toml", "[run]\nworkers = 3\n")
    assert load(file=named).settings.run.workers == 3


@pytest.mark.parametrize(("key", "value"), [("run.scenario", "faults"), ("run.seed", 7)])
def test_a_flag_for_the_simulator_is_refused_where_the_real_source_would_be_asked(
    key: str, value: Any
) -> None:
    """In a file it waits for a simulated run; typed, it says that one was meant."""
    with pytest.raises(SettingsError, match="simulated runs only") as refused:
        load({key: value})
    assert refused.value.hint == "Give --simulate as well."
    assert load({key: value, "run.simulate": True}).settings.run.simulate
    assert load({key: value}, environ={"CRYOASYNC_RUN__SIMULATE": "true"}).settings.run.simulate
    assert not load(environ={"CRYOASYNC_RUN__SCENARIO": "faults"}).settings.run.simulate


def test_a_variable_set_to_nothing_counts_as_not_set() -> None:
    """Compose files pass empty variables through."""
    loaded = load(environ={"CRYOASYNC_RUN__WORKERS": "", "CRYOASYNC_DSN": "", "PGHOST": ""})
    assert set(loaded.origins.values()) == {"default"}


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("CRYOASYNC_RUN__WROKERS", "CRYOASYNC_RUN__WORKERS"),
        ("CRYOASYNC_WORKERS", "CRYOASYNC_RUN__WORKERS"),
        ("CRYOASYNC_PUBCHEM_BASE_URL", "CRYOASYNC_PUBCHEM__BASE_URL"),
        ("CRYOASYNC_DNS", "CRYOASYNC_DSN"),
    ],
)
def test_an_unknown_variable_names_the_nearest_known_one(name: str, suggestion: str) -> None:
    """A misspelt variable is an error instead of silently doing nothing, even where it is empty."""
    with pytest.raises(SettingsError, match=f"^{name} in the environment") as caught:
        load(environ={name: ""})
    assert caught.value.hint == f"Did you mean {suggestion}?"


@pytest.mark.parametrize(
    ("text", "unknown", "suggestion"),
    [
        ("[run]\nchunksize = 5\n", "run.chunksize", "run.chunk_size"),
        ("workers = 5\n", "workers", "run.workers"),
        ("[run.workers]\nx = 5\n", "run.workers.x", "run.workers"),
        ("[log]\nlvl = 'info'\n", "log.lvl", "log.level"),
    ],
)
def test_an_unknown_key_names_the_file_and_the_nearest_known_key(
    tmp_path: Path, text: str, unknown: str, suggestion: str
) -> None:
    """The message says what stood where; the hint what was probably meant."""
    file = write(tmp_path / "my.toml", text)
    with pytest.raises(SettingsError) as caught:
        load(file=file)
    assert caught.value.message == f"{unknown} in {file} is no setting."
    assert caught.value.hint == f"Did you mean {suggestion}?"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[run\n", "is not valid TOML.*line 1"),
        (b"name = '\xff'\n", "is not UTF-8 text"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    """A file that is no TOML says so, with the line where there is one."""
    file = tmp_path / "my.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=f"{file} {complaint}"):
        load(file=file)


def test_a_missing_file_is_an_error_only_where_it_was_named(tmp_path: Path) -> None:
    """Files looked for by default may be absent; one that ``--config`` names may not."""
    load()
    with pytest.raises(SettingsError, match="No such file"):
        load(file=tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("key", "value", "takes"),
    [
        ("run.workers", "0", "a whole number, at least 1 and at most 64"),
        ("run.workers", "65", "a whole number, at least 1 and at most 64"),
        ("run.workers", "many", "a whole number, at least 1 and at most 64"),
        ("run.max_rate", "0", "a number, above 0"),
        ("run.max_rate", "nan", "a number, above 0"),
        ("run.rdkit", "some", "missing, all, off"),
        ("run.synonyms", "perhaps", "true or false"),
        ("run.chunk_size", "9-3", "MIN-MAX or N, with 1 ≤ MIN ≤ MAX ≤ 10000"),
        ("run.chunk_size", "0", "MIN-MAX or N, with 1 ≤ MIN ≤ MAX ≤ 10000"),
        ("run.chunk_size", "5-10001", "MIN-MAX or N, with 1 ≤ MIN ≤ MAX ≤ 10000"),
        ("run.chunk_size", "-5", "MIN-MAX or N, with 1 ≤ MIN ≤ MAX ≤ 10000"),
        ("run.cache_max_bytes", "1kB", "at least 1MiB, such as 512MiB or 2GiB"),
        (
            "pubchem.base_url",
            "ftp://host/",
            "an http or https URL with a host, without user, password or query",
        ),
        ("pubchem.base_url", "pubchem", "an http or https URL with a host, without user, password or query"),
        (
            "pubchem.base_url",
            "http://host:port",
            "an http or https URL with a host, without user, password or query",
        ),
        ("contact", "ada\r\nX-Evil: 1", "up to 200 printable ASCII characters"),
    ],
)
def test_an_impossible_value_says_where_it_came_from_and_what_is_possible(
    key: str, value: str, takes: str
) -> None:
    """One sentence names setting, value, origin and the values it takes."""
    name = "CRYOASYNC_" + key.upper().replace(".", "__")
    with pytest.raises(SettingsError) as caught:
        load(environ={name: value})
    assert caught.value.message == f"{key} cannot be {value!r} (environment {name}): it takes {takes}."


@pytest.mark.parametrize(
    ("key", "value"),
    [("dsn", "mysql://ada:secret@db/lab"), ("pubchem.base_url", "http://ada:secret@host/")],
)
def test_a_password_in_a_wrong_value_is_not_shown(key: str, value: str) -> None:
    """Neither the message nor a traceback made of it holds the password."""
    with pytest.raises(SettingsError) as caught:
        load({key: value})
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_several_impossible_values_are_all_told() -> None:
    """A user mends them in one go."""
    with pytest.raises(SettingsError, match=r"run\.limit cannot.*run\.seed cannot"):
        load({"run.limit": 0, "run.seed": -1})


@pytest.mark.parametrize(("text", "minimum", "maximum"), [("5-100", 5, 100), ("50", 50, 50), ("1-1", 1, 1)])
def test_a_chunk_size_is_a_range_or_a_number(text: str, minimum: int, maximum: int) -> None:
    """A single number fixes both ends."""
    chunk_size = load({"run.chunk_size": text}).settings.run.chunk_size
    assert (chunk_size.minimum, chunk_size.maximum) == (minimum, maximum)


def test_text_is_read_as_the_type_of_the_setting() -> None:
    """The environment has only text: lists, sizes, switches and choices are read from it."""
    environ = {
        "CRYOASYNC_RUN__PROPERTIES": "Volume3D, FeatureCount3D",
        "CRYOASYNC_RUN__CACHE_MAX_BYTES": "3MiB",
        "CRYOASYNC_RUN__SYNONYMS": "false",
        "CRYOASYNC_RUN__RDKIT": "all",
        "CRYOASYNC_LOG__LEVEL": "DEBUG",
    }
    settings = load(environ=environ).settings
    assert settings.run.properties == ("Volume3D", "FeatureCount3D")
    assert settings.run.cache_max_bytes == 3 * 1024**2
    assert not settings.run.synonyms
    assert settings.run.rdkit is RdkitMode.ALL
    assert settings.log.level == "debug"


def test_paths_are_absolute_and_know_the_home_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later change of directory does not move them."""
    monkeypatch.setenv("HOME", "/home/ada")
    settings = load({"data_dir": "data", "cache_dir": "~/cache"}).settings
    assert settings.data_dir == tmp_path / "data"
    assert settings.cache_dir == Path("/home/ada/cache")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, "/c/responses.sqlite"),
        ({"run.simulate": True}, "/c/responses-simulated.sqlite"),
        ({"run.cache": "/d/mine.sqlite"}, "/d/mine.sqlite"),
        ({"run.cache": "off"}, None),
        ({"run.cache": False}, None),
    ],
)
def test_simulated_answers_have_a_cache_of_their_own(flags: dict[str, Any], expected: str | None) -> None:
    """The default file depends on ``simulate``; a path and ``off`` are taken as they are."""
    settings = load({"cache_dir": "/c", **flags}).settings
    assert settings.response_cache == (Path(expected) if expected else None)


def test_database_url_is_taken_where_no_setting_names_a_database() -> None:
    """``CRYOASYNC_DSN`` outranks the name that other programs use too."""
    environ = {"DATABASE_URL": "postgres://ada:secret@one/lab", "PGHOST": "two"}
    loaded = load(environ=environ)
    assert loaded.settings.dsn is not None
    assert loaded.settings.dsn.get_secret_value() == "postgres://ada:secret@one/lab"
    assert loaded.origins["dsn"] == "environment DATABASE_URL"
    assert "secret" not in repr(loaded)
    own = load(environ={**environ, "CRYOASYNC_DSN": "postgresql://three/lab"})
    assert own.origins["dsn"] == "environment CRYOASYNC_DSN"


@pytest.mark.parametrize("name", ["PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE", "PGUSER", "PGPORT"])
def test_libpqs_variables_mean_an_external_database(name: str) -> None:
    """Any of them replaces the embedded server, without a DSN of ours, and can be overruled."""
    loaded = load(environ={name: "5433"})
    assert loaded.settings.dsn is None
    assert loaded.settings.database_is_external
    assert loaded.origins["libpq_environment"] == f"environment {name}"
    overruled = load(environ={name: "5433", "CRYOASYNC_LIBPQ_ENVIRONMENT": "false"})
    assert not overruled.settings.database_is_external


@pytest.mark.parametrize(("name", "file_counts"), [("PGHOST", False), ("PGUSER", True), ("PGPORT", True)])
def test_a_dsn_in_a_file_yields_to_variables_that_name_another_database(
    tmp_path: Path, name: str, file_counts: bool
) -> None:
    """The environment wins over files, but a user or port alone only fills the gaps of the file's DSN."""
    file = write(tmp_path / "my.toml", "dsn = 'postgresql://one/lab'\n")
    assert (load(environ={name: "5433"}, file=file).settings.dsn is not None) is file_counts
