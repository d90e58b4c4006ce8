"""Days, weeks and months in a time zone; a day is from midnight to midnight: 23 or 25 hours where clocks change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_MINUTE = 60_000_000  # microseconds
_DAY = 1440 * _MINUTE
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONDAY = 3  # 1970-01-01 was a Thursday: so many days after the Monday before it


def microseconds(at: datetime) -> int:
    """Whole microseconds since 1970 UTC."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def local_days(at: Integers, zone: ZoneInfo) -> Integers:
    """The day of each moment in a time zone.

    Args:
        at: [moments], microseconds since 1970 UTC.
        zone: whose midnight it is. Clocks change at whole minutes, so each minute is looked up once.

    Returns:
        [moments], days since 1970-01-01.
    """
    minutes, place = np.unique(np.floor_divide(at, _MINUTE), return_inverse=True)
    offsets = [_offset(int(minute), zone) for minute in minutes]
    days: Integers = np.floor_divide(at + np.asarray(offsets, dtype=np.int64)[place], _DAY)
    return days


def _offset(minute: int, zone: ZoneInfo) -> int:
    """Microseconds that clocks there are ahead of UTC."""
    ahead = (_EPOCH + timedelta(minutes=minute)).astimezone(zone).utcoffset() or timedelta()
    return ahead // timedelta(microseconds=1)


def weeks_of(days: Integers) -> Integers:
    """Weeks since that of 1970-01-01; they begin on Monday, as in ISO 8601."""
    return np.floor_divide(days + _MONDAY, 7)


def months_of(days: Integers) -> Integers:
    """Calendar months since January 1970."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def date_of(day: int) -> date:
    """The date that is so many days after 1970-01-01."""
    return date(1970, 1, 1) + timedelta(days=day)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins there."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)
