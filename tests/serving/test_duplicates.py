"""Copies over HTTP."""

import shutil
import time
from types import SimpleNamespace

import pytest

from duplicates.altered import SIMPLE
from keypoints.scenes import scene
from lookalike.errors import StorageFailed
from pictures import png_bytes
from serving.asking import TOKEN


@pytest.fixture
def copied(library):
    """Ids of three scenes, of two copies of the first, the smallest last, and of a copy of the second."""
    first, second, third = (scene(seed, size=(480, 360)) for seed in range(3))
    again, half = SIMPLE["encoded again"], SIMPLE["half the size"]
    made = [first, second, third, again(first.resize((400, 300))), half(first), half(second)]
    return [library.indexer.add_upload(png_bytes(one), name=f"{number}.png")[0].id for number, one in enumerate(made)]


def searched(client, **options):
    """The copies, once all images were compared."""
    assert client.post("/v1/duplicates/search", **options).status_code == 202
    end = time.monotonic() + 60
    while (page := client.get("/v1/duplicates").json())["search"]["running"]:
        assert time.monotonic() < end, page["search"]
        time.sleep(0.01)
    return page


def told(page):
    return {group["keep"]["id"]: [copy["image"]["id"] for copy in group["copies"]] for group in page["groups"]}


def test_an_empty_library_has_no_copies(client):
    page = client.get("/v1/duplicates").json()
    assert (page["groups"], page["total"], page["search"]["images"]) == ([], 0, 0)


def test_copies_are_listed_after_a_search_with_why_and_how_sure(client, copied):
    before = client.get("/v1/duplicates").json()
    assert (before["groups"], before["search"]["compared"], before["search"]["images"]) == ([], 0, 6)
    page = searched(client)
    assert told(page) == {copied[0]: sorted([copied[3], copied[4]]), copied[1]: [copied[5]]}
    assert (page["total"], page["copies"], page["next_cursor"]) == (2, 3, None)
    copy = page["groups"][1]["copies"][0]
    assert (copy["reason"], copy["sure"], copy["turn"], copy["inliers"]) == ("same-look", "certain", None, None)
    assert (page["search"]["compared"], page["search"]["fault"]) == (6, None)
    assert "lookalike keypoints" in page["search"]["notes"][0]
    smallest_sides = client.get("/v1/duplicates?keep=newest").json()
    assert copied[5] in told(smallest_sides)


def test_groups_come_in_pages_that_go_on_behind_groups_that_are_gone(client, copied, problem):
    searched(client)
    first = client.get("/v1/duplicates?limit=1").json()
    client.patch(f"/v1/images/{copied[3]}", json={"visibility": "private"})
    second = client.get(f"/v1/duplicates?limit=1&cursor={first['next_cursor']}").json()
    assert len(first["groups"]) == len(second["groups"]) == 1
    problem(client.get("/v1/duplicates?cursor=3-nothing"), 400, "cursor-refused")
    problem(client.get("/v1/duplicates?keep=prettiest"), 422, "invalid-request")


def test_hidden_and_deleted_images_are_in_no_group(client, copied):
    searched(client)
    client.patch(f"/v1/images/{copied[4]}", json={"visibility": "private"})
    client.delete(f"/v1/images/{copied[5]}")
    assert told(client.get("/v1/duplicates").json()) == {copied[0]: [copied[3]]}
    assert client.get("/v1/duplicates").json()["search"]["images"] == 4


def change(client, action, *groups, headers=None, **options):
    body = {"action": action, "groups": [{"keep": keep, "copies": copies} for keep, *copies in groups], **options}
    return client.post("/v1/duplicates", json=body, headers=headers)


def test_a_dry_run_says_what_would_be_hidden_and_hides_nothing(client, copied):
    searched(client)
    would = change(client, "hide", (copied[0], copied[3], copied[4]), dry_run=True).json()
    assert (would["changed"], would["skipped"], would["dry_run"]) == ([copied[3], copied[4]], [], True)
    assert client.get(f"/v1/images/{copied[3]}").status_code == 200
    assert change(client, "hide", (copied[0], copied[3], copied[4])).json()["changed"] == would["changed"]
    assert client.get(f"/v1/images/{copied[3]}").status_code == 404
    assert told(client.get("/v1/duplicates").json()) == {copied[1]: [copied[5]]}


def test_deleting_takes_copies_out_of_the_library(client, copied, library):
    searched(client)
    assert change(client, "delete", (copied[1], copied[5])).json()["changed"] == [copied[5]]
    assert library.catalog.images.get_many([copied[5]]) == {}


def test_the_audit_log_says_who_changed_which_copy(guarded, copied, library):
    searched(guarded, headers=TOKEN)
    changed = change(guarded, "hide", (copied[0], copied[3], copied[4]), headers=TOKEN).json()["changed"]
    entries = library.catalog.audit.latest()
    assert sorted(one.subject for one in entries) == sorted(changed)
    assert {(one.actor, one.action, one.details) for one in entries} == {
        ("admin-token", "image.change", "a copy; made private")
    }


def test_copies_are_hidden_on_a_full_disk(client_of, copied, library, monkeypatch):
    """The database fails for want of space until the reserve is given up."""
    client = client_of(reserve=library.folder / "reserve")
    searched(client)
    reserve = library.folder / "reserve"
    reserve.write_bytes(bytes(1000))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    original = library.catalog.images.update

    def update(*arguments, **options):
        if reserve.exists():
            raise StorageFailed("disk full")
        return original(*arguments, **options)

    monkeypatch.setattr(library.catalog.images, "update", update)
    answer = change(client, "hide", (copied[0], copied[3], copied[4]))
    assert answer.status_code == 200
    assert len(answer.json()["changed"]) == 2
    assert not reserve.exists()


def test_another_image_of_a_group_may_stay(client, copied):
    searched(client)
    assert change(client, "hide", (copied[4], copied[0], copied[3])).json()["changed"] == [copied[0], copied[3]]


def test_only_copies_of_an_image_that_stays_are_changed(client, copied):
    searched(client)
    answer = change(client, "hide", (copied[0], copied[1], "f" * 32), (copied[5], copied[1]), (copied[1], copied[5]))
    assert answer.json()["changed"] == []
    assert answer.json()["skipped"] == [copied[1], "f" * 32, copied[5]]


def test_reading_is_open_and_searching_and_changing_are_not(guarded, copied, problem):
    token = {"authorization": "Bearer correct horse"}
    problem(guarded.post("/v1/duplicates/search"), 401, "unauthorized")
    searched(guarded, headers=token)
    assert guarded.get("/v1/duplicates").json()["total"] == 2
    problem(change(guarded, "hide", (copied[1], copied[5])), 401, "unauthorized")
    assert guarded.get(f"/v1/images/{copied[5]}").status_code == 200


def test_too_much_at_once_is_refused(client, problem):
    many = [f"{number:032x}" for number in range(600)]
    refusal = problem(change(client, "hide", ("a", *many), ("b", *many)), 422, "invalid-request")
    assert "1,000" in str(refusal.errors)
