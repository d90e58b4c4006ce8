from dataclasses import replace

from lookalike.duplicates import CopyPair, Reason, Sureness


def pair(**options):
    made = CopyPair(one="a" * 32, other="b" * 32, reason=Reason.DETAILS, cosine=0.9)
    return replace(made, **options)


def test_the_whole_look_is_surer_than_details():
    assert pair(reason=Reason.LOOK).sure is pair(reason=Reason.TURNED).sure is Sureness.CERTAIN
    assert pair(inliers=40, luma=0.99).sure is Sureness.VERY_LIKELY
    assert pair(inliers=40, luma=0.95).sure is pair(inliers=12, luma=0.99).sure is Sureness.LIKELY
    assert Sureness.LIKELY.level < Sureness.VERY_LIKELY.level < Sureness.CERTAIN.level


def test_a_document_gives_the_pair_back():
    made = pair(reason=Reason.TURNED, turn="mirrored")
    assert CopyPair.of_document(made.as_document()) == made
