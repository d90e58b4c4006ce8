import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from lookalike.serving.problems import Refused
from lookalike.serving.streaming import requested_part

SIZE = 10


def part_of(text):
    """What is asked for; "none" where no such part is there."""
    request = Request({"type": "http", "headers": [(b"range", text.encode("latin-1"))]})
    try:
        return requested_part(request, size=SIZE, etag='"a"')
    except Refused as refusal:
        return refusal.problem.headers["Content-Range"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=3-5", range(3, 6)),
        ("bytes=3-", range(3, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-30", range(10)),
        ("bytes=9-99", range(9, 10)),
        ("bytes=10-", "bytes */10"),
        ("bytes=-0", "bytes */10"),
        ("bytes=5-3", None),
        ("bytes=1-2,4-5", None),
        ("", None),
    ],
)
def test_parts(text, part):
    assert part_of(text) == part


@given(st.text(st.characters(max_codepoint=255)) | st.from_regex(r"bytes ?= ?[0-9]{0,40}-[0-9]{0,40}", fullmatch=True))
def test_whatever_is_asked_a_part_lies_in_the_whole(text):
    part = part_of(text)
    assert part in (None, "bytes */10") or set(part) <= set(range(SIZE)) != set()
