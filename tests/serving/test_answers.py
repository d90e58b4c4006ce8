from serving.asking import address


def test_a_browser_that_has_it_is_told_so(client, images):
    for url in (address(images[0]), address(images[0], 64)):
        first = client.get(url)
        etag = first.headers["etag"]
        for value in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            again = client.get(url, headers={"if-none-match": value})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == etag
        assert client.get(url, headers={"if-none-match": '"other"'}).status_code == 200
    assert client.get(address(images[0])).headers["etag"] != client.get(address(images[0], 64)).headers["etag"]


def test_a_browser_that_has_a_hidden_image_is_not_told_to_keep_it(client, images, problem):
    url = address(images[0], 64)
    etag = client.get(url).headers["etag"]
    client.patch(f"/v1/images/{images[0]}", json={"visibility": "blocked"})
    problem(client.get(url, headers={"if-none-match": etag}), 404, "unknown-image")
