"""Whatever comes, the answer is below 500 and, from 400 on, a problem."""

import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pictures import jpeg_bytes, photo

PICTURE = jpeg_bytes(photo(seed=0))
THOROUGH = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
searches = st.fixed_dictionaries(
    {},
    optional={
        "image_id": values | st.just("0" * 32),
        "cursor": values,
        "limit": values | st.integers(-1, 300),
        "include_self": values,
        "crop": values
        | st.fixed_dictionaries({side: values | st.floats(0, 1) for side in ("x", "y", "width", "height")}),
    },
)
events = st.fixed_dictionaries(
    {"events": values | st.lists(st.fixed_dictionaries(
        {"event_id": st.text(max_size=5) | values, "query_id": values | st.just("q"), "image_id": values | st.just("i"),
         "position": values | st.integers(0, 3), "kind": values | st.sampled_from(["click", "dwell"])},
        optional={"at": values | st.datetimes().map(str), "dwell_seconds": values | st.floats(), "user_id": values},
    ), max_size=5)},
)  # fmt: skip
changes = st.fixed_dictionaries(
    {}, optional={"tags": values | st.lists(st.text(max_size=5)), "visibility": values, "owner_id": values}
)


def check(response):
    assert response.status_code < 500, response.text
    refused = response.status_code >= 400
    told = response.headers.get("content-type") == "application/problem+json" and response.json()
    assert not refused or told["status"] == response.status_code, response.text


def as_json(value):
    return json.dumps(value).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    ("method", "url", "bodies"),
    [
        ("POST", "/v1/search", searches),
        ("POST", "/v1/events", events),
        ("PATCH", "/v1/images/{id}", changes),
        ("POST", "/v1/search", values),
        ("POST", "/v1/events", values),
        ("PATCH", "/v1/images/{id}", values),
    ],
)
def test_json(client, images, method, url, bodies):
    address = url.replace("{id}", images[0])

    @THOROUGH
    @given(bodies)
    def holds(body):
        headers = {"content-type": "application/json"}
        check(client.request(method, address, content=as_json(body), headers=headers))

    holds()


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b", "text/plain", "image/png"])
@pytest.mark.parametrize("url", ["/v1/search", "/v1/images", "/v1/events"])
def test_bytes(client, images, kind, url):
    @settings(THOROUGH, max_examples=40)
    @given(st.binary(max_size=300))
    def holds(body):
        check(client.post(url, content=body, headers={"content-type": kind}))

    holds()


def test_content_types(client, images):
    @THOROUGH
    @given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80), st.binary(max_size=50))
    def holds(kind, body):
        for given_kind in (kind, "multipart/form-data;" + kind, "application/json;" + kind):
            check(client.post("/v1/search", content=body, headers={"content-type": given_kind}))

    holds()


part_headers = st.lists(
    st.sampled_from(
        [
            b'Content-Disposition: form-data; name="image"; filename="a.jpg"',
            b'Content-Disposition: form-data; name="image"',
            b'Content-Disposition: form-data; name="crop"',
            b"Content-Disposition: form-data; name=\"limit\"; filename*=UTF-8''x",
            b"Content-Disposition: form-data",
            b"Content-Disposition:",
            b'Content-Disposition: form-data; name="\xff\xfe"; filename="\xe9\x00"',
            b"Content-Type: image/jpeg",
            b"Content-Type: text/plain; charset=utf-16",
            b"Content-Transfer-Encoding: base64",
            b"no colon here",
            b": empty",
            b"X: " + b"y" * 9000,
        ]
    ),
    max_size=4,
)
parts = st.tuples(
    part_headers, st.sampled_from([PICTURE, b"", b"0,0,1,1", b"5", b"\r\n--b", b"\xff\xff"]) | st.binary(max_size=40)
)
ends = st.sampled_from([b"--b--\r\n", b"--b--", b"", b"--b", b"--b\r\n", b"--c--\r\n"])


@pytest.mark.parametrize("url", ["/v1/search", "/v1/images"])
def test_forms(client, images, url):
    @THOROUGH
    @given(
        st.lists(parts, max_size=4),
        ends,
        st.sampled_from([b"\r\n", b"\n", b""]),
        st.sampled_from(["b", '"b"', "", "c", "b" * 300]),
    )
    def holds(pieces, end, newline, boundary):
        body = b""
        for headers, content in pieces:
            body += b"--b" + newline + newline.join(headers) + newline * 2 + content + newline
        kind = "multipart/form-data" + (f"; boundary={boundary}" if boundary else "")
        check(client.post(url, content=body + end, headers={"content-type": kind}))

    holds()


def test_damaged_pictures(client, images):
    @THOROUGH
    @given(st.data())
    def holds(data):
        content = bytearray(PICTURE[: data.draw(st.integers(0, len(PICTURE)))])
        for _ in range(data.draw(st.integers(0, 8))):
            if content:
                content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        check(
            client.search(bytes(content), crop=data.draw(st.sampled_from(["0,0,1,1", "1,1,50,50", "0.2,0.2,0.1,0.1"])))
        )

    holds()


def test_addresses(client, images):
    @THOROUGH
    @given(
        st.sampled_from(["GET", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "PUT"]),
        st.sampled_from(["/", "/v1/images/", "/v1/images/" + "0" * 32 + "/content", "/v1/images", "/page/", "/v1/"]),
        st.text(max_size=30),
        st.dictionaries(st.sampled_from(["limit", "cursor", "tag", "size", "visibility", "x"]), st.text(max_size=30)),
    )
    def holds(method, start, rest, parameters):
        url = start + (quote(rest, errors="surrogatepass") if not start.endswith("content") else "")
        response = client.request(method, url, params=parameters)
        if method != "HEAD":
            check(response)
        assert response.status_code < 500

    holds()


def test_headers(client, images):
    names = st.sampled_from(
        ["host", "origin", "authorization", "if-none-match", "sec-fetch-site", "accept", "range", "x-forwarded-for"]
    )

    @THOROUGH
    @given(
        st.dictionaries(
            names, st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)
        )
    )
    def holds(headers):
        encoded = {name: value.encode("latin-1") for name, value in headers.items()}
        for method, url in (
            ("GET", f"/v1/images/{images[0]}/content?size=64"),
            ("POST", "/v1/events"),
            ("DELETE", "/v1/images/x"),
        ):
            check(client.request(method, url, headers=encoded))

    holds()
