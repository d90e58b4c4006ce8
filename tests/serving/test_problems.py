import json

import pytest

from lookalike import errors
from lookalike.serving import wire
from lookalike.serving.problems import KINDS, problem_of
from pictures import jpeg_bytes, photo


def everything_under(kind):
    yield kind
    for below in kind.__subclasses__():
        yield from everything_under(below)


def made(kind):
    return kind("a.jpg", "truncated", "is cut off") if kind is errors.ImageRefused else kind("what is wrong")


@pytest.mark.parametrize("kind", sorted(everything_under(errors.LookalikeError), key=repr))
def test_each_error_has_its_own_problem_or_is_an_incident(kind):
    told = problem_of(made(kind))
    callers = {
        errors.CallerError, errors.ImageRefused, errors.CropRefused, errors.UnknownImage, errors.CursorRefused,
        errors.EventRefused, errors.UrlRefused, errors.ImageHeld,
    }  # fmt: skip
    ours = kind not in callers and not issubclass(kind, errors.EnvironmentFault)
    assert (told is None) is ours, "of what no request can cause, the mistake is ours"
    if ours:
        return
    assert told.code == kind.code
    assert "what is wrong" in told.detail or "cut off" in told.detail
    expected = 507 if kind is errors.StorageFailed else 503 if issubclass(kind, errors.EnvironmentFault) else None
    assert told.status == expected if expected else 400 <= told.status < 500
    assert ("Retry-After" in told.headers) == (told.status == 503)


def test_a_library_that_another_program_writes_to_is_busy_and_its_place_is_not_told():
    told = problem_of(errors.LibraryBusy("SQLite file /srv/photos/catalog.sqlite: another process holds the lock"))
    assert told.title == "Another program is writing to the library"
    assert told.detail == "another program is writing to the library; try again"
    assert told.headers == {"Retry-After": "1"}


def test_unknown_addresses_are_problems(client, problem):
    for url in ("/nothing", "/v1", "/v1/search/", "/v1/images/", "/docs", "/redoc", "/v2/search", "/%00"):
        response = client.get(url)
        assert response.status_code in (404, 405), url
        assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "url", "allowed"),
    [
        ("GET", "/v1/search", "OPTIONS, POST"),
        ("PUT", "/v1/images", "GET, HEAD, OPTIONS, POST"),
        ("POST", "/v1/images/" + "0" * 32, "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("DELETE", "/", "GET, HEAD, OPTIONS"),
        ("BREW", "/healthz", "GET, HEAD, OPTIONS"),
    ],
)
def test_other_methods_are_told_which_there_are(client, problem, method, url, allowed):
    response = client.request(method, url)
    problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == allowed


def test_options_tells_which_methods_there_are(client, problem):
    response = client.request("OPTIONS", "/v1/events")
    assert (response.status_code, response.headers["allow"]) == (204, "OPTIONS, POST")
    assert "access-control-allow-origin" not in response.headers
    assert client.request("OPTIONS", "/").status_code == 204
    problem(client.request("OPTIONS", "/nothing"), 404, "not-found")


def test_an_unforeseen_failure_is_an_incident_and_the_server_lives_on(client, library, images, problem, caplog):
    library.encoder.fault = ZeroDivisionError("secret of the house")
    response = client.search(jpeg_bytes(photo(seed=1)))
    told = problem(response, 500, "internal")
    assert "secret" not in response.text
    assert told.incident in told.detail
    assert f"incident {told.incident}" in caplog.text
    assert "secret of the house" in caplog.text
    assert "Traceback" in caplog.text
    library.encoder.fault = None
    assert client.search(jpeg_bytes(photo(seed=1))).status_code == 200


def test_mistakes_of_ours_are_incidents_too(client, library, images, problem):
    library.encoder.fault = errors.VectorsRefused("vectors of two models")
    problem(client.search(jpeg_bytes(photo(seed=1))), 500, "internal")


