"""Requests that go past the framework are answered as it would answer them."""

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from lookalike.serving.direct import DirectAnswers, DirectRoute
from pictures import jpeg_bytes, photo


class Mistaken(ValueError):
    """Has no handler of its own, but its base class has."""


async def answer(request: Request):
    """As its body says."""
    match await request.body():
        case b"mistake":
            raise Mistaken
        case b"fault":
            raise LookupError
        case body:
            return Response(body)


async def told(_request, fault):
    return Response(type(fault).__name__, status_code=400)


def app_of(*, direct):
    app = FastAPI()
    kind = DirectRoute if direct else None
    app.router.add_api_route("/echo", answer, methods=["POST"], route_class_override=kind)
    app.add_exception_handler(ValueError, told)
    app.add_middleware(DirectAnswers, of=app)
    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/echo", b"as it came"),
        ("POST", "/echo", b"mistake"),
        ("POST", "/echo", b"fault"),
        ("GET", "/echo", b""),
        ("POST", "/echo/", b""),
        ("POST", "/other", b""),
    ],
)
def test_the_answer_is_the_frameworks(method, path, body):
    answers = [app_of(direct=direct).request(method, path, content=body) for direct in (True, False)]
    assert len({(one.status_code, one.content, one.headers.get("allow")) for one in answers}) == 1


def test_a_search_is_counted_by_its_route(client, images):
    client.post("/v1/search", files={"image": jpeg_bytes(photo(seed=1))})
    assert (
        'lookalike_http_requests_total{method="POST",route="/v1/search",status="200"} 1.0'
        in client.get("/metrics").text
    )


def test_a_search_takes_no_unknown_parameter(client, problem):
    told = problem(client.post("/v1/search?limmit=3", json={"image_id": "0" * 32}), 422, "invalid-request")
    assert "limmit" in told.detail
