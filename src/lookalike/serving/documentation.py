"""OpenAPI for bodies that are read by hand, so that they can be streamed, bounded and refused as problems."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lookalike.serving.proxies import address
from lookalike.serving.wire import EventBatch, ImageChange, ImagePage, ProblemDocument, SearchAnswer, SearchRequest

_REFERENCE = "#/components/schemas/{model}"
_MODELS: tuple[type[BaseModel], ...] = (
    SearchRequest,
    SearchAnswer,
    ImagePage,
    ImageChange,
    EventBatch,
    ProblemDocument,
)


def body_of(json: dict[str, type[BaseModel]], *, form: type[BaseModel] | None = None) -> dict[str, Any]:
    """A route's request body.

    Args:
        json: the model of each JSON media type.
        form: the fields beside the picture `image`, where the route takes a multipart form.
    """
    content: dict[str, Any] = {
        kind: {"schema": {"$ref": _REFERENCE.format(model=m.__name__)}} for kind, m in json.items()
    }
    if form is not None:
        schema = form.model_json_schema(ref_template=_REFERENCE)
        schema.pop("$defs", None)  # enumerations that records have too
        schema["properties"] = {"image": {"type": "string", "format": "binary"}, **schema["properties"]}
        schema["required"] = ["image"]
        content = {"multipart/form-data": {"schema": schema}, **content}
    return {"requestBody": {"required": True, "content": content}}


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
    for model in _MODELS:  # those FastAPI does not meet, and those whose examples it takes the nulls out of
        described = model.model_json_schema(ref_template=_REFERENCE)
        components.update(described.pop("$defs", {}))
        components[model.__name__] = described
    _leave_out_the_usual_refusal(schema)
    return schema


def _leave_out_the_usual_refusal(schema: dict[str, Any]) -> None:
    """FastAPI documents its own 422 wherever nothing else is said; ours are problems."""
    for path in schema["paths"].values():
        for operation in path.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)
