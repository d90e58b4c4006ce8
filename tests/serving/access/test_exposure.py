import pytest

from lookalike.errors import CallerError
from lookalike.serving.access import is_local, require_guarded

ELSEWHERE = ["0.0.0.0", "::", "192.168.1.4", "photos.example.com", "", "[::]", "::ffff:10.0.0.1"]  # noqa: S104


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST", "unix:/run/a"])
def test_this_machine_alone_needs_no_key(host):
    assert is_local(host)
    require_guarded(host, has_keys=False, is_open=False)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_elsewhere_a_key_or_open_is_needed(host):
    assert not is_local(host)
    with pytest.raises(CallerError, match="keys create"):
        require_guarded(host, has_keys=False, is_open=False)
    require_guarded(host, has_keys=True, is_open=False)
    require_guarded(host, has_keys=False, is_open=True)
