from lookalike.serving.copies import ChosenGroup, DuplicatesChange, copies_to_change

COPIES = {"a": {"b", "c"}, "b": {"a"}, "c": {"a"}, "x": {"y"}, "y": {"x"}}


def changed(*groups, public="abcxyz"):
    chosen = tuple(ChosenGroup(keep=group[0], copies=tuple(group[1:])) for group in groups)
    answer = copies_to_change(DuplicatesChange(action="hide", groups=chosen), set(public), COPIES)
    return "".join(answer.changed), "".join(answer.skipped)


def test_copies_of_the_image_that_stays_are_changed():
    assert changed("abc", "yx") == ("bcx", "")


def test_copies_of_one_image_may_stay_for_each_other():
    assert changed("bac") == ("ac", "")


def test_what_was_not_found_to_be_a_copy_stays():
    assert changed("axz") == ("", "xz")


def test_what_is_not_public_neither_goes_nor_makes_others_go():
    assert changed("abc", public="ac") == ("c", "b")
    assert changed("abc", public="bc") == ("", "bc")


def test_an_image_that_stays_in_one_group_goes_in_none():
    assert changed("ab", "ba") == ("", "ba")
