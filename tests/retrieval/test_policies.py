import pytest

from doubles import picture
from lookalike.catalog import Verdict, content_id
from lookalike.errors import CallerError
from lookalike.preprocessing import Preprocessing, prepare
from lookalike.reranking import CollapseDuplicates, NotItself, VerifySameThing, WithoutBlocked
from lookalike.retrieval import DEFAULT_POLICIES, policies_of
from lookalike.settings import Settings
from lookalike.types import ModerationState

WANTED = Preprocessing(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def test_the_setting_says_what_is_done_otherwise_too(parts):
    assert Settings.model_fields["policies"].default == DEFAULT_POLICIES
    usual = [type(policy) for policy in policies_of(DEFAULT_POLICIES, parts.catalog)]
    assert usual == [NotItself, WithoutBlocked, CollapseDuplicates, VerifySameThing]


def test_policies_are_applied_in_their_order(parts):
    ids = {seed: parts.upload(seed, tags=("sale",) if seed == 4 else (), owner_id="bob" if seed == 5 else "ann")
           for seed in range(7)}  # fmt: skip
    text = f"owner-blocks:bob, boost:sale=2, pin:{ids[2]}, bury:{ids[4]}"
    parts.engine.close()
    parts.engine = parts.new_engine(rerankers=policies_of(text, parts.catalog))
    found = parts.find_ids(picture(1))
    assert (found[0], found[-1]) == (ids[2], ids[4])
    assert set(found) == set(ids.values()) - {ids[5]}


def test_what_looks_like_a_blocked_picture_is_never_a_hit_from_then_on(parts):
    parts.engine.close()
    parts.engine = parts.new_engine(rerankers=policies_of("block-list", parts.catalog))
    seen, small = parts.upload(1), parts.upload(1, size=(48, 36), image_format="JPEG")
    other = parts.upload(2)
    assert set(parts.find_ids(picture(1))) == {seen, small, other}
    blocked = picture(1, size=(160, 120))
    parts.catalog.blocks.add(content_id(blocked), prepare(blocked, WANTED, name="x").columns, note="asked by its maker")
    assert parts.find_ids(picture(1)) == [other]
    assert [one.note for one in parts.catalog.blocks.list()] == ["asked by its maker"]
    parts.catalog.blocks.remove(content_id(blocked))
    assert set(parts.find_ids(picture(1))) == {seen, small, other}


def test_hits_with_a_greater_score_than_is_asked_for_are_left_out(parts):
    parts.engine.close()
    parts.engine = parts.new_engine(rerankers=policies_of("moderation:nsfw/gore=0.5", parts.catalog))
    quiet, loud, never = (parts.upload(seed) for seed in (1, 2, 3))
    shown = ModerationState.SHOWN
    scores = {quiet: 0.5, loud: 0.6}
    parts.catalog.moderation.judge(
        {one: Verdict(state=shown, scores={"nsfw/gore": score}) for one, score in scores.items()}
    )
    assert set(parts.find_ids(picture(1))) == {quiet, never}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("near-duplicate", "is not known; known are"),
        ("", "is not known"),
        ("owner-blocks", "name owners"),
        ("boost:sale", "is not a number"),
        ("boost:sale=9", "must be from -2 to 2"),
        ("diversity:2", "must be from 0 to 1"),
        ("diversity:0.1|0.2", "give one number"),
        ("pin", "name images by id"),
        ("moderation", "give greatest scores"),
        ("moderation:nsfw/gore=2", "must be from 0 to 1"),
        ("verify:yes", "takes no values"),
    ],
)
def test_a_mistake_is_told(parts, text, told):
    with pytest.raises(CallerError, match=told):
        policies_of(text, parts.catalog)
