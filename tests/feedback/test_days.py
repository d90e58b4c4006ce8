from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lookalike.feedback.days import date_of, local_days, microseconds, midnight, months_of, weeks_of

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"]
BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(1990, 1, 1, tzinfo=UTC)


MOMENTS = st.integers(0, 70 * 365 * 86_400).map(lambda second: START + timedelta(seconds=second))


@given(
    st.lists(MOMENTS, min_size=1, max_size=30),
    st.sampled_from(ZONES).map(ZoneInfo),
)
def test_days_are_those_of_the_calendar_there(moments, zone):
    days = local_days(np.asarray([microseconds(at) for at in moments], dtype=np.int64), zone)
    there = [at.astimezone(zone).date() for at in moments]
    assert [date_of(int(day)) for day in days] == there
    weeks, months = weeks_of(days).tolist(), months_of(days).tolist()
    for one, week, month in zip(there, weeks, months, strict=True):
        for other, other_week, other_month in zip(there, weeks, months, strict=True):
            assert (week == other_week) == (one.isocalendar()[:2] == other.isocalendar()[:2])
            assert (month == other_month) == ((one.year, one.month) == (other.year, other.month))


def test_days_on_which_clocks_change_have_23_and_25_hours():
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 10, 26), 24)):
        begin, end = midnight(day, BERLIN), midnight(day + timedelta(days=1), BERLIN)
        assert end.astimezone(UTC) - begin.astimezone(UTC) == timedelta(hours=hours)
        edges = np.asarray([microseconds(begin), microseconds(end) - 1, microseconds(end)])
        assert [date_of(int(one)) for one in local_days(edges, BERLIN)] == [day, day, day + timedelta(days=1)]


def test_nothing_has_no_days():
    assert len(local_days(np.empty(0, dtype=np.int64), BERLIN)) == 0
