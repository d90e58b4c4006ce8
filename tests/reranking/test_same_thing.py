from dataclasses import replace

from keypoints.scenes import pasted, pixels, scene
from lookalike.keypoints import ASKED, STORED, extract
from lookalike.reranking import VerifySameThing
from reranking.made_candidates import WHOLE, candidates, ids

THING = scene(1, size=(300, 200))
ASKING = replace(WHOLE, keypoints=extract(pixels(THING), ASKED))


def stored(**shown):
    """Keypoints by candidate: 1 shows the picture that it is given."""
    made = {f"{int(place[1:]):032x}": extract(pixels(image), STORED) for place, image in shown.items()}
    return lambda image_ids: {one: made[one] for one in image_ids if one in made}


def test_verified_candidates_come_first_the_clearest_before_others():
    small = pasted(THING, scene(2, size=(600, 400)), at=(100, 100), size=(180, 120))
    verify = VerifySameThing(keypoints_of=stored(c1=scene(3), c3=small, c4=THING))
    found = verify(ASKING, candidates(1, 2, 3, 4, 5))
    assert ids(found) == [4, 3, 1, 2, 5]
    assert sorted(int(one, 16) for one in found.same_things) == [3, 4]
    assert found.same_things[f"{4:032x}"].inliers > found.same_things[f"{3:032x}"].inliers >= 10


def test_a_query_that_is_not_to_be_verified_changes_nothing():
    given = candidates(1, 2)
    assert VerifySameThing(keypoints_of=stored(c2=THING))(WHOLE, given) is given


def test_candidates_behind_the_depth_stay_where_they_are():
    found = VerifySameThing(keypoints_of=stored(c3=THING), depth=2)(ASKING, candidates(1, 2, 3))
    assert (ids(found), dict(found.same_things)) == ([1, 2, 3], {})
