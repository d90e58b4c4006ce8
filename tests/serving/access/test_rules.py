import pytest

from lookalike.catalog import Scope
from lookalike.serving import create_app
from lookalike.serving.access import required_scope

NEEDED = {
    ("POST", "/v1/search"): Scope.SEARCH,
    ("GET", "/v1/images"): Scope.SEARCH,
    ("GET", "/v1/images/outline"): Scope.SEARCH,
    ("GET", "/v1/images/{image_id}"): Scope.SEARCH,
    ("GET", "/v1/images/{image_id}/content"): Scope.SEARCH,
    ("POST", "/v1/images"): Scope.WRITE,
    ("PATCH", "/v1/images/{image_id}"): Scope.WRITE,
    ("DELETE", "/v1/images/{image_id}"): Scope.WRITE,
    ("GET", "/v1/collections"): Scope.SEARCH,
    ("GET", "/v1/collections/{name}"): Scope.SEARCH,
    ("PATCH", "/v1/collections/{name}"): Scope.WRITE,
    ("DELETE", "/v1/collections/{name}"): Scope.WRITE,
    ("GET", "/v1/duplicates"): Scope.SEARCH,
    ("POST", "/v1/duplicates"): Scope.ADMIN,
    ("POST", "/v1/duplicates/search"): Scope.ADMIN,
    ("GET", "/v1/grading"): Scope.WRITE,
    ("GET", "/v1/grading/{judgement_set}"): Scope.WRITE,
    ("POST", "/v1/grading/{judgement_set}"): Scope.WRITE,
    ("GET", "/v1/moderation"): Scope.ADMIN,
    ("POST", "/v1/moderation"): Scope.ADMIN,
    ("POST", "/v1/events"): Scope.EVENTS,
    ("DELETE", "/v1/people/{person}/events"): Scope.ADMIN,
    ("GET", "/v1/metrics/online"): Scope.ADMIN,
    ("GET", "/v1/experiments"): Scope.ADMIN,
    ("POST", "/v1/experiments"): Scope.ADMIN,
    ("GET", "/v1/experiments/{name}"): Scope.ADMIN,
    ("POST", "/v1/experiments/{name}/stop"): Scope.ADMIN,
    ("GET", "/metrics"): Scope.ADMIN,
    ("GET", "/v1/session"): None,
    ("POST", "/v1/session"): None,
    ("DELETE", "/v1/session"): None,
    ("GET", "/healthz"): None,
    ("GET", "/readyz"): None,
}
"""Whoever adds an address says here, and in `rules.py`, which scope it needs."""


def test_every_address_of_the_api_needs_what_was_decided_for_it(library):
    schema = create_app(library.services, library.settings()).openapi()
    addresses = {(method.upper(), path) for path, methods in schema["paths"].items() for method in methods}
    assert {at: required_scope(*at) for at in addresses} == NEEDED


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/anything"),
        ("GET", "/v1/"),
        ("POST", "/"),
        ("GET", "/v1/searches"),
        ("POST", "/v1/eventsx"),
        ("GET", "/v1/events"),
        ("GET", "/v1/collections/a/b"),
    ],
)
def test_what_is_not_listed_needs_admin(method, path):
    assert required_scope(method, path) is Scope.ADMIN


@pytest.mark.parametrize("path", ["/", "/index.html", "/page/app.js", "/openapi.json", "/favicon.ico"])
def test_the_page_itself_is_shown_to_everybody(path):
    assert required_scope("GET", path) is None
