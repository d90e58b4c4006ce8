"""Names that are mistyped, or that are meant."""

import pytest

from lookalike.library.places import is_slip


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("lbi", "lib"), ("libary", "library"), ("libraryy", "library"), ("photo-livrary", "photo-library")],
)
def test_slips(typed, meant):
    assert is_slip(typed, meant)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("lib2", "lib1"), ("library-2", "library"), ("a", "b"), ("cats", "cars"), ("lib-new", "lib-old"), ("one", "two")],
)
def test_names_that_are_meant(typed, meant):
    assert not is_slip(typed, meant)
