"""The review queue over HTTP, and that nobody but reviewers learns of what it holds."""

import pytest

from lookalike.catalog import KeyWish, Scope, Verdict
from lookalike.serving.access import keyring
from lookalike.types import ModerationState
from pictures import jpeg_bytes, photo
from serving.asking import TOKEN, address, picture, upload

HELD = Verdict(state=ModerationState.HELD, reason="nudity/explicit 0.7", scores={"nudity/explicit": 0.7})
BLURRED = Verdict(state=ModerationState.BLURRED, scores={"nudity/explicit": 0.3})


@pytest.fixture
def held(library, images):
    """The id of an image that waits for review."""
    library.catalog.moderation.judge({images[3]: HELD})
    return images[3]


def decide(client, images, state, **options):
    return client.post("/v1/moderation", json={"images": images, "state": state}, **{"headers": TOKEN, **options})


def test_reviewers_see_the_queue_and_decide(guarded, library, held):
    queue = guarded.get("/v1/moderation", headers=TOKEN).json()
    (waiting,) = queue["images"]
    assert (waiting["image"]["id"], waiting["state"], waiting["visibility"]) == (held, "held", "public")
    assert waiting["scores"] == {"nudity/explicit": 0.7}
    assert queue["counts"]["held"] == 1
    assert guarded.get(address(held, 256), headers=TOKEN).status_code == 200
    decided = decide(guarded, [held], "shown").json()
    assert decided["counts"]["held"] == 0
    assert decided["images"][0]["decided_by"] == "admin-token"
    assert guarded.get(f"/v1/images/{held}").json()["visibility"] == "public"
    assert decide(guarded, [held], "held").json()["counts"]["held"] == 1
    assert guarded.get(address(held, 256)).status_code == 404
    entries = library.catalog.audit.latest(subject=held)
    assert [(one.actor, one.action) for one in entries] == [
        ("admin-token", "moderation.held"),
        ("admin-token", "moderation.shown"),
    ]


def test_the_queue_comes_in_pages(guarded, library, images):
    library.catalog.moderation.judge(dict.fromkeys(images[:5], HELD))
    pages = [guarded.get("/v1/moderation?limit=2", headers=TOKEN).json()]
    while cursor := pages[-1]["next_cursor"]:
        pages.append(guarded.get(f"/v1/moderation?limit=2&cursor={cursor}", headers=TOKEN).json())
    seen = [one["image"]["id"] for page in pages for one in page["images"]]
    assert sorted(seen) == sorted(images[:5])


def test_nobody_else_sees_the_queue_or_decides(guarded, client, problem, held):
    problem(guarded.get("/v1/moderation"), 401, "unauthorized")
    problem(decide(guarded, [held], "shown", headers={}), 401, "unauthorized")
    problem(client.get("/v1/moderation"), 403, "forbidden")
    problem(decide(client, [held], "shown", headers={}), 403, "forbidden")
    assert guarded.get(address(held)).status_code == 404


def test_a_decision_that_makes_no_sense_is_refused(guarded, problem, held):
    problem(decide(guarded, [held], "gone"), 422, "invalid-request")
    problem(decide(guarded, [], "shown"), 422, "invalid-request")
    problem(decide(guarded, [held, "f" * 32], "shown"), 404, "unknown-image")
    problem(guarded.get("/v1/moderation?cursor=x", headers=TOKEN), 400, "cursor-refused")
    assert guarded.get("/v1/moderation", headers=TOKEN).json()["counts"]["held"] == 1


def test_what_waits_is_changed_by_decisions_only(guarded, client, problem, library, held):
    problem(guarded.patch(f"/v1/images/{held}", json={"visibility": "public"}, headers=TOKEN), 409, "image-held")
    for change in ({"visibility": "public"}, {"tags": ["mine"]}):
        answer = client.patch(f"/v1/images/{held}", json=change)  # changes are open to everybody, looking at it is not
        problem(answer, 404, "unknown-image")
        assert answer.text == client.patch("/v1/images/" + "f" * 32, json=change).text.replace("f" * 32, held)
    problem(client.delete(f"/v1/images/{held}"), 404, "unknown-image")
    assert library.catalog.images.get(held).tags == ()
    assert guarded.delete(f"/v1/images/{held}", headers=TOKEN).status_code == 204


