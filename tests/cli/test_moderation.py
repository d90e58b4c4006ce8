"""`lookalike moderation`, with a classifier that was imported."""

import pytest

from lookalike.catalog import content_id
from lookalike.embedding import import_model
from pictures import flat, png_bytes
from tiny_model import write_tiny_classifier, write_tiny_model

RULES = "colours/red:blur=0.4|hold=0.6|block=0.9"
COLOURS = {"shown": (0, 255, 0), "blurred": (136, 128, 128), "held": (157, 128, 128), "blocked": (255, 0, 0)}
"""By what the rules say of a picture of that colour."""


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    folder, files = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("files")
    import_model(write_tiny_model(files), models=folder)
    import_model(write_tiny_classifier(files), models=folder)
    return folder


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour in COLOURS.items():
        (folder / f"{name}.png").write_bytes(png_bytes(flat(colour=colour)))
    return folder


def id_of(name):
    return content_id(png_bytes(flat(colour=COLOURS[name])))


def public(run):
    return {one["id"] for one in run.json("search", id_of("shown"))["hits"]} | {id_of("shown")}


def test_images_are_judged_when_indexed_listed_and_decided(run, photos):
    run("index", photos, LOOKALIKE_MODERATION=RULES)
    listed = run.json("moderation", "list")
    assert [one["id"] for one in listed["images"]] == [id_of("held")]
    assert listed["images"][0]["source"] == str(photos / "held.png")
    assert listed["counts"] == {"shown": 1, "blurred": 1, "held": 1, "blocked": 1}
    assert public(run) == {id_of("shown"), id_of("blurred")}
    run("moderation", "decide", id_of("held"), id_of("blocked"), "--as", "shown", "--note", "a sunset")
    assert public(run) == {id_of(name) for name in COLOURS}
    assert [one["details"] for one in run.json("audit", "--subject", id_of("held"))] == ["was held; a sunset"]
    assert id_of("blurred") in run("moderation", "list", "--state", "blurred").stdout
    run("moderation", "decide", "f" * 32, "--as", "held", code=2)


def test_a_decision_does_not_show_what_is_in_the_block_list(run, photos):
    run("index", photos, LOOKALIKE_MODERATION=RULES)
    run("block", "add", photos / "held.png")
    run("moderation", "decide", id_of("held"), "--as", "shown")
    assert id_of("held") not in public(run)


def test_rescan_judges_what_is_there_and_uses_scores_again(run, photos):
    run("index", photos)
    assert "moderation is empty" in run("moderation", "rescan", code=2).stderr
    assert run.json("moderation", "list")["counts"]["held"] == 0
    done = run.json("moderation", "rescan", LOOKALIKE_MODERATION=RULES)
    assert (done["images"], done["classified"], done["changed"]) == (4, 4, 3)
    assert done["counts"] == {"shown": 1, "blurred": 1, "held": 1, "blocked": 1}
    assert public(run) == {id_of("shown"), id_of("blurred")}
    run("moderation", "decide", id_of("held"), "--as", "blurred")
    loose = run.json("moderation", "rescan", LOOKALIKE_MODERATION="colours/red:block=0.95")
    assert (loose["classified"], loose["counts"]) == (0, {"shown": 2, "blurred": 1, "held": 0, "blocked": 1})
    again = run.json("moderation", "rescan", "--all", LOOKALIKE_MODERATION=RULES)
    assert (again["classified"], again["counts"]["blurred"]) == (4, 2)


def test_an_image_that_cannot_be_read_again_is_held_until_it_can(run, photos):
    run("index", photos)
    content = (photos / "shown.png").read_bytes()
    (photos / "shown.png").unlink()
    assert run.json("moderation", "rescan", LOOKALIKE_MODERATION=RULES)["counts"]["held"] == 2
    (photos / "shown.png").write_bytes(content)
    assert run.json("moderation", "rescan", LOOKALIKE_MODERATION=RULES)["counts"]["held"] == 1


def test_settings_that_make_no_sense_stop_indexing_before_anything_is_shown(run, photos):
    assert "give blur, hold or block" in run("index", photos, code=2, LOOKALIKE_MODERATION="colours/red:hide=1").stderr
    assert "no label" in run("index", photos, code=2, LOOKALIKE_MODERATION="colours/pink:hold=1").stderr
    assert "no classifier" in run("index", photos, code=2, LOOKALIKE_MODERATION="tiny/red:hold=1").stderr
    assert "no model is called" in run("index", photos, code=2, LOOKALIKE_MODERATION="gone/red:hold=1").stderr


def test_a_classifier_indexes_nothing(run, photos):
    assert "is a classifier" in run("index", photos, code=2, LOOKALIKE_MODEL="colours").stderr
