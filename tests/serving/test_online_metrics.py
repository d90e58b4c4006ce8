from datetime import UTC, datetime

import pytest

from feedback.fixed_log import DAYS, EVENTS, SEARCHES

PERIOD = {"since": "2026-10-24", "until": "2026-11-01", "time_zone": "Europe/Berlin"}


@pytest.fixture
def logged(library):
    library.catalog.queries.write(SEARCHES)
    library.catalog.interactions.write(EVENTS)


def test_the_metrics_of_a_stored_log(client, logged):
    found = client.get("/v1/metrics/online", params=PERIOD).json()
    assert (found["ctr"]["count"], found["ctr"]["of"], found["ctr"]["value"]) == (3, 6, 0.5)
    days = [(one["day"], one["shown"], one["clicks"], one["seconds"], one["people"]) for one in found["by_day"]]
    assert days == DAYS
    assert found["time_zone"] == "Europe/Berlin"
    assert client.get("/v1/metrics/online", params=PERIOD | {"simulated": "true"}).json()["simulated"] is True


def test_without_days_it_is_the_last_four_weeks(client):
    found = client.get("/v1/metrics/online").json()
    assert len(found["by_day"]) == 28
    assert abs((datetime.fromisoformat(found["last"]).date() - datetime.now(UTC).date()).days) <= 1
    assert found["ctr"]["value"] is None


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"since": "yesterday"}, 422, "invalid-request"),
        ({"until": "0001-01-01"}, 400, "bad-request"),
        ({"until": "9999-12-31"}, 400, "bad-request"),
        ({"since": "2026-02-02", "until": "2026-02-01"}, 400, "bad-request"),
        ({"time_zone": "Mars/Base"}, 400, "bad-request"),
        ({"simulated": "perhaps"}, 422, "invalid-request"),
        ({"zone": "UTC"}, 422, "invalid-request"),
    ],
)
def test_days_and_zones_are_checked(client, problem, wrong, status, code):
    problem(client.get("/v1/metrics/online", params=wrong), status, code)


def test_they_are_for_owners(guarded, problem):
    problem(guarded.get("/v1/metrics/online"), 401, "unauthorized")
    with_token = guarded.get("/v1/metrics/online", headers={"authorization": "Bearer correct horse"})
    assert with_token.status_code == 200
    problem(guarded.delete("/v1/people/ann/events"), 401, "unauthorized")
