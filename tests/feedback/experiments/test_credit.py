from lookalike.feedback.experiments import credit


def test_a_query_prefers_the_ranker_with_more_clicks():
    found = credit(
        [
            ((1, 2, 2, 1), (2, 3)),  # both for the challenger
            ((1, 2, 2, 1), (1,)),
            ((1, 2), (1, 2)),  # one each
            ((2, 1), ()),
            ((2, 1), (9,)),  # beyond what was interleaved
        ]
    )
    assert found.preferences.tolist() == [1, -1, 0, 0, 0]
    assert (found.wins, found.losses, found.ties, found.unclicked) == (1, 1, 1, 2)


def test_nothing_prefers_nothing():
    assert credit([]).preferences.tolist() == []
