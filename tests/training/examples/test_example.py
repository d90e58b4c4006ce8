from training.examples.made_pairs import pair


def test_a_pair_names_every_image_that_it_shows():
    assert pair("a", "b", hard="cb").images == {"a", "b", "c"}
