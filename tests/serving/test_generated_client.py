"""A client made from `/openapi.json` by a generator works without a change."""

import json
import os
import subprocess
from pathlib import Path

import httpx
import pytest

from pictures import jpeg_bytes, photo

PLACE = Path(__file__).parents[2] / ".cache" / "openapi-client" / "bin"
USE = """
import io, json, sys
from made import AuthenticatedClient
from made.api.images import delete_image, get_image, get_image_content, list_images, update_image, upload_image
from made.api.search import search
from made.api.events import send_events
from made.api.operations import check_health, check_readiness, get_metrics
from made.models import (
    CropBox, Event, EventBatch, ImageChange, InteractionKind, ProblemDocument, SearchForm, SearchRequest, ThumbnailSize,
    UploadForm, UploadRequest, Visibility,
)
from made.types import File

client = AuthenticatedClient(base_url=sys.argv[1], token="sesame")
content = open(sys.argv[2], "rb").read()
def file(**named):
    return File(payload=io.BytesIO(content), **named)

image = upload_image.sync(client=client, body=UploadForm(image=file(file_name="Füße.jpg"), tags=["shoe", "left foot"]))
assert (image.source_name, image.tags) == ("Füße.jpg", ["shoe", "left foot"]), image
assert image.visibility is Visibility.PUBLIC
again = upload_image.sync_detailed(client=client, body=UploadForm(image=file()))
assert (again.status_code, again.parsed) == (200, image)
assert upload_image.sync_detailed(client=client, body=file(), tags=["ignored"]).status_code == 200
changed = update_image.sync(image.id, client=client, body=ImageChange(tags=["boot"]))
assert (changed.tags, changed.visibility) == (["boot"], Visibility.PUBLIC)
assert [one.id for one in list_images.sync(client=client, tag="boot").images] == [image.id]
assert get_image.sync(image.id, client=client) == changed

form = search.sync(client=client, body=SearchForm(image=file(file_name="a.jpg"), limit=3, include_self=True))
assert form.hits[0].image == changed and len(form.hits) == 3, form
crop = CropBox(x=0.1, y=0.1, width=0.5, height=0.5)
by_id = search.sync(client=client, body=SearchRequest(image_id=image.id, crop=crop, limit=2))
assert by_id.query.crop == crop and len(by_id.hits) == 2
later = search.sync(client=client, body=SearchRequest(cursor=by_id.next_cursor))
assert later.hits[0].rank == 3
event = Event(event_id="1", query_id=form.query_id, image_id=image.id, position=1, kind=InteractionKind.CLICK)
assert send_events.sync(client=client, body=EventBatch(events=[event])).stored == 1

assert get_image_content.sync(image.id, client=client).payload.read() == content
small = get_image_content.sync_detailed(image.id, client=client, size=ThumbnailSize.VALUE_64)
assert small.headers["content-type"] == "image/jpeg"
missing = get_image.sync("0" * 32, client=client)
assert isinstance(missing, ProblemDocument) and missing.status == 404
refused = search.sync(client=client, body=SearchForm(image=File(payload=io.BytesIO(b"no image"))))
assert isinstance(refused, ProblemDocument) and refused.reason == "not-an-image", refused
delete_image.sync_detailed(image.id, client=client)
assert isinstance(get_image.sync(image.id, client=client), ProblemDocument)
assert check_health.sync(client=client).status == "alive"
assert check_readiness.sync(client=client).ready
assert "lookalike_index_images" in get_metrics.sync(client=client)
"""


@pytest.fixture(scope="session")
def generator():
    """The folder of the generator's programs."""
    place = Path(os.environ.get("LOOKALIKE_OPENAPI_CLIENT", PLACE))
    if not (place / "openapi-python-client").exists():
        reason = "no openapi-python-client: run make openapi-client"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return place


def test_it_uploads_tags_and_searches(server_of, images, generator, tmp_path):
    server = server_of(admin_token="sesame")
    description = tmp_path / "openapi.json"
    description.write_text(json.dumps(httpx.get(f"{server.url}openapi.json", timeout=60).json()))
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(jpeg_bytes(photo(seed=80)))
    run(generator / "openapi-python-client", "generate", "--path", description, "--output-path", tmp_path / "made",
        "--meta", "none", "--fail-on-warning", folder=tmp_path, path=generator)  # fmt: skip
    run(generator / "python", "-c", USE, server.url.rstrip("/"), picture, folder=tmp_path, path=generator)


def run(*command, folder, path):
    """One command, whose output is shown where it fails."""
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}", "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_operations_have_names_that_stay(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert sorted(operation["operationId"] for item in paths.values() for operation in item.values()) == [
        "change_collection", "change_duplicates", "check_health", "check_readiness", "decide_moderated",
        "delete_collection", "delete_image", "forget_events", "get_collection", "get_experiment", "get_image",
        "get_image_content", "get_metrics", "get_online_metrics", "get_pairs_to_grade",
        "get_session", "give_grade", "list_collections",
        "list_duplicates", "list_experiments", "list_grading_queues", "list_images", "list_moderated",
        "list_shapes", "search",
        "search_duplicates", "send_events", "sign_in", "sign_out", "start_experiment", "stop_experiment",
        "update_image", "upload_image",
    ]  # fmt: skip


def test_what_is_described_can_be_built_on(client):
    description = client.get("/openapi.json").json()
    assert description["components"]["securitySchemes"]["adminToken"]["scheme"] == "bearer"
    assert description["paths"]["/v1/images"]["post"]["security"] == [{}, {"adminToken": []}]
    assert description["components"]["schemas"]["UploadForm"]["properties"]["tags"]["type"] == "array"
    for name in ("UploadForm", "SearchForm", "UploadRequest", "ImageChange"):
        fields = description["components"]["schemas"][name]["properties"]
        assert [field for field in fields.values() if field.get("default") == []] == []
    for item in description["paths"].values():
        for operation in item.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]
