import pytest

from serving.sockets import MIB


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"image_id": "\\ud800"}', b"[" * 100_000, b"nul"])
def test_what_is_not_json_is_malformed(client, problem, content):
    response = client.post("/v1/search", content=content, headers={"content-type": "application/json"})
    problem(response, 400, "malformed-request")


def test_bodies_are_not_repeated_in_problems(client, problem):
    secret = "do-not-repeat-" * 20
    response = client.post("/v1/search", json={"image_id": {"deep": secret}, "limit": secret})
    problem(response, 422, "invalid-request")
    assert "do-not-repeat" not in response.text


def test_a_json_body_may_not_be_as_large_as_a_picture(client, problem):
    body = b'{"image_id": "' + b"x" * (2 * MIB) + b'"}'
    for url in ("/v1/search", "/v1/events"):
        response = client.post(url, content=body, headers={"content-type": "application/json"})
        problem(response, 413, "body-too-large")
