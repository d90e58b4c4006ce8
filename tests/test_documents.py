from dataclasses import asdict, dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.documents import from_document


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    name: str
    bytes: int = 0

    def __post_init__(self):
        if self.bytes < 0:
            raise ValueError(f"{self.bytes} bytes must be at least 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    share: float
    parts: tuple[Part, ...] = ()
    by_name: dict[str, Part] = field(default_factory=dict)
    simulated: bool = False
    extra: dict[str, str | int | None] = field(default_factory=dict)
    other: Part | None = None


parts = st.builds(Part, name=st.text(), bytes=st.integers(0, 2**80))
wholes = st.builds(
    Whole,
    share=st.floats(allow_nan=False),
    parts=st.lists(parts, max_size=3).map(tuple),
    by_name=st.dictionaries(st.text(), parts, max_size=3),
    simulated=st.booleans(),
    extra=st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=3),
    other=st.none() | parts,
)


@given(wholes)
def test_what_was_written_is_read_to_the_last_bit(whole):
    document = asdict(whole)
    document["parts"] = list(document["parts"])
    read = from_document(Whole, document, place="whole")
    assert read == whole
    assert all(isinstance(part, Part) for part in (*read.parts, *read.by_name.values()))


def test_whole_numbers_are_read_where_fractions_belong():
    assert from_document(Whole, {"share": 1}, place="") == Whole(share=1.0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"share": "half"}, "a.json.share: 'half' is not a valid number"),
        ({"share": True}, "a.json.share: True is not a valid number"),
        ({"simulated": 1}, "a.json.simulated: 1 is not a valid boolean"),
        ({"parts": {}}, "a.json.parts: {} is not a valid array"),
        ({"parts": [{"name": "a"}, {"name": "b", "bytes": 1.5}]}, "a.json.parts[1].bytes: 1.5 is not a valid integer"),
        ({"parts": [{}]}, "a.json.parts[0].name: is missing"),
        ({"by_name": {"x y": 3}}, "a.json.by_name.x y: 3 is not an object"),
        ({"other": {"name": "a", "bytes": -1}}, "a.json.other: -1 bytes must be at least 0"),
        ({"extra": {"str": []}}, "a.json.extra.str: [] is not a valid string or a valid integer"),
        ({"colour": 1}, "a.json.colour: is not known"),
    ],
)
def test_a_mistake_is_told_by_its_field(change, says):
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole message is compared
        from_document(Whole, {"share": 1.0} | change, place="a.json")
    assert str(refused.value) == says


@pytest.mark.parametrize("document", [[], None, "text", 3])
def test_what_is_no_object_is_refused(document):
    with pytest.raises(ValueError, match="^card: .* is not an object$"):
        from_document(Whole, document, place="card")


def test_a_place_may_be_empty():
    with pytest.raises(ValueError, match="^parts: 3 is not a valid array$"):
        from_document(Whole, {"share": 1, "parts": 3}, place="")
    with pytest.raises(ValueError, match="^3 is not an object$"):
        from_document(Whole, 3, place="")


def test_fields_of_later_versions_can_be_ignored():
    document = {"share": 1, "other": {"name": "a", "colour": 2}, "colour": 1}
    assert from_document(Whole, document, place="", unknown="ignore") == Whole(share=1.0, other=Part(name="a"))


def test_names_that_are_not_utf8_are_read_as_they_were():
    document = {"share": 1, "parts": [{"name": "a\udcff.jpg", "bytes": 3}]}
    assert from_document(Whole, document, place="") == Whole(share=1.0, parts=(Part(name="a\udcff.jpg", bytes=3),))
    with pytest.raises(ValueError, match=r"parts\[0\].bytes: True is not a valid integer"):
        from_document(Whole, {"share": 1, "parts": [{"name": "a\udcff.jpg", "bytes": True}]}, place="")


def test_a_misspelled_field_is_told_by_the_name_it_has():
    with pytest.raises(ValueError, match="^nmae: is not known$"):
        from_document(Part, {"nmae": "a"}, place="")


def test_a_message_does_not_repeat_a_long_value():
    with pytest.raises(ValueError, match="is not a valid number") as refused:
        from_document(Whole, {"share": "x" * 10_000}, place="")
    assert len(str(refused.value)) < 100
