import numpy as np
from PIL import Image

from lookalike.preprocessing.appearance import colour_signature
from lookalike.retrieval.colours import show_colour


def signature(colour, *, share=1.0, ground="#ffffff"):
    """Of a picture whose left part has a colour."""
    image = Image.new("RGB", (160, 160), ground)
    image.paste(Image.new("RGB", (round(160 * share), 160), colour))
    return colour_signature(np.asarray(image))


def test_a_colour_is_found_where_it_covers_enough_of_the_picture():
    signatures = np.array(
        [
            signature("#c01020"),
            signature("#c01020", share=0.25),
            signature("#c01020", share=0.1),
            signature("#10c020"),
            np.zeros(96, np.uint8),  # its colours are not known
        ]
    )
    assert show_colour(signatures, "#c01020", 32).tolist() == [True, True, False, False, False]
    assert show_colour(signatures, "#ffffff", 32).tolist() == [False, True, True, False, False]
    assert not show_colour(signatures, "#000000", 32).any()


def test_shades_are_nearer_than_hues():
    shades = np.array([signature("#901818"), signature("#d02828"), signature("#28d028")])
    assert show_colour(shades, "#b02020", 32).tolist() == [True, True, False]
    assert show_colour(shades, "#b02020", 255).all()


def test_no_signatures_show_nothing():
    assert show_colour(np.zeros((0, 96), np.uint8), "#ffffff", 32).shape == (0,)
