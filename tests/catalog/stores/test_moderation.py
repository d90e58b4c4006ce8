"""What moderation hides, and who decides about it."""

from dataclasses import replace

import pytest

from lookalike.catalog import Verdict
from lookalike.errors import CursorRefused, ImageHeld, UnknownImage
from lookalike.types import ModerationState, Visibility

SCORES = {"nudity/explicit": 0.7}
HELD = Verdict(state=ModerationState.HELD, reason="nudity/explicit 0.7", scores=SCORES, classifiers="one")
SHOWN = replace(HELD, state=ModerationState.SHOWN, reason="")
BLURRED = replace(HELD, state=ModerationState.BLURRED)
BLOCKED = replace(HELD, state=ModerationState.BLOCKED)


@pytest.fixture
def moderation(catalog):
    return catalog.moderation


def decide(catalog, image_id, state, **options):
    catalog.moderation.decide([image_id], ModerationState(state), actor="key:abc", **options)


def test_a_held_image_is_blocked_from_the_start_and_shown_by_a_decision(library, catalog, moderation):
    held = library.add("a", verdict=HELD, visibility=Visibility.PRIVATE)
    assert catalog.images.get(held).visibility is Visibility.BLOCKED
    (image, about), *others = moderation.page().entries
    assert (image.id, others) == (held, [])
    assert (about.verdict, about.visibility, about.decided_by) == (HELD, Visibility.PRIVATE, None)
    before = catalog.changes.state()
    decide(catalog, held, "shown", note="art")
    assert catalog.images.get(held).visibility is Visibility.PRIVATE
    assert catalog.changes.state() != before
    about = moderation.get([held])[held]
    assert (about.verdict.state, about.decided_by, about.decided_at is not None) == ("shown", "key:abc", True)
    (entry,) = catalog.audit.latest(subject=held)
    assert (entry.actor, entry.action, entry.details) == ("key:abc", "moderation.shown", "was held; art")
    assert moderation.page().entries == ()


def test_a_decision_is_taken_back(library, catalog, moderation):
    held = library.add("a", verdict=HELD)
    for state in ("blocked", "held", "blurred", "held"):
        decide(catalog, held, state)
        expected = Visibility.PUBLIC if state == "blurred" else Visibility.BLOCKED
        assert catalog.images.get(held).visibility is expected
        assert catalog.images.get(held).blurred == (state == "blurred")
    assert [image.id for image, _ in moderation.page().entries] == [held]
    assert moderation.counts()[ModerationState.HELD] == 1


def test_only_a_decision_shows_what_moderation_hides(library, catalog):
    held, blocked = library.add("a", verdict=HELD), library.add("b", verdict=BLOCKED)
    for image_id in (held, blocked):
        for visibility in (Visibility.PUBLIC, Visibility.PRIVATE):
            with pytest.raises(ImageHeld):
                catalog.images.update(image_id, visibility=visibility)
        assert catalog.images.get(image_id).visibility is Visibility.BLOCKED
    assert catalog.images.update(held, tags=["red"]).visibility is Visibility.BLOCKED


def test_what_is_blocked_while_it_waits_stays_so(library, catalog):
    held = library.add("a", verdict=HELD)
    catalog.images.update(held, visibility=Visibility.BLOCKED)
    decide(catalog, held, "shown")
    assert catalog.images.get(held).visibility is Visibility.BLOCKED


def test_what_its_owner_hid_after_it_was_shown_stays_hidden(library, catalog, moderation):
    shown = library.add("a", verdict=SHOWN)
    catalog.images.update(shown, visibility=Visibility.PRIVATE)
    decide(catalog, shown, "blurred")
    assert catalog.images.get(shown).visibility is Visibility.PRIVATE
    moderation.judge({shown: SHOWN})
    assert catalog.images.get(shown).visibility is Visibility.PRIVATE


