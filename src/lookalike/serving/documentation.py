"""OpenAPI for bodies that are read by hand, so that they can be streamed, bounded and refused as problems."""

from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lookalike.serving.copies import DuplicatesChange
from lookalike.serving.pairs import GradeGiven
from lookalike.serving.proxies import address
from lookalike.serving.verdicts import ExperimentStart, ExperimentStop
from lookalike.serving.wire import (
    CollectionChange,
    EventBatch,
    ImageChange,
    ImagePage,
    ProblemDocument,
    ReviewDecision,
    SearchAnswer,
    SearchRequest,
    SignIn,
    UploadRequest,
)

_REFERENCE = "#/components/schemas/{model}"
_SENT: tuple[type[BaseModel], ...] = (
    SearchRequest,
    UploadRequest,
    ImageChange,
    DuplicatesChange,
    CollectionChange,
    GradeGiven,
    ReviewDecision,
    ExperimentStart,
    ExperimentStop,
    SignIn,
    EventBatch,
    ProblemDocument,
)
_ANSWERED: tuple[type[BaseModel], ...] = (SearchAnswer, ImagePage)
_TOKEN = "adminToken"  # noqa: S105 - a name
_TOKEN_MEANS = "An API key, where the server has keys, or the setting `admin_token`, where it is set."  # noqa: S105 - words
_WITH_TOKEN = {
    *("upload_image", "update_image", "delete_image", "list_images", "get_image", "get_image_content"),
    *("search_duplicates", "change_duplicates"),
    *("forget_events", "get_online_metrics", "change_collection", "delete_collection"),
    *("list_grading_queues", "get_pairs_to_grade", "give_grade"),
    *("list_moderated", "decide_moderated"),
    *("list_experiments", "get_experiment", "start_experiment", "stop_experiment"),
}


def body_of(json: dict[str, type[BaseModel]], *, form: type[BaseModel] | None = None) -> dict[str, Any]:
    """A route's request body, and the query parameters that go with it.

    Args:
        json: the model of each JSON media type.
        form: the fields beside the picture `image`, where the route takes a picture: in a multipart form, or as the
            whole body with the fields in the query.
    """
    content: dict[str, Any] = {
        kind: {"schema": {"$ref": _REFERENCE.format(model=m.__name__)}} for kind, m in json.items()
    }
    body = {"requestBody": {"required": True, "content": content}}
    if form is None:
        return body
    schema = form.model_json_schema(ref_template=_REFERENCE)
    fields = {name: _in_a_form(field) for name, field in schema["properties"].items()}
    schema["properties"] = {"image": _BINARY, **fields}
    schema["required"] = ["image"]
    body["requestBody"]["content"] = {
        "multipart/form-data": {"schema": schema},
        **content,
        "application/octet-stream": {"schema": _BINARY},
    }
    return {**body, "parameters": [_in_the_query(name, field) for name, field in fields.items()]}


_BINARY = {"type": "string", "format": "binary"}


def _in_the_query(name: str, field: dict[str, Any]) -> dict[str, Any]:
    """Without defaults, which generated clients send explicitly, also beside a form or JSON."""
    schema = {key: value for key, value in field.items() if key not in {"default", "description"}}
    return {
        "name": name,
        "in": "query",
        "required": False,
        "schema": schema,
        "description": "Only with a body that is the picture alone; otherwise it belongs in the body.",
    }


def _in_a_form(field: dict[str, Any]) -> dict[str, Any]:
    """A form has no null: fields without a value are left out."""
    kinds = [kind for kind in field.get("anyOf", ()) if kind != {"type": "null"}]
    said = {name: value for name, value in field.items() if name != "anyOf" and (name, value) not in _NOTHING}
    return {**said, **kinds[0]} if kinds else said


_NOTHING: tuple[tuple[str, object], ...] = (("default", None), ("default", []))


def install(app: FastAPI) -> None:
    """Serve `/openapi.json`, complete, and with the path that we are served below."""

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _schema(app)
        return app.openapi_schema

    async def openapi(request: Request) -> Response:
        below = address(request, "")
        servers = {"servers": [{"url": below}]} if below else {}
        return JSONResponse({**complete(), **servers})

    app.openapi = complete  # type: ignore[method-assign]  # FastAPI's documented way
    app.get("/openapi.json", include_in_schema=False)(openapi)


def _schema(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    modes: dict[type[BaseModel], Literal["validation", "serialization"]] = {
        **dict.fromkeys(_ANSWERED, "serialization"),
        **dict.fromkeys(_SENT, "validation"),
    }
    for model, mode in modes.items():  # those FastAPI does not meet, and those whose examples it takes the nulls out of
        described = model.model_json_schema(ref_template=_REFERENCE, mode=mode)
        components.update(described.pop("$defs", {}))
        components[model.__name__] = described
    _name_the_forms(schema)
    _leave_out_the_usual_refusal(schema)
    _describe_the_token(schema)
    return schema


def _name_the_forms(schema: dict[str, Any]) -> None:
    """A form is a schema with a name, as the others are."""
    components = schema["components"]["schemas"]
    for path in schema["paths"].values():
        for operation in path.values():
            form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data")
            if form is not None:
                described = dict(form["schema"])
                components.update(described.pop("$defs", {}))
                components[described["title"]] = described
                form["schema"] = {"$ref": _REFERENCE.format(model=described["title"])}


def _describe_the_token(schema: dict[str, Any]) -> None:
    """Needed where the server has one: for changes, and to see what is not public."""
    schema["components"]["securitySchemes"] = {
        _TOKEN: {
            "type": "http",
            "scheme": "bearer",
            "description": _TOKEN_MEANS,
        }
    }
    for path in schema["paths"].values():
        for operation in path.values():
            if operation["operationId"] in _WITH_TOKEN:
                operation["security"] = [{}, {_TOKEN: []}]
            problem = {"$ref": _REFERENCE.format(model=ProblemDocument.__name__)}
            operation["responses"]["default"] = {
                "description": "Any other refusal",
                "content": {"application/problem+json": {"schema": problem}},
            }


def _leave_out_the_usual_refusal(schema: dict[str, Any]) -> None:
    """FastAPI documents its own 422 wherever nothing else is said; ours are problems."""
    for path in schema["paths"].values():
        for operation in path.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)
