from doubles import picture
from lookalike.catalog import content_id


def test_a_blocked_picture_hides_its_copies_now_and_those_that_come_later(run, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(4):
        (photos / f"{seed}.png").write_bytes(picture(seed, size=(64, 48)))
    run("index", photos)
    blocked = tmp_path / "blocked.png"
    blocked.write_bytes(picture(1, size=(160, 120)))
    done = run.json("block", "add", blocked, "--note", "asked by its maker")
    assert done["blocked"] == [content_id(picture(1, size=(64, 48)))]
    assert [one["note"] for one in run.json("block", "list")] == ["asked by its maker"]
    (photos / "later.jpg").write_bytes(picture(1, size=(320, 240), image_format="JPEG"))
    run("index", photos)
    found = {hit["id"] for hit in run.json("search", blocked)["hits"]}
    assert found == {content_id(picture(seed, size=(64, 48))) for seed in (0, 2, 3)}
    assert run.json("stats")["counts"]["blocked"] == 2
    run("block", "remove", done["id"])
    assert run.json("block", "list") == []
    assert [one["action"] for one in run.json("audit")] == ["picture.unblock", "picture.block"]
