from parts import write_pictures


def test_collections_and_filters_from_the_command_line(run, tmp_path):
    photos = write_pictures(tmp_path / "photos", range(6))
    run("index", photos)
    made = run.json("collections", "add", "some", photos / "1.png", photos / "2.png")
    assert made == {"name": "some", "added": 2, "images": 2}
    assert [one["name"] for one in run.json("collections", "list")] == ["some"]
    ids = [one["id"] for one in run.json("collections", "show", "some")]
    found = run.json("search", photos / "4.png", "--collection", "some", "--facets")
    assert sorted(hit["id"] for hit in found["hits"]) == ids
    assert found["facets"]["collections"] == {"some": 2}
    assert run.json("collections", "remove", "some", ids[0])["images"] == 1
    assert run.json("search", photos / "4.png", "--orientation", "portrait")["hits"] == []
    refused = run("search", photos / "4.png", "--min-width", 9, "--max-width", 3, code=2)
    assert "min_width 9 is above max_width 3" in refused.stderr
    run("collections", "delete", "some")
    assert "there is none of this name" in run("collections", "show", "some", code=2).stderr
