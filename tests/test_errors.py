import pickle

import pytest

from lookalike import errors


def raised_on_purpose():
    return [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.LookalikeError)]


@pytest.mark.parametrize("kind", raised_on_purpose(), ids=lambda kind: kind.__name__)
def test_errors_come_back_from_another_process(kind):
    given = ("a.jpg", "empty", "has no bytes") if kind is errors.ImageRefused else ("what is wrong",)
    error = kind(*given)
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(back), str(back), vars(back)) == (kind, str(error), vars(error))
