from pathlib import Path

import pytest

from lookalike.errors import CallerError
from lookalike.settings import Settings, load_settings

DOCS = Path(__file__).parents[1] / "docs" / "settings.md"


def test_later_sources_win(tmp_path):
    (tmp_path / "library.toml").write_text('port = 1\nhost = "file"\nmodel = "from-file"\n')
    environment = {"LOOKALIKE_LIBRARY": str(tmp_path), "LOOKALIKE_PORT": "2", "LOOKALIKE_HOST": "environment"}
    settings = load_settings({"host": "option", "model": None}, environment=environment)
    assert (settings.library, settings.port, settings.host, settings.model) == (tmp_path, 2, "option", "from-file")


def test_the_catalog_is_a_file_in_the_library_unless_a_url_is_set(tmp_path):
    assert load_settings({"library": tmp_path}, environment={}).url == f"sqlite:///{tmp_path}/catalog.sqlite"
    environment = {"LOOKALIKE_CATALOG_URL": "postgresql+psycopg://db/x"}
    assert load_settings({"library": tmp_path}, environment=environment).url == "postgresql+psycopg://db/x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", "unknown setting 'prot'; did you mean 'port'?"),
        ("Port = 1", "unknown setting 'Port'; did you mean 'port'?"),
        ("colour = 1", "unknown setting 'colour'; known are access_log, admin_token, allowed_hosts, "),
        ('library = "elsewhere"', "unknown setting 'library'"),
        ("port = 70000", "port: 70000 must be from 0 to 65,535"),
        ("threads = -1", "threads: -1 must be at least 0"),
        ('port = "many"', "port: 'many' is not a whole number"),
        ("port = 84.5", "port: 84.5 is not a whole number"),
        ("port = true", "port: True is not a whole number"),
        ("host = 3", "host: 3 is not text"),
        ("port = ", "cannot be read as TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path, text, message):
    (tmp_path / "library.toml").write_text(text)
    with pytest.raises(CallerError, match=message) as refused:
        load_settings({"library": tmp_path}, environment={})
    assert "library.toml" in str(refused.value)


def test_a_mistake_in_the_environment_names_the_variable():
    with pytest.raises(CallerError, match="LOOKALIKE_PORT"):
        load_settings({}, environment={"LOOKALIKE_PORT": "x"})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("threads", "-1", "LOOKALIKE_THREADS: -1 must be at least 0"),
        ("max_image_bytes", "0", "LOOKALIKE_MAX_IMAGE_BYTES: 0 must be at least 1"),
        ("max_waiting_queries", "-5", "LOOKALIKE_MAX_WAITING_QUERIES: -5 must be at least 0"),
        ("keep_queries_days", "-1", "LOOKALIKE_KEEP_QUERIES_DAYS: -1"),
        ("port", "70000", "LOOKALIKE_PORT: 70000 must be from 0 to 65,535"),
        ("catalog_url", "my database", "LOOKALIKE_CATALOG_URL: this is no URL"),
        ("catalog_url", "mysql://secret@host/x", "SQLite file or in PostgreSQL"),
        ("catalog_url", "sqlite://", "SQLite file or in PostgreSQL"),
        ("catalog_url", "postgresql://me:secret@host:many/x", "LOOKALIKE_CATALOG_URL: this is no URL"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path, name, value, message):
    with pytest.raises(CallerError, match=message) as refused:
        load_settings({"library": tmp_path}, environment={f"LOOKALIKE_{name.upper()}": value})
    assert "secret" not in str(refused.value)


def test_what_a_caller_gives_is_refused_by_the_settings_name(tmp_path):
    with pytest.raises(CallerError, match="setting port: -5 must be from 0 to 65,535"):
        load_settings({"library": tmp_path, "port": -5}, environment={})
    with pytest.raises(CallerError, match="unknown setting 'prot'; did you mean 'port'"):
        load_settings({"library": tmp_path, "prot": 5}, environment={})


def test_a_mistake_in_a_folder_of_an_odd_name_is_told(tmp_path):
    folder = tmp_path / "{a} {0}"
    folder.mkdir()
    (folder / "library.toml").write_text("port = 70000")
    with pytest.raises(CallerError, match=r"\{a\} \{0\}/library.toml: port: 70000"):
        load_settings({"library": folder}, environment={})


def test_empty_and_lower_case_variables_are_not_read(tmp_path):
    (tmp_path / "library.toml").write_text('host = "file"\nport = "12"\nmodels = ""\n')
    environment = {"LOOKALIKE_HOST": "", "lookalike_port": "13"}
    settings = load_settings({"library": tmp_path}, environment=environment)
    assert (settings.host, settings.port) == ("file", 12)
    assert settings.models == load_settings({"library": tmp_path / "empty"}, environment={}).models


@pytest.mark.parametrize("places", [("file",), ("file", "environment"), ("file", "environment", "given")])
def test_a_home_folder_is_expanded_wherever_a_folder_is_written(tmp_path, places):
    (tmp_path / "library.toml").write_text('models = "~/file"')
    environment = {"LOOKALIKE_MODELS": "~/environment"} if "environment" in places else {}
    given = {"models": "~/given"} if "given" in places else {}
    settings = load_settings({"library": tmp_path, **given}, environment=environment)
    assert settings.models == Path.home() / places[-1]


def test_making_settings_reads_no_variables(monkeypatch, tmp_path):
    monkeypatch.setenv("LOOKALIKE_PORT", "1")
    assert Settings(library=tmp_path, models=tmp_path).port == Settings.model_fields["port"].default


def test_the_admin_token_is_not_printed(tmp_path):
    environment = {"LOOKALIKE_ADMIN_TOKEN": "hunter2"}
    assert "hunter2" not in repr(load_settings({"library": tmp_path}, environment=environment))


def test_every_setting_is_documented():
    documented = DOCS.read_text()
    missing = [name for name in Settings.model_fields if f"`{name}`" not in documented]
    assert missing == []
