"""Images are classified as they come in."""

from pathlib import Path

import pytest

from doubles import ColourGridEncoder
from lookalike.embedding import Classifier, import_model, open_classifier
from lookalike.errors import CallerError
from lookalike.indexing import ModerationRules, Moderator
from lookalike.types import Visibility
from parts import Parts
from pictures import flat, png_bytes
from tiny_model import write_tiny_classifier

RULES = "colours/red:blur=0.4|hold=0.6|block=0.9"
COLOURS = {"shown": (0, 255, 0), "blurred": (136, 128, 128), "held": (157, 128, 128), "blocked": (255, 0, 0)}
"""By what the rules say of a picture of that colour."""


@pytest.fixture(scope="session")
def classifiers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifiers")
    import_model(write_tiny_classifier(tmp_path_factory.mktemp("files")), models=folder)
    return folder


@pytest.fixture
def moderator(classifiers):
    return Moderator(ModerationRules.parse(RULES), [open_classifier("colours", models=classifiers)])


@pytest.fixture
def library(tmp_path):
    with Parts(tmp_path / "library") as opened:
        yield opened


def indexer(library, moderator):
    return library.indexer_for(ColourGridEncoder(), moderator=lambda: moderator)


@pytest.fixture
def photos(tmp_path):
    """Files of one colour each, named by what the rules say of them."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour in COLOURS.items():
        (folder / f"{name}.png").write_bytes(png_bytes(flat(colour=colour)))
    return folder


def states(library):
    """State and visibility by the name of the file."""
    images = library.catalog.images.browse(visibility=None, limit=100).images
    known = library.catalog.moderation.get([image.id for image in images])
    return {
        Path(image.source or image.upload_name).stem: (known[image.id].verdict.state, image.visibility)
        for image in images
    }


def test_files_are_judged_when_they_are_indexed(library, moderator, photos):
    indexer(library, moderator).index([photos])
    assert states(library) == {
        "shown": ("shown", "public"),
        "blurred": ("blurred", "public"),
        "held": ("held", "blocked"),
        "blocked": ("blocked", "blocked"),
    }
    hits = library.find(png_bytes(flat(colour=COLOURS["held"])), limit=10).hits
    assert sorted((Path(hit.image.source).stem, hit.image.blurred) for hit in hits) == [
        ("blurred", True),
        ("shown", False),
    ]
    held = library.catalog.moderation.page().entries[0][1].verdict
    assert held.scores["colours/red"] == pytest.approx(0.76, abs=0.03)
    assert held.scores.keys() == {"colours/red", "colours/green", "colours/blue"}
    assert held.classifiers == moderator.classifiers


def test_two_files_of_the_same_bytes_are_both_judged(library, moderator, photos):
    copies = [photos / f"copy-{number}.png" for number in range(20)]
    for copy in copies:
        copy.write_bytes((photos / "held.png").read_bytes())
    indexer(library, moderator).index(copies)
    assert {visibility for _, visibility in states(library).values()} == {Visibility.BLOCKED}


def test_uploads_are_judged_and_those_of_untrusted_keys_wait(library, classifiers):
    rules = ModerationRules.parse(RULES, hold_untrusted=True)
    moderator = Moderator(rules, [open_classifier("colours", models=classifiers)])
    taking = indexer(library, moderator)
    for name, colour in COLOURS.items():
        taking.add_upload(png_bytes(flat(colour=colour)), name=f"{name}.png")
        taking.add_upload(png_bytes(flat(80, 80, colour=colour)), name=f"untrusted-{name}.png", untrusted=True)
    found = {name: state for name, (state, _) in states(library).items()}
    assert {name: state for name, state in found.items() if not name.startswith("untrusted")} == {
        name: name for name in COLOURS
    }
    assert [found[f"untrusted-{name}"] for name in COLOURS] == ["held", "held", "held", "blocked"]


def test_trust_makes_no_difference_where_nothing_is_set_up_so(library, moderator):
    indexer(library, moderator).add_upload(png_bytes(flat(colour=COLOURS["shown"])), name="a.png", untrusted=True)
    assert states(library) == {"a": ("shown", "public")}


def test_an_image_that_fails_to_be_classified_is_held(library, moderator, photos, monkeypatch, caplog):
    def failing(self, rows):
        raise MemoryError("no room")

    monkeypatch.setattr(Classifier, "scores", failing)
    indexer(library, moderator).index([photos / "shown.png"])
    ((image, about),) = library.catalog.moderation.page().entries
    assert image.visibility is Visibility.BLOCKED
    assert about.verdict.reason == "could not be classified: no room"
    assert about.verdict.classifiers == ""
    assert "waits for review" in caplog.text


def test_a_rule_for_a_label_that_is_not_there_is_refused(classifiers):
    classifier = open_classifier("colours", models=classifiers)
    with pytest.raises(CallerError, match="it has red, green, blue"):
        Moderator(ModerationRules.parse("colours/pink:hold=0.5"), [classifier])