def test_a_full_disk_under_an_upload_in_transit_is_507(client, images, problem, monkeypatch):
    def full(*_arguments, **_keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("starlette.formparsers.SpooledTemporaryFile.write", full)
    form = {"files": {"image": jpeg_bytes(photo(seed=1))}, "data": {"limit": "3"}}
    problem(client.post("/v1/search", **form), 507, "storage-failed")


def test_a_missing_model_says_what_to_do(client, library, images, problem, monkeypatch):
    def missing(*_):
        raise errors.ModelMissing("run `lookalike models pull clip-vit-b16`")

    monkeypatch.setattr(library.engine, "search", missing)
    response = client.search(jpeg_bytes(photo(seed=1)))
    assert "models pull" in problem(response, 503, "model-missing").detail
    assert response.headers["retry-after"]


# -- what the documentation says ---------------------------------------------------------------------------------------


@pytest.fixture
def openapi(client):
    response = client.get("/openapi.json")
    assert response.status_code == 200
    return response.json()


def operations(openapi):
    return [(path, method, operation) for path, item in openapi["paths"].items() for method, operation in item.items()]


def test_the_documentation_lists_every_route_with_summary_and_tag(openapi):
    assert {f"{method.upper()} {path}" for path, method, _ in operations(openapi)} == {
        "POST /v1/search",
        "GET /v1/images",
        "POST /v1/images",
        "GET /v1/images/outline",
        "GET /v1/images/{image_id}",
        "PATCH /v1/images/{image_id}",
        "DELETE /v1/images/{image_id}",
        "GET /v1/images/{image_id}/content",
        "POST /v1/events",
        "DELETE /v1/people/{person}/events",
        "GET /v1/metrics/online",
        "GET /v1/duplicates",
        "POST /v1/duplicates",
        "POST /v1/duplicates/search",
        "GET /v1/collections",
        "GET /v1/collections/{name}",
        "PATCH /v1/collections/{name}",
        "DELETE /v1/collections/{name}",
        "GET /v1/grading",
        "GET /v1/grading/{judgement_set}",
        "POST /v1/grading/{judgement_set}",
        "GET /v1/experiments",
        "POST /v1/experiments",
        "GET /v1/experiments/{name}",
        "POST /v1/experiments/{name}/stop",
        "GET /v1/moderation",
        "POST /v1/moderation",
        "GET /v1/session",
        "POST /v1/session",
        "DELETE /v1/session",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    }
    for _, _, operation in operations(openapi):
        assert operation["summary"]
        assert operation["tags"]


def test_every_documented_problem_is_one_of_ours(openapi):
    refusals = [
        response["content"]["application/problem+json"]
        for path, _, operation in operations(openapi)
        for status, response in operation["responses"].items()
        if status != "default" and int(status) >= 400 and path.startswith("/v1")
    ]
    assert refusals
    for content in refusals:
        assert content["examples"].keys() <= KINDS.keys()
        assert content["schema"] == {"$ref": "#/components/schemas/ProblemDocument"}


def test_every_reference_leads_somewhere(openapi):
    text = json.dumps(openapi)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= openapi["components"]["schemas"].keys()
    assert "$defs" not in text
    assert "HTTPValidationError" not in text


def test_bodies_are_documented_with_examples(openapi):
    search = openapi["paths"]["/v1/search"]["post"]["requestBody"]["content"]
    assert set(search) == {"multipart/form-data", "application/json", "application/octet-stream"}
    assert openapi["components"]["schemas"]["SearchForm"]["properties"]["image"]["format"] == "binary"
    for name in ("SearchRequest", "SearchAnswer", "ImageRecord", "EventBatch", "ImageChange"):
        assert openapi["components"]["schemas"][name]["examples"]


def test_examples_are_true(openapi):
    for name in ("SearchRequest", "SearchAnswer", "ImageRecord", "EventBatch", "ImageChange"):
        for example in openapi["components"]["schemas"][name]["examples"]:
            getattr(wire, name).model_validate_json(json.dumps(example))


def test_nothing_is_loaded_from_other_hosts(client, problem):
    problem(client.get("/docs"), 404, "not-found")
