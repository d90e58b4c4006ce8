import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.escaping import escaped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Schuhe: größer als 40.jpg", "Schuhe: größer als 40.jpg"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("name-\udcff.jpg", r"name-\udcff.jpg"),
        ("right\u202eleft", r"right\u202eleft"),
    ],
)
def test_only_what_does_not_print_is_spelled(text, shown):
    assert escaped(text) == shown


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_comes_out_on_one_line_that_can_be_encoded(text):
    assert escaped(text).isprintable()
    assert escaped(text).encode().decode() == escaped(text)
