from lookalike.training.examples import PairSource, self_supervised_pairs


def test_each_image_answers_itself_and_says_that_nobody_said_so():
    made = self_supervised_pairs(["a", "b"])
    assert [(one.query, one.positive) for one in made] == [("a", "a"), ("b", "b")]
    assert {one.source for one in made} == {PairSource.SELF_SUPERVISION}
    assert {one.weight for one in made} == {1.0}
