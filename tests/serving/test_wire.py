import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from lookalike.serving.wire import HitRecord, ImageRecord
from lookalike.types import Hit, Image, Match, SameThing, Visibility


@given(
    cosine=st.floats(-1, 1),
    closeness=st.floats(0, 100),
    match=st.sampled_from(Match),
    text=st.text(max_size=20),
    duplicates=st.lists(st.text("0123456789abcdef", min_size=32, max_size=32), max_size=3),
    same_thing=st.sampled_from([None, SameThing(inliers=31, outline=((0.0, 0.25), (1.0, 0.5), (0.125, 1.0)))]),
)
def test_a_hit_in_json_is_its_record(cosine, closeness, match, text, duplicates, same_thing):
    image = Image(
        id="0" * 32,
        width=4,
        height=3,
        mean_colour="#808080",
        media_type="image/png",
        byte_count=9,
        owner_id=text,
        uploaded_at=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        visibility=Visibility.PUBLIC,
        error=None,
        tags=(text,),
        source=f"/photos/{text}",
    )
    hit = Hit(
        rank=3,
        image=image,
        cosine=cosine,
        closeness=closeness,
        match=match,
        duplicates=tuple(duplicates),
        same_thing=same_thing,
    )
    sent = HitRecord.model_validate_json(HitRecord.json_of(hit))
    assert sent == HitRecord.of(hit)
    assert list(json.loads(HitRecord.json_of(hit))) == list(HitRecord.model_fields)
    assert sent.image == ImageRecord.of(image)
    assert (sent.rank, sent.cosine, sent.closeness, sent.match) == (3, cosine, closeness, match)
    assert sent.duplicates == tuple(duplicates)
