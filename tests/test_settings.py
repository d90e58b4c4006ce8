from dataclasses import fields
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
        ("prot = 1", "unknown setting 'prot'"),
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
        ("threads", "-1", "threads: -1 must be at least 0"),
        ("max_image_bytes", "0", "max_image_bytes: 0 must be at least 1"),
        ("max_waiting_queries", "-5", "max_waiting_queries: -5 must be at least 0"),
        ("keep_queries_days", "-1", "keep_queries_days"),
        ("port", "70000", "port: 70,000 must be from 0 to 65,535"),
        ("catalog_url", "my database", "catalog_url: this is no URL"),
        ("catalog_url", "mysql://secret@host/x", "SQLite file or in PostgreSQL"),
        ("catalog_url", "sqlite://", "SQLite file or in PostgreSQL"),
        ("catalog_url", "postgresql://me:secret@host:many/x", "catalog_url: this is no URL"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path, name, value, message):
    with pytest.raises(CallerError, match=message) as refused:
        load_settings({"library": tmp_path}, environment={f"LOOKALIKE_{name.upper()}": value})
    assert "secret" not in str(refused.value)


def test_every_setting_is_documented():
    documented = DOCS.read_text()
    missing = [setting.name for setting in fields(Settings) if f"`{setting.name}`" not in documented]
    assert missing == []
