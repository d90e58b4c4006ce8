import pytest

from pictures import jpeg_bytes, photo

SMALL = jpeg_bytes(photo(seed=3))


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("/v1/images?limt=3", "limit"),
        ("/v1/images?Tag=shoe", "tag"),
        ("/v1/images?q=shoe", "known are cursor, limit, tag, visibility"),
        ("/v1/images/" + "0" * 32 + "?size=3", "takes none"),
        ("/v1/images/" + "0" * 32 + "/content?sise=3", "size"),
    ],
)
def test_unknown_parameters_are_refused_with_the_near_one(client, problem, url, near):
    assert near in problem(client.get(url), 422, "invalid-request").detail


def test_unknown_parameters_of_searches_are_refused(client, problem):
    told = problem(
        client.post("/v1/search?limt=3", content=SMALL, headers={"content-type": "image/jpeg"}), 422, "invalid-request"
    )
    assert "did you mean limit?" in told.detail


def test_pages_and_probes_may_carry_any_parameter(client):
    for url in ("/?utm_source=mail", "/page/app.js?v=2", "/healthz?t=1", "/metrics?t=1"):
        assert client.get(url).status_code == 200