def test_a_decision_holds_for_the_same_bytes_when_they_come_again(library, catalog):
    content = b"again"
    first = library.upload(content, verdict=HELD)
    decide(catalog, first, "blocked")
    catalog.images.delete(first)
    again = library.upload(content, verdict=SHOWN, restore=True)
    assert again == first
    assert catalog.images.get(again).visibility is Visibility.BLOCKED
    catalog.images.delete(again)
    assert catalog.images.get(library.upload(content, restore=True)).visibility is Visibility.BLOCKED


def test_nothing_stays_of_a_deleted_image_that_nobody_decided_about(library, catalog, moderation):
    held = library.upload(b"gone", verdict=HELD)
    catalog.images.delete(held)
    assert moderation.get([held]) == {}
    assert moderation.counts()[ModerationState.HELD] == 0


def test_a_known_image_that_is_uploaded_again_is_not_held(library, catalog):
    known = library.upload(b"known", verdict=SHOWN)
    library.upload(b"known", verdict=HELD)
    assert catalog.images.get(known).visibility is Visibility.PUBLIC


def test_a_file_that_could_be_read_at_last_is_held(library, catalog):
    broken = library.add("a", error="truncated", width=0, height=0)
    library.add("a", verdict=HELD)
    assert catalog.images.get(broken).error is None
    assert catalog.images.get(broken).visibility is Visibility.BLOCKED


def test_an_image_that_comes_back_from_the_bin_is_as_it_was(library, catalog, moderation):
    held = library.add("a", verdict=HELD)
    catalog.sources.forget(["/photos/a"])
    assert moderation.page().entries == ()
    library.add("a", verdict=SHOWN)
    assert catalog.images.get(held).visibility is Visibility.BLOCKED
    assert [image.id for image, _ in moderation.page().entries] == [held]


@pytest.mark.parametrize(("old", "expected"), [(Visibility.PRIVATE, Visibility.PRIVATE), (Visibility.PUBLIC, "public")])
def test_a_file_edited_in_place_inherits_what_its_owner_set(library, catalog, old, expected):
    library.add("old", path="/photos/x", verdict=HELD, visibility=old, tags=("mine",))
    new = library.add("new", path="/photos/x", verdict=SHOWN)
    assert catalog.images.get(new).visibility == expected
    newer = library.add("newer", path="/photos/x", verdict=HELD)
    assert catalog.images.get(newer).visibility is Visibility.BLOCKED
    assert catalog.images.get(newer).tags == ("mine",)
    decide(catalog, newer, "shown")
    assert catalog.images.get(newer).visibility == expected


def test_judging_again_changes_what_nobody_decided_about(library, catalog, moderation):
    held, shown, decided = (library.add(name, verdict=HELD) for name in "abc")
    decide(catalog, decided, "blurred")
    since = moderation.get([held])[held].since
    changed = moderation.judge({held: HELD, shown: SHOWN, decided: BLOCKED, "f" * 32: BLOCKED})
    assert changed == {shown}
    assert moderation.get([held])[held].since == since
    assert catalog.images.get(shown).visibility is Visibility.PUBLIC
    assert moderation.get([decided])[decided].verdict.state is ModerationState.BLURRED
    never = library.add("never")
    assert moderation.judge({never: BLOCKED}) == {never}
    assert catalog.images.get(never).visibility is Visibility.BLOCKED


def test_one_unknown_image_stops_the_whole_decision(library, catalog, moderation):
    held = library.add("a", verdict=HELD)
    with pytest.raises(UnknownImage):
        moderation.decide([held, "f" * 32, "no id"], ModerationState.SHOWN, actor="cli:ann")
    assert catalog.images.get(held).visibility is Visibility.BLOCKED
    assert catalog.audit.latest() == []


def test_the_queue_is_read_in_pages_the_oldest_first(library, moderation):
    ids = [library.add(f"{number}", verdict=HELD) for number in range(5)]
    library.add("blurred", verdict=BLURRED)
    seen, after = [], None
    while True:
        page = moderation.page(after=after, limit=2)
        seen += [image.id for image, _ in page.entries]
        after = page.next
        if after is None:
            break
    assert seen == ids
    assert [image.blurred for image, _ in moderation.page(ModerationState.BLURRED).entries] == [True]
    with pytest.raises(CursorRefused):
        moderation.page(after="nonsense")
