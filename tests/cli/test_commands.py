import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
import typer
from PIL import Image

from doubles import picture
from lookalike.catalog import Catalog, content_id
from lookalike.cli.app import app
from parts import hear_ctrl_c, write_pictures


def test_index_search_stats_verify(program, photos, tmp_path):
    indexed = program.json("index", photos)
    assert (indexed["added"], indexed["refused"], indexed["interrupted"]) == (12, [], False)
    assert program.json("index", photos)["unchanged"] == 12

    found = program.json("search", photos / "3.png", "--top", 5, "--sheet", tmp_path / "sheet.png")
    assert [hit["rank"] for hit in found["hits"]] == [1, 2, 3, 4, 5]
    assert found["hits"][0]["source"] == str(photos / "3.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG"

    image_id = found["hits"][0]["id"]
    assert image_id == content_id(picture(3))
    assert image_id not in [hit["id"] for hit in program.json("search", image_id, "--top", 12)["hits"]]

    stats = program.json("stats")
    assert (stats["counts"]["readable"], stats["snapshot"]["images"], stats["model"]["name"]) == (12, 12, "tiny")
    verified = program.json("verify")
    assert (verified["clean"], verified["recall_at_10"]) == (True, 1.0)


def test_what_people_read(run, photos):
    assert "12 added" in run("index", photos).stdout
    table = run("search", photos / "3.png", COLUMNS="200").stdout
    assert "3.png" in table.splitlines()[1]
    assert "Clean" in run("verify").stdout
    assert "tiny" in run("stats").stdout
    assert "efficientnet-lite0" in run("models", "list", COLUMNS="200").stdout


def test_a_crop_in_pixels_or_fractions(run, photos):
    run("index", photos)
    pixels = run.json("search", photos / "3.png", "--crop", "32,24,32,24")
    fractions = run.json("search", photos / "3.png", "--crop", "0.5,0.5,0.5,0.5")
    whole = run.json("search", photos / "3.png")
    assert [hit["cosine"] for hit in pixels["hits"]] == [hit["cosine"] for hit in fractions["hits"]]
    assert pixels["hits"][0]["cosine"] < whole["hits"][0]["cosine"]


@pytest.mark.parametrize(
    ("crop", "message"),
    [
        ("60,0,10,10", "64 x 48"),
        ("0,0,0,10", "area above 0"),
        ("nan,0,1,1", "crop"),
        ("1,2,3", "four numbers"),
        ("a,b,c,d", "four numbers"),
    ],
)
def test_a_bad_crop_is_refused(run, photos, crop, message):
    run("index", photos)
    refused = run("search", photos / "3.png", "--crop", crop, code=2)
    assert message in refused.stderr


def test_exit_codes(program, run, photos, tmp_path):
    assert "lookalike index" in program("search", photos / "3.png", code=3).stderr
    assert "no such file" in program("index", tmp_path / "gone", code=2).stderr
    run("index", photos)
    assert "cannot be read" in run("search", "gone.png", code=2).stderr
    (tmp_path / "text.png").write_text("no image")
    assert "text.png" in run("search", tmp_path / "text.png", code=2).stderr
    assert run.json("search", "0" * 32, code=2)["error"] == "unknown-image"
    run("search", "--no-such-option", code=2)


def test_a_missing_model_says_what_to_run(run, photos, tmp_path):
    said = run("index", photos, code=3, LOOKALIKE_MODEL="clip-vit-b16", LOOKALIKE_MODELS=str(tmp_path / "none")).stderr
    assert "lookalike models pull clip-vit-b16" in " ".join(said.split())
    assert "no-such" in run("index", photos, code=2, LOOKALIKE_MODEL="no-such").stderr


def test_a_library_of_a_newer_version_is_left_alone(run, photos, tmp_path):
    run("index", photos)
    database = sqlite3.connect(tmp_path / "library" / "catalog.sqlite")
    with database:
        database.execute("UPDATE library SET schema_version = 999")
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    for command in (["index", photos], ["search", photos / "3.png"], ["stats"], ["verify"]):
        assert "newer" in run(*command, code=3).stderr


def test_a_flipped_byte_is_found_and_the_search_goes_on(run, photos, tmp_path):
    run("index", photos)
    before = run.json("search", photos / "3.png")
    folder = next((tmp_path / "library" / "snapshots").glob("*/*/manifest.json")).parent
    victim = max((f for f in folder.iterdir() if f.name != "manifest.json"), key=lambda f: f.stat().st_size)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 4
    victim.write_bytes(bytes(content))
    verified = run.json("verify", code=4)
    assert victim.name in " ".join(verified["problems"])
    after = run.json("search", photos / "3.png")
    assert "exact search" in " ".join(after["notes"])
    assert [(h["id"], h["cosine"]) for h in after["hits"]] == [(h["id"], h["cosine"]) for h in before["hits"]]


def test_odd_file_names(run, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    names = ["ünï cödé 写真.png", "line\nbreak.png", "[bold]markup.png", "-dash.png"]
    for seed, name in enumerate(names):
        (photos / name).write_bytes(picture(seed))
    with open(os.fsencode(photos) + b"/not-\xff-text.png", "wb") as file:  # noqa: PTH123 - bytes, not text
        file.write(picture(9))
    assert run.json("index", photos)["added"] == 5
    found = {hit["source"] for hit in run.json("search", photos / names[1])["hits"]}
    assert found == {str(photos / name) for name in names} | {os.fsdecode(os.fsencode(photos) + b"/not-\xff-text.png")}
    shown = run("search", photos / names[1], COLUMNS="300").stdout
    assert "line\\nbreak.png" in shown
    assert "[bold]markup.png" in shown


def test_ctrl_c_keeps_what_was_stored(program, tmp_path):
    photos = write_pictures(tmp_path / "photos", range(60), size=(400, 300))
    indexing = subprocess.Popen(
        [sys.executable, "-m", "lookalike", "index", "--verbose", str(photos)],
        env=program.environment(COLUMNS="300"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pipesize=4096,  # it waits for us: it cannot end before the signal comes, however slow we are
        preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - it takes no lock
    )
    acknowledged = [next(line for line in indexing.stderr if line.startswith("stored ")).split()[1]]
    indexing.send_signal(signal.SIGINT)
    stdout, stderr = indexing.communicate(timeout=240)
    assert indexing.returncode == 130, (stdout, stderr)
    assert "Traceback" not in stderr
    assert "run the same command to go on" in " ".join(stdout.split())
    acknowledged += [line.split()[1] for line in stderr.splitlines() if line.startswith("stored ")]
    resumed = program.json("index", photos)
    assert resumed["unchanged"] >= len(acknowledged)
    assert resumed["unchanged"] + resumed["added"] == 60
    assert program.json("verify")["clean"]


def test_json_of_a_library_is_one_document(run, photos):
    document = json.loads(run("index", photos, "--json").stdout)
    assert set(document) >= {"added", "unchanged", "removed", "refused", "seconds", "snapshot"}


def commands(name, command):
    """(words, options) of each command."""
    for child, below in getattr(command, "commands", {}).items():
        yield from commands([*name, child], below)
    if not hasattr(command, "commands"):
        yield " ".join(name), {option for parameter in command.params for option in parameter.opts}


def test_which_commands_take_a_library_and_which_print_json():
    """As the README says."""
    options = dict(commands([], typer.main.get_command(app)))
    assert {name for name in options if "--json" not in options[name]} == {"serve", "demo"}
    of_no_library = {name for name in options if "--library" not in options[name]}
    assert of_no_library == {
        *(f"models {name}" for name in ("list", "show", "pull", "import", "convert")),
        *(f"judgements {name}" for name in ("from-labels", "from-instances", "from-triplets")),
        "experiment size",
    }


def test_a_home_folder_that_the_shell_did_not_expand(run, tmp_path):
    write_pictures(tmp_path / "home" / "photos", range(3))
    assert run.json("index", "~/photos")["added"] == 3
    assert len(run.json("search", "~/photos/0.png", "--sheet", "~/sheet.png")["hits"]) == 3
    assert (tmp_path / "home" / "sheet.png").exists()


def test_a_crop_is_measured_within_the_settings_limits(run, photos):
    run("index", photos)
    refused = run("search", photos / "0.png", "--crop", "1,1,9,9", code=2, LOOKALIKE_MAX_IMAGE_PIXELS="100")
    assert "100" in refused.stderr


def test_files_of_deleted_images_are_named_in_the_report(run, photos, tmp_path):
    run("index", photos)
    with closing(Catalog.open(f"sqlite:///{tmp_path / 'library' / 'catalog.sqlite'}", originals=tmp_path)) as catalog:
        catalog.images.delete(content_id(picture(3)))
    assert "1 left out" in run("index", photos).stdout


def test_verify_names_images_that_cannot_be_found(run, photos, tmp_path):
    run("index", photos)
    with closing(sqlite3.connect(tmp_path / "library" / "catalog.sqlite")) as connection, connection:
        connection.execute("DELETE FROM vectors WHERE image_id = ?", [content_id(picture(3))])
    checked = json.loads(run("verify", "--json", code=4).stdout)
    assert [problem for problem in checked["problems"] if content_id(picture(3)) in problem and "no vector" in problem]


def test_a_catalog_url_that_is_none_is_told(run):
    assert "LOOKALIKE_CATALOG_URL: this is no URL" in run("stats", code=2, LOOKALIKE_CATALOG_URL="my database").stderr


def test_stats_of_a_library_without_a_folder(run, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    counted = run.json("stats", LOOKALIKE_CATALOG_URL=f"sqlite:///{folder / 'catalog.sqlite'}")
    assert (counted["counts"]["live"], counted["bytes_on_disk"]) == (0, {})
