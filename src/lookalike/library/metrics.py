"""The online metrics of a library: what people saw and did, in days of a stated time zone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from lookalike.catalog import Catalog, EventFilter
from lookalike.errors import CallerError
from lookalike.feedback.days import midnight
from lookalike.feedback.event_table import event_table
from lookalike.feedback.online_metrics import About, OnlineMetrics, Period, online_metrics
from lookalike.library.events import zone_of
from lookalike.types import Visibility

_MOST_DAYS = 3_660
_EARLIEST, _LATEST = date(2000, 1, 1), date(9000, 1, 1)


@dataclass(frozen=True, kw_only=True)
class MetricsRequest:
    """Which days, and whose events.

    Attributes:
        since: the first day; None for that of the first event.
        until: the last day, which is part of the period; None for today.
        time_zone: in which days begin at midnight.
        simulated: the events of simulated users instead of those of people.
    """

    since: date | None = None
    until: date | None = None
    time_zone: str = "UTC"
    simulated: bool = False


def library_metrics(catalog: Catalog, request: MetricsRequest) -> OnlineMetrics:
    """The online metrics of a period.

    Images that are not public count, but are never named, nor are their tags.

    Raises:
        CallerError: the time zone is not known, or the days make no sense.
    """
    period = _period(catalog, request, zone_of(request.time_zone))
    begin, end = midnight(period.first, period.zone), midnight(period.last + timedelta(days=1), period.zone)
    asked = list(catalog.queries.asked(until=end))  # events may be of searches from before the period
    table = event_table(
        catalog.interactions.log(EventFilter(since=begin, until=end)), asked, simulated=request.simulated
    )
    images = catalog.images.get_many(sorted(table.images))
    tags = {image.id: image.tags for image in images.values() if image.visibility is Visibility.PUBLIC}
    return online_metrics(
        table,
        (query for query in asked if query.at >= begin),
        period,
        about=About(tags=tags, arms=catalog.experiments.arms(since=begin, until=end)),
        simulated=request.simulated,
    )


def _period(catalog: Catalog, request: MetricsRequest, zone: ZoneInfo) -> Period:
    """The days that were asked for.

    Raises:
        CallerError: the first comes after the last, or there are more than ten years of them.
    """
    last = request.until or datetime.now(UTC).astimezone(zone).date()
    first = request.since or min(_first_day(catalog, zone) or last, last)
    if not _EARLIEST <= first <= last <= _LATEST:
        raise CallerError(
            f"since {first} to until {last}: give days from 2000 on, the first one not after the last one"
        )
    if (last - first).days >= _MOST_DAYS:
        raise CallerError(f"since {first} until {last}: more than {_MOST_DAYS:,} days; choose a shorter period")
    return Period(first=first, last=last, zone=zone)


def _first_day(catalog: Catalog, zone: ZoneInfo) -> date | None:
    """Of the first event."""
    extent = catalog.interactions.extent()
    return None if extent is None else extent[0].astimezone(zone).date()
