"""Unknown query parameters are refused: a misspelled one would otherwise be ignored silently."""

from difflib import get_close_matches

from fastapi.routing import APIRoute
from starlette.requests import Request

from lookalike.serving.problems import Refused, invalid
from lookalike.serving.wire import one_line


async def require_known_parameters(request: Request) -> None:
    """A dependency of every route of the API; pages and probes may carry what they like.

    Raises:
        Refused: `invalid-request`, with the known one that is near.
    """
    if not request.scope["query_string"]:
        return
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or not route.path.startswith("/v1/"):
        return
    known = {parameter.alias for parameter in route.dependant.query_params}
    known |= {parameter["name"] for parameter in (route.openapi_extra or {}).get("parameters", ())}
    mistakes = [
        {"type": "extra_forbidden", "loc": (one_line(name, most=50),), "msg": _unknown(name, sorted(known))}
        for name in request.query_params
        if name not in known
    ]
    if mistakes:
        raise Refused(invalid(mistakes, where=""))


def _unknown(name: str, known: list[str]) -> str:
    near = get_close_matches(name.lower(), known, n=1)
    if near:
        return f"no such parameter; did you mean {near[0]}?"
    return f"no such parameter; known are {', '.join(known)}" if known else "no such parameter; this address takes none"
