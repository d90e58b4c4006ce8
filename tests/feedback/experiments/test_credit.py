from lookalike.feedback.experiments import credit, satisfied_clicks


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


def test_clicks_that_people_turned_away_from_are_no_satisfied_clicks():
    clicked = [(1, 3), (2,), ()]
    assert satisfied_clicks(clicked, [{1: 1.5, 3: 9.0}, {2: 20.0}, {}]) == [[3], [2], []]
    assert satisfied_clicks(clicked, [{3: 9.0}, {2: 20.0}, {}]) == [[3], [2], []]


def test_all_clicks_count_where_nobody_recorded_how_long_people_looked():
    clicked = [(1, 3), (2,), ()]
    assert satisfied_clicks(clicked, [{1: 1.5}, {}, {}]) == clicked
    assert satisfied_clicks([], []) == []
