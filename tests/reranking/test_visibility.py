from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lookalike.reranking import (
    NotItself,
    RankingQuery,
    visible,
)
from lookalike.types import Image, Visibility
from reranking.made_candidates import candidates, ids


def image(name, *, visibility=Visibility.PUBLIC, error=None):
    return Image(
        id=f"{name:032x}",
        width=10,
        height=10,
        mean_colour="#808080",
        media_type="image/png",
        byte_count=1,
        source=None,
        owner_id=None,
        uploaded_at=datetime(2026, 1, 1, tzinfo=UTC),
        tags=(),
        visibility=visibility,
        error=error,
    )


@pytest.mark.parametrize("visibility", [Visibility.PRIVATE, Visibility.BLOCKED])
def test_only_public_readable_images_are_visible(visibility):
    images = [image(1), image(2, visibility=visibility), image(3, error="truncated"), image(4)]
    assert [int(image_id, 16) for image_id in visible(images)] == [1, 4]


def test_the_selected_image_is_its_own_hit_only_when_asked_for():
    asked = RankingQuery(image_id=f"{1:032x}", include_self=False)
    assert ids(NotItself()(asked, candidates(1, 2))) == [2]
    assert ids(NotItself()(replace(asked, include_self=True), candidates(1, 2))) == [1, 2]