def test_blurred_images_say_so_wherever_they_are_shown(client, library, images):
    library.catalog.moderation.judge({images[2]: BLURRED})
    assert client.get(f"/v1/images/{images[2]}").json()["blurred"]
    listed = {image["id"]: image["blurred"] for image in client.get("/v1/images").json()["images"]}
    assert [one for one, is_blurred in listed.items() if is_blurred] == [images[2]]
    hits = client.search(picture(2), include_self="true").json()["hits"]
    assert [hit["image"]["id"] for hit in hits if hit["image"]["blurred"]] == [images[2]]
    library.catalog.moderation.decide([images[2]], ModerationState.SHOWN, actor="cli:ann")
    assert not client.get(f"/v1/images/{images[2]}").json()["blurred"]


def test_copies_that_are_blurred_say_so_under_a_hit_that_is_not(client, library, images):
    copy, _ = library.indexer.add_upload(jpeg_bytes(photo(seed=3), quality=60), name="copy.jpg")
    library.catalog.moderation.judge({copy.id: BLURRED})
    first = client.search(picture(3)).json()["hits"][0]
    assert (first["image"]["id"], first["image"]["blurred"]) == (images[3], False)
    assert first["duplicates"] == first["blurred_duplicates"] == [copy.id]


def test_metrics_tell_how_many_images_wait(guarded, held):
    del held
    assert 'lookalike_moderated_images{state="held"} 1.0' in guarded.get("/metrics", headers=TOKEN).text


class EverybodyWaits:
    """What stands for a moderator: uploads of those who are not trusted wait, all else is shown."""

    @staticmethod
    def verdict(_content, *, name, untrusted=False):
        del name
        return HELD if untrusted else Verdict(state=ModerationState.SHOWN)


@pytest.fixture
def careful(library, images, client_of, monkeypatch):
    """A client of a server whose library has keys, and where uploads wait unless they are trusted."""
    monkeypatch.setattr(keyring, "SECONDS", 0.0)
    monkeypatch.setattr(library.indexer, "_moderator", EverybodyWaits)
    return client_of(hold_untrusted=True)


def key(library, *scopes, **limits):
    text, _ = library.catalog.keys.create(KeyWish(name="a", scopes=frozenset(scopes), **limits))
    return {"authorization": f"Bearer {text}"}


def test_uploads_of_keys_without_trust_wait(careful, library):
    plain, trusted = key(library, Scope.WRITE, Scope.SEARCH), key(library, Scope.WRITE, Scope.TRUSTED, Scope.SEARCH)
    reviewer = key(library, Scope.ADMIN)
    waiting = upload(careful, picture(50), headers=plain)
    assert (waiting.status_code, waiting.json()["awaits_review"], waiting.json()["visibility"]) == (201, True, "public")
    image_id = waiting.json()["id"]
    for headers in (plain, trusted):
        assert careful.get(f"/v1/images/{image_id}", headers=headers).status_code == 404
        assert careful.get(address(image_id), headers=headers).status_code == 404
    again = upload(careful, picture(50), headers=plain)
    assert {**again.json(), "uploaded_at": ""} == {**waiting.json(), "uploaded_at": ""}
    shown = upload(careful, picture(51), headers=trusted).json()
    assert (shown["awaits_review"], careful.get(f"/v1/images/{shown['id']}", headers=plain).status_code) == (False, 200)
    (entry,) = careful.get("/v1/moderation", headers=reviewer).json()["images"]
    assert entry["image"]["id"] == image_id
    assert decide(careful, [image_id], "shown", headers=reviewer).status_code == 200
    assert careful.get(f"/v1/images/{image_id}", headers=plain).status_code == 200
    assert careful.get("/v1/moderation", headers=plain).status_code == 403


def test_what_is_known_stays_as_it_is_when_somebody_without_trust_sends_it(careful, library, images):
    plain = key(library, Scope.WRITE, Scope.SEARCH)
    known = upload(careful, picture(3), headers=plain)
    assert (known.status_code, known.json()["id"], known.json()["awaits_review"]) == (200, images[3], False)
    assert careful.get(f"/v1/images/{images[3]}", headers=plain).status_code == 200
