import hashlib
import multiprocessing
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import update

from lookalike.catalog import Catalog, LiveModel, migrating, schema, sqlite_url
from lookalike.catalog.engine import make_engine, parse_url, writing
from lookalike.catalog.migrating import MIGRATIONS, upgrade
from lookalike.columns import image_row
from lookalike.errors import LibraryTooNew, StorageFailed
from postgresql_server import PASSWORD, require_psycopg


def test_a_library_is_the_same_one_when_opened_again(library, new_url, tmp_path):
    url = new_url()
    with Catalog.open(url, originals=tmp_path / "originals") as catalog:
        library_id, image_id = catalog.library_id, library.addition("a").content_id
        catalog.images.add([library.addition("a")])
    with Catalog.open(url, originals=tmp_path / "originals") as catalog:
        assert catalog.library_id == library_id
        assert len(library_id) == 32
        assert catalog.images.get(image_id).id == image_id
        assert library.catalog.library_id != library_id


def test_opening_again_migrates_nothing(sqlite_file, monkeypatch):
    Catalog.open(sqlite_url(sqlite_file), originals=sqlite_file.parent).close()
    monkeypatch.setattr(migrating, "upgrade", lambda *_: pytest.fail("what is up to date was migrated"))
    Catalog.open(sqlite_url(sqlite_file), originals=sqlite_file.parent).close()


def test_the_migrations_make_the_tables_that_the_code_uses(catalog):
    with catalog.database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
        version = connection.exec_driver_sql("SELECT schema_version FROM library").scalar_one()
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert scripts.get_current_head() == schema.HEAD_REVISION
    assert version == schema.SCHEMA_VERSION == len(list(scripts.walk_revisions()))


def test_a_library_of_the_first_schema_is_migrated(library, new_url, tmp_path):
    url = new_url()
    engine = make_engine(parse_url(url), busy_seconds=10)
    file = Path(str(engine.url.database))
    if engine.dialect.name == "sqlite":
        file.parent.mkdir()
        file.touch()
    image_id = library.addition("a").content_id
    with writing(engine).begin() as connection:
        upgrade(connection, "0001")
        described = "40, 30, '#102030', 7, 'image/png', 1, NULL, 1000000, 'public', NULL, false, 1"
        connection.exec_driver_sql(f"INSERT INTO images VALUES ('{image_id}', {described})")  # noqa: S608
        connection.exec_driver_sql(f"INSERT INTO image_tags VALUES ('{image_id}', 0, 'old')")  # noqa: S608
        connection.exec_driver_sql(f"INSERT INTO grades VALUES ('{image_id}', '{image_id}', 'ann', 'human', 4, 7)")  # noqa: S608
        connection.exec_driver_sql("INSERT INTO live_model VALUES (1, 'old', 'f', 2)")
        connection.exec_driver_sql(
            "INSERT INTO queries VALUES ('q', 'g', NULL, NULL, NULL, NULL, NULL, '', 7, NULL, '{}')"
        )
        clicked = f"'e', 'q', '{image_id}', 1, 'click', 7, NULL, 'ann', false"
        connection.exec_driver_sql(f"INSERT INTO interactions VALUES ({clicked})")  # noqa: S608
        connection.exec_driver_sql("UPDATE change_counter SET value = 1")
    engine.dispose()
    for _ in range(2):
        with Catalog.open(url, originals=tmp_path) as catalog:
            assert [image.id for image in catalog.images.browse(tag="old").images] == [image_id]
            assert [(grade.user_id, grade.grade, grade.judgement_set) for grade in catalog.judgements.grades()] == [
                ("ann", 4, "grades")
            ]
            assert [one.name for one in catalog.judgements.sets()] == ["grades"]
            (click,) = catalog.interactions.log()
            assert (click.event_id, click.user_id, click.row, click.simulated) == ("e", "ann", None, False)
            assert [step.model for step in catalog.models.history()] == [LiveModel("old", "f", 2)]
            catalog.vectors.add("f", [image_id], np.eye(1, 2, dtype=np.float32))
            (block,) = catalog.vectors.blocks("f")
            assert block.columns[0] == image_row(difference_hash=7)  # its colours are not known


def test_a_newer_library_is_refused_and_left_alone(new_url, tmp_path):
    url = new_url()
    with Catalog.open(url, originals=tmp_path) as catalog, catalog.database.changing() as change:
        change.connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'from-later'")
        change.connection.execute(update(schema.library).values(schema_version=999))
    files = sorted(file for file in tmp_path.rglob("*.sqlite"))
    before = [hashlib.sha256(file.read_bytes()).digest() for file in files]
    with pytest.raises(LibraryTooNew, match=r"schema 999 .*Nothing was changed"):
        Catalog.open(url, originals=tmp_path)
    assert [hashlib.sha256(file.read_bytes()).digest() for file in files] == before


def open_and_count(url, originals, together, answers):
    together.wait(30)
    with Catalog.open(url, originals=originals) as catalog:
        answers.put((catalog.library_id, catalog.counts().live))


def test_several_processes_may_make_the_same_library_at_once(new_url, tmp_path):
    context = multiprocessing.get_context("spawn")
    together, answers, url = context.Barrier(4), context.Queue(), new_url()
    made = [context.Process(target=open_and_count, args=(url, tmp_path, together, answers)) for _ in range(4)]
    for process in made:
        process.start()
    found = {answers.get(timeout=60) for _ in made}
    for process in made:
        process.join(30)
    assert [process.exitcode for process in made] == [0] * 4
    assert len(found) == 1


@pytest.mark.parametrize("name", ["100% #1?.sqlite", "fuchs 🦊.sqlite", "new\nline.sqlite"])
def test_the_library_may_have_any_name(tmp_path, name):
    with Catalog.open(sqlite_url(tmp_path / name), originals=tmp_path / "originals") as catalog:
        assert name in catalog.describe
    assert (tmp_path / name).exists()


def test_a_password_is_never_shown(catalog):
    assert catalog.describe.startswith(("SQLite file ", "PostgreSQL postgres on 127.0.0.1"))
    assert PASSWORD not in catalog.url + catalog.describe


def test_what_is_no_database_is_refused(tmp_path):
    file = tmp_path / "notes.sqlite"
    file.write_bytes(b"these are not the tables you are looking for" * 100)
    with pytest.raises(StorageFailed, match="not a database"):
        Catalog.open(sqlite_url(file), originals=tmp_path)
    with pytest.raises(StorageFailed):
        Catalog.open(sqlite_url(file / "below.sqlite"), originals=tmp_path)
    for url in ("sqlite://", "sqlite:///:memory:", "mysql://somewhere/else"):
        with pytest.raises(ValueError, match="SQLite file or in PostgreSQL"):
            Catalog.open(url, originals=tmp_path)


def test_a_server_that_is_not_there_is_the_environments_fault(tmp_path):
    require_psycopg()
    with pytest.raises(StorageFailed):
        Catalog.open("postgresql://lookalike@127.0.0.1:1/none", originals=tmp_path)


def test_sqlite_is_set_to_survive_a_power_cut(sqlite_file):
    with (
        Catalog.open(sqlite_url(sqlite_file), originals=sqlite_file.parent) as catalog,
        catalog.database.reading() as now,
    ):
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        values = [now.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert values == ["wal", 2, 1, 60_000]
    assert sqlite3.connect(sqlite_file).execute("PRAGMA journal_mode").fetchone() == ("wal",)
