import time

import pytest

from lookalike.serving import Services
from serving.asking import TOKEN
from serving.rivals import parts_with_a_rival


@pytest.fixture
def shop(tmp_path):
    """A library of six pictures, with another model beside the one that answers."""
    with parts_with_a_rival(tmp_path, pictures=6) as parts:
        yield parts


def wait_until_it_runs(client):
    for _ in range(600):
        found = client.get("/v1/experiments").json()
        if found["preparing"] is None:
            return found
        time.sleep(0.05)
    pytest.fail("it was never started")


def test_an_experiment_is_started_read_and_stopped(client_of, shop, problem):
    client = client_of(Services.of(shop))
    assert client.get("/v1/experiments").json()["models"] == ["rival"]
    answer = client.post("/v1/experiments", json={"name": "try", "challenger": "rival", "kind": "split", "share": 0.5})
    assert answer.status_code == 202
    found = wait_until_it_runs(client)
    assert (found["running"], found["fault"]) == ("try", None)
    fingerprint = shop.open_model("rival").fingerprint
    assert sum(len(block.image_ids) for block in shop.catalog.vectors.blocks(fingerprint)) == 6
    problem(client.post("/v1/experiments", json={"name": "other", "kind": "swap"}), 400, "bad-request")
    findings = client.get("/v1/experiments/try").json()
    assert (findings["experiment"]["share"], findings["decision"], findings["queries"]) == (0.5, "running", 0)
    assert findings["guards"][0]["difference"]["low"] is None
    stopped = client.post("/v1/experiments/try/stop", json={"reason": "enough"}).json()
    assert stopped["reason"] == "enough"
    assert stopped["stopped_at"] is not None
    problem(client.post("/v1/experiments/try/stop", json={}), 400, "bad-request")
    problem(client.get("/v1/experiments/nothing"), 400, "bad-request")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a/b"},
        {"challenger": ""},
        {"kind": "swap"},
        {"kind": "guess"},
        {"share": 0},
        {"confidence": 1},
        {"least_effect": 0},
    ],
)
def test_nonsense_is_refused(client, problem, wrong):
    problem(client.post("/v1/experiments", json={"name": "try", "challenger": "rival"} | wrong), 422, "invalid-request")


def test_a_server_without_models_says_how_to_start_one(client, images, problem):
    answer = client.post("/v1/experiments", json={"name": "try", "kind": "swap"})
    problem(answer, 400, "bad-request")
    assert "lookalike experiment start" in answer.json()["detail"]


def test_the_owners_token_is_needed(guarded, problem):
    problem(guarded.get("/v1/experiments"), 401, "unauthorized")
    problem(guarded.post("/v1/experiments", json={"name": "try", "kind": "swap"}), 401, "unauthorized")
    problem(guarded.post("/v1/experiments/try/stop", json={}), 401, "unauthorized")
    assert guarded.get("/v1/experiments", headers=TOKEN).json()["experiments"] == []
