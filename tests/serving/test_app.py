from serving.asking import address


def test_head_has_the_headers_and_no_body(client, images):
    for url in (address(images[0]), address(images[0], 128), f"/v1/images/{images[0]}", "/v1/images", "/healthz"):
        whole, head = client.get(url), client.request("HEAD", url)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-type", "content-length", "etag"):
            assert head.headers.get(name) == whole.headers.get(name)
    assert client.request("HEAD", address("0" * 32)).status_code == 404


def test_lists_are_sent_packed_to_whoever_takes_that(client, images):
    packed = client.get("/v1/images", headers={"accept-encoding": "gzip"})
    plain = client.get("/v1/images", headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
