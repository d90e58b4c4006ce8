"""Packed keypoints by image, on each database."""


def test_keypoints_are_kept_and_replaced(library, catalog):
    one, other = library.add("a"), library.add("b")
    catalog.keypoints.add(1, {one: b"first", other: b"others"})
    catalog.keypoints.add(1, {one: b"second"})
    assert catalog.keypoints.get(1, [one, other, "f" * 32, "no id"]) == {one: b"second", other: b"others"}
    assert catalog.keypoints.among(1, [one, "f" * 32]) == {one}


def test_another_recipe_is_as_good_as_none(library, catalog):
    image_id = library.add("a")
    catalog.keypoints.add(1, {image_id: b"old"})
    assert catalog.keypoints.get(2, [image_id]) == {}
    assert catalog.keypoints.among(2, [image_id]) == set()
    assert [image.id for image in catalog.keypoints.images_without(2, limit=9)] == [image_id]
    assert catalog.keypoints.are_kept()


def test_images_without_some_are_listed_in_pages(library, catalog):
    ids = sorted(library.add(name) for name in "abcde")
    library.add("broken", error="no image")
    catalog.keypoints.add(1, {ids[2]: b"points"})
    first = catalog.keypoints.images_without(1, limit=2)
    assert [image.id for image in first] == ids[:2]
    assert [image.id for image in catalog.keypoints.images_without(1, limit=9, after=ids[1])] == ids[3:]


def test_deleted_images_leave_none_and_get_none(library, catalog):
    image_id = library.upload()
    catalog.keypoints.add(1, {image_id: b"points"})
    catalog.images.delete(image_id)
    assert catalog.keypoints.get(1, [image_id]) == {}
    catalog.keypoints.add(1, {image_id: b"points"})
    assert catalog.keypoints.get(1, [image_id]) == {}
    assert not catalog.keypoints.are_kept()


def test_keypoints_change_no_image(library, catalog):
    image_id = library.add("a")
    before = catalog.changes.state()
    catalog.keypoints.add(1, {image_id: b"points"})
    assert catalog.changes.state() == before


def test_dropping_says_of_how_many(library, catalog):
    ids = [library.add(name) for name in "abc"]
    catalog.keypoints.add(1, dict.fromkeys(ids, b"points"))
    assert catalog.keypoints.drop() == 3
    assert not catalog.keypoints.are_kept()
    assert len(catalog.keypoints.images_without(1, limit=9)) == 3
