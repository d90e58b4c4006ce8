"""`lookalike metrics`."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Annotated

import typer

from lookalike.cli.output import (
    JsonOption,
    LibraryOption,
    console,
    faults_are_told,
    plain_table,
    print_json,
    printable,
    settings_for,
)
from lookalike.errors import CallerError
from lookalike.feedback.online_metrics import Group, OnlineMetrics, TimeSpent
from lookalike.feedback.shares import Share
from lookalike.library.metrics import MetricsRequest, library_metrics
from lookalike.library.opening import open_library

_GROUPS = {
    "by_position": "position",
    "by_query_kind": "searched by",
    "by_generation": "generation",
    "by_arm": "arm",
    "by_tag": "tag",
}


def metrics(
    *,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DATE", help="First day (default: that of the first event).")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="Last day, inclusive (default: today).")
    ] = None,
    time_zone: Annotated[
        str, typer.Option("--time-zone", metavar="ZONE", help="Days begin at midnight there, as in Europe/Berlin.")
    ] = "UTC",
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Events of simulated users, instead of those of people.")
    ] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what people saw and did: click-through rate, time spent on suggested images, searches without a click.

    Clicks on the query image itself and events of programs (more than 30 clicks within a minute) do not count.
    Intervals are 95 %, by bootstrap over people.
    """
    with faults_are_told(as_json=as_json), open_library(settings_for(library)) as opened:
        request = MetricsRequest(
            since=_date("--since", since),
            until=_date("--until", until),
            time_zone=time_zone,
            simulated=simulated,
        )
        found = library_metrics(opened.catalog, request)
        if as_json:
            print_json(asdict(found))
        else:
            _print(found)


def _date(option: str, text: str | None) -> date | None:
    """A day.

    Raises:
        CallerError: it is none.
    """
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise CallerError(f"{option} {text}: give a day such as 2026-11-30") from None


def _print(found: OnlineMetrics) -> None:
    whose = "SIMULATED: no person did any of this" if found.simulated else f"{found.people:,} people"
    console.print(f"[bold]{found.first} to {found.last}[/], days of {found.time_zone}; {whose}")
    console.print(f"click-through rate  {_share(found.ctr)} of the suggested images that were shown")
    for one in found.time_spent:
        console.print(_time(one))
    console.print(f"without a result    {_share(found.zero_results)} of the searches")
    console.print(f"abandoned           {_share(found.abandoned)} of the searches of which hits were shown")
    console.print(f"saved / not similar {found.saves:,} / {found.not_similar:,}")
    for dimension, heading in _GROUPS.items():
        _print_groups(heading, getattr(found, dimension))
    left = found.left_out
    console.print(
        f"left out: {left.bots:,} events of programs, {left.query_itself:,} on the query image itself,"
        f" {left.unknown_query:,} of searches that are no longer stored,"
        f" {left.other_origin:,} {'of people' if found.simulated else 'simulated'}"
    )


def _time(one: TimeSpent) -> str:
    per_person = "" if one.per_person.value is None else f"; {one.per_person.value:,.1f} s per active person"
    interval = _interval(one.per_person, "{:,.1f}")
    average = f"{one.seconds_per_period:,.1f} s on average"
    return f"time each {one.unit:<9} {average} over {one.periods:,} {one.unit}s{per_person}{interval}"


def _share(share: Share) -> str:
    if share.value is None:
        return "-"
    return f"{share.value:.2%}{_interval(share, '{:.2%}')} ({share.count:,.0f} of {share.of:,.0f})"


def _interval(share: Share, form: str) -> str:
    if share.low is None or share.high is None:
        return ""
    return f" [{form.format(share.low)} to {form.format(share.high)}]"


def _print_groups(heading: str, groups: Sequence[Group]) -> None:
    if not groups:
        return
    table = plain_table(heading, "shown", "clicked", "CTR", "95 % interval", "seconds")
    for group in groups:
        ctr = "" if group.ctr.value is None else f"{group.ctr.value:.2%}"
        interval = _interval(group.ctr, "{:.2%}").strip(" []")
        counts = (f"{group.ctr.of:,.0f}", f"{group.ctr.count:,.0f}")
        table.add_row(printable(group.name), *counts, ctr, interval, f"{group.seconds:,.1f}")
    console.print_table(table)
