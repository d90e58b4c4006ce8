import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import CallerError
from lookalike.tuning import parsed_bytes, parsed_seconds, spoken_bytes, spoken_seconds


@pytest.mark.parametrize(
    ("written", "count"),
    [("2GB", 2e9), ("1.5GiB", 1_610_612_736), ("500 mb", 5e8), ("4096", 4096), (".5k", 500), ("3TB", 3e12)],
)
def test_sizes(written, count):
    assert parsed_bytes(written, name="--memory") == count


@pytest.mark.parametrize(
    ("written", "seconds"), [("1ms", 1e-3), ("500us", 5e-4), ("500µs", 5e-4), ("2 s", 2), ("5min", 300), ("1h", 3600)]
)
def test_times(written, seconds):
    assert parsed_seconds(written, name="--latency") == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written", ["", "GB", "-1GB", "0", "2XB", "1e9", "nan", "inf", "two GB", "1,5GB", "1GB 2", "0.1b"]
)
def test_what_is_no_size_is_refused_with_examples(written):
    with pytest.raises(CallerError, match="--memory .*500MB, 2GB"):
        parsed_bytes(written, name="--memory")


@pytest.mark.parametrize("written", ["", "1", "0ms", "-1ms", "1 parsec", "ms", "nan s", "1GB"])
def test_what_is_no_time_is_refused_with_examples(written):
    with pytest.raises(CallerError, match="--latency .*1ms"):
        parsed_seconds(written, name="--latency")


@given(st.integers(1, 10**15))
def test_a_spoken_size_is_the_size(count):
    assert parsed_bytes(spoken_bytes(count).replace(",", ""), name="it") == pytest.approx(count, rel=0.01)


@given(st.floats(1e-7, 1e3))
def test_a_spoken_time_is_the_time(seconds):
    assert parsed_seconds(spoken_seconds(seconds).replace(",", ""), name="it") == pytest.approx(seconds, rel=0.06)
