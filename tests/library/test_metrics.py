"""The use case over a real catalog; `tests/feedback/test_online_metrics.py` checks every number."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from feedback.fixed_log import DAYS, EVENTS, SEARCHES, TIME_SPENT, A, B, D
from lookalike.catalog import (
    Arm,
    Assignment,
    Catalog,
    Experiment,
    ExperimentKind,
    ImageAddition,
    SourceFile,
    sqlite_url,
)
from lookalike.errors import CallerError
from lookalike.library.metrics import MetricsRequest, library_metrics
from lookalike.types import Visibility

BERLIN = MetricsRequest(since=date(2026, 10, 24), until=date(2026, 11, 1), time_zone="Europe/Berlin")


@pytest.fixture
def catalog(tmp_path):
    with Catalog.open(sqlite_url(tmp_path / "catalog.sqlite"), originals=tmp_path / "originals") as opened:
        opened.queries.write(SEARCHES)
        opened.interactions.write(EVENTS)
        yield opened


def addition(image_id, tag, visibility):
    return ImageAddition(
        content_id=image_id, width=4, height=3, mean_colour="#000000", media_type="image/png", byte_count=1,
        source=SourceFile(path=f"/photos/{image_id}", byte_count=1, modified_ns=1), tags=(tag,), visibility=visibility,
    )  # fmt: skip


def test_a_stored_log_gives_the_numbers_that_were_worked_out_by_hand(catalog):
    found = library_metrics(catalog, BERLIN)
    assert (found.ctr.count, found.ctr.of, found.searches, found.time_zone) == (3, 6, 5, "Europe/Berlin")
    assert [(one.day, one.shown, one.clicks, one.seconds, one.people) for one in found.by_day] == DAYS
    assert [one.per_person.value for one in found.time_spent] == [one[-1] for one in TIME_SPENT]


def test_days_outside_the_period_do_not_count(catalog):
    found = library_metrics(catalog, MetricsRequest(since=date(2026, 10, 25), until=date(2026, 10, 25)))
    assert [(one.day, one.shown, one.clicks) for one in found.by_day] == [("2026-10-25", 2, 1)]
    assert found.searches == 1


def test_the_period_begins_with_the_first_event_and_ends_today(catalog):
    found = library_metrics(catalog, MetricsRequest(time_zone="Europe/Berlin"))
    assert found.first == "2026-10-24"
    assert abs(date.fromisoformat(found.last) - datetime.now(UTC).date()) <= timedelta(days=1)
    assert found.ctr.of == 6


def test_images_that_are_not_public_count_and_are_not_named_nor_are_their_tags(catalog):
    catalog.images.add(
        [
            addition(A, "shoe", Visibility.PUBLIC),
            addition(B, "secret", Visibility.PRIVATE),
            addition(D, "gone", Visibility.PUBLIC),
        ]
    )
    catalog.images.delete(D)
    found = library_metrics(catalog, BERLIN)
    assert [group.name for group in found.by_tag] == ["shoe"]
    assert found.ctr.of == 6
    told = repr(found)
    assert all(name not in told for name in ("secret", "gone", A, B, D, "ann", "browser-of-bob"))


def test_an_empty_library_has_no_numbers(tmp_path):
    with Catalog.open(sqlite_url(tmp_path / "catalog.sqlite"), originals=tmp_path) as empty:
        found = library_metrics(empty, MetricsRequest())
    assert found.first == found.last
    assert (found.ctr.value, found.searches, len(found.by_day)) == (None, 0, 1)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (MetricsRequest(time_zone="Mars/Base"), "time zone 'Mars/Base'"),
        (MetricsRequest(time_zone="../etc/passwd"), "time zone"),
        (MetricsRequest(since=date(2026, 2, 2), until=date(2026, 2, 1)), "not after the last one"),
        (MetricsRequest(since=date(1999, 1, 1), until=date(2026, 2, 1)), "from 2000 on"),
        (MetricsRequest(since=date(2001, 1, 1), until=date(2026, 2, 1)), "choose a shorter period"),
    ],
)
def test_periods_that_make_no_sense_are_refused(catalog, request_, words):
    with pytest.raises(CallerError, match=words):
        library_metrics(catalog, request_)


def test_searches_of_an_experiment_are_counted_by_arm(catalog):
    usual = Experiment(
        name="try",
        kind=ExperimentKind.SPLIT,
        challenger="b",
        control="a",
        share=1.0,
        seed="s",
        started_at=SEARCHES[0].at,
    )
    for one in (usual, replace(usual, name="later", started_at=usual.started_at + timedelta(days=30))):
        catalog.experiments.start(one)
        catalog.experiments.stop(one.name, reason="done", at=one.started_at + timedelta(days=9))
    arms = (("q1", "try", Arm.CONTROL), ("q2", "try", Arm.TREATMENT), ("q3", "later", Arm.CONTROL))
    catalog.experiments.assign([Assignment(query_id=q, experiment=name, arm=arm) for q, name, arm in arms])
    found = library_metrics(catalog, BERLIN)
    by_arm = {one.name: (one.ctr.count, one.ctr.of, one.seconds) for one in found.by_arm}
    assert by_arm == {"try: control": (1, 2, 60.0), "try: treatment": (1, 2, 30.0)}
