"""Requests whose address leaves no choice go straight to their function, past the framework's look for a route."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, cast

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, ExceptionHandler, Receive, Scope, Send

from lookalike.serving.parameters import require_known_parameters


class DirectRoute(APIRoute):
    """A route whose path has no parameters, and whose function takes the request and gives the response."""


class DirectAnswers:
    """ASGI: answers requests to direct routes as the framework would.

    Between the last middleware and a route's function the framework runs ten layers: exit stacks, a handler of errors
    for the app and one for the route, and a regular expression for each route. They take as long as all of our own
    middleware. A direct route has no parameters in its path and no dependencies, so that nothing of it is needed but
    the handling of errors.

    Args:
        app: answers all other requests.
        of: whose routes and error handlers these are; its routes are looked at with the first request.
    """

    def __init__(self, app: ASGIApp, *, of: FastAPI) -> None:
        self._app = app
        self._of = of
        self._routes: Mapping[tuple[str, str], DirectRoute] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        route = self._route(scope) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        request = Request(scope, receive, send)
        response = await self._answer(route, request)
        await response(scope, receive, send)

    def _route(self, scope: Scope) -> DirectRoute | None:
        if self._routes is None:
            self._routes = _direct(self._of.routes)
        return self._routes.get((scope["method"], scope["path"].removeprefix(scope.get("root_path", ""))))

    async def _answer(self, route: DirectRoute, request: Request) -> Response:
        answer: Callable[[Request], Awaitable[Response]] = route.endpoint
        try:
            await require_known_parameters(request)
            return await answer(request)
        except Exception as fault:
            handler = self._handler(fault)
            if handler is None:
                raise
            handling = cast("Callable[[Request, Exception], Awaitable[Response]]", handler)
            return await handling(request, fault)

    def _handler(self, fault: Exception) -> ExceptionHandler | None:
        """The one for the nearest of its classes, as the framework chooses it."""
        handlers: Mapping[Any, ExceptionHandler] = self._of.exception_handlers
        return next((handlers[kind] for kind in type(fault).__mro__ if kind in handlers), None)


def _direct(routes: Iterable[object]) -> dict[tuple[str, str], DirectRoute]:
    """Direct routes by method and path."""
    direct = [route for route in routes if isinstance(route, DirectRoute)]
    return {(method, route.path): route for route in direct for method in route.methods or ()}
