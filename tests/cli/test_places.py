"""Names that are mistyped make no library and change nothing."""

from parts import write_pictures


def test_index_names_the_path_that_was_meant_and_makes_no_library(run, photos, tmp_path):
    told = run("index", tmp_path / "phtos", code=2).stderr
    assert f"did you mean {photos}?" in told
    assert not (tmp_path / "library").exists()
    assert "there is no such file or folder." in run("index", tmp_path / "nothing-like-it", code=2).stderr


def test_a_mistyped_library_is_refused_with_the_near_one(run, photos, tmp_path):
    run("index", photos)
    for command in (["index", photos, "--library", tmp_path / "libary"], ["serve", "--library", tmp_path / "libary"]):
        told = run(*command, code=3 if command[0] == "serve" else 2).stderr
        assert f"did you mean {tmp_path / 'library'}?" in told
        assert not (tmp_path / "libary").exists()
    assert run.json("index", photos, "--library", tmp_path / "libary", "--create")["added"] == 12
    assert run.json("index", photos, "--library", tmp_path / "library2")["added"] == 12


def test_the_folder_to_index_is_not_the_library(run, photos, tmp_path):
    assert (
        "named both as the folder to index and as the library"
        in run("index", photos, "--library", photos, code=2).stderr
    )
    other = write_pictures(tmp_path / "other", [50])
    assert "holds other things (50.png)" in run("index", photos, "--library", other, code=2).stderr
    assert [path.name for path in other.iterdir()] == ["50.png"]
    run("index", photos)
    assert "lies inside the library" in run("index", tmp_path / "library" / "snapshots", code=2).stderr
    inside = photos / "library"
    assert run.json("index", photos, "--library", inside)["added"] == 12
    assert run.json("index", photos, "--library", inside)["unchanged"] == 12
