import pytest


@pytest.mark.parametrize("changes", [{"workers": 0}, {"max_waiting": -1}, {"admin_token": ""}])
def test_settings_that_make_no_sense_are_refused(library, changes):
    with pytest.raises(ValueError, match="must"):
        library.settings(**changes)


def test_the_token_is_not_in_messages(library):
    assert "correct horse" not in repr(library.settings(admin_token="correct horse"))
