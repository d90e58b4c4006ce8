"""`/v1/session`: the page signs in with a key, which the browser keeps in a cookie that no script can read."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from lookalike.catalog import Scope
from lookalike.serving.access.check import COOKIE, KeyIdentity
from lookalike.serving.access.principal import Principal
from lookalike.serving.answers import json_answer
from lookalike.serving.bodies import media_type, read_json, unsupported
from lookalike.serving.documentation import body_of
from lookalike.serving.problems import documented, refused
from lookalike.serving.proxies import address
from lookalike.serving.wire import SessionRecord, SignIn

_MOST_BYTES = 4096


class SessionRoutes:
    """Signing in and out.

    Args:
        identity: knows whose key a request carries.
    """

    def __init__(self, identity: KeyIdentity) -> None:
        self._identity = identity

    def add_to(self, app: FastAPI) -> None:
        """Make the app answer for sessions."""
        app.get(
            "/v1/session",
            tags=["session"],
            operation_id="get_session",
            summary="Whether keys are needed, and what the request's key allows",
            response_model=SessionRecord,
        )(self.read)
        app.post(
            "/v1/session",
            tags=["session"],
            operation_id="sign_in",
            summary="Keep a key in a cookie of the browser",
            response_model=SessionRecord,
            responses=documented(
                "malformed-request", "unauthorized", "cross-site-request", "unsupported-media-type", "invalid-request"
            ),
            openapi_extra=body_of({"application/json": SignIn}),
        )(self.sign_in)
        app.delete(
            "/v1/session",
            tags=["session"],
            operation_id="sign_out",
            summary="Forget the cookie",
            status_code=204,
            responses=documented("cross-site-request"),
        )(self.sign_out)

    async def read(self, request: Request) -> Response:
        """Answered to everybody."""
        return await self._record(await self._identity.carried_by(request))

    async def sign_in(self, request: Request) -> Response:
        """The cookie is `HttpOnly`, `SameSite=Strict`, over HTTPS `Secure`, and lasts until the browser is closed."""
        if media_type(request) != "application/json":
            raise unsupported(request, "application/json")
        sent = await read_json(request, SignIn, most_bytes=_MOST_BYTES)
        principal = await self._identity.of(sent.key)
        if principal is None:
            raise refused("unauthorized", "the key is not known, has expired, or was revoked")
        answer = await self._record(principal)
        path = address(request, "") or "/"
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, sent.key, path=path, httponly=True, samesite="strict", secure=secure)
        return answer

    async def sign_out(self, request: Request) -> Response:
        """The key itself goes on working: revoke it to end that."""
        answer = Response(status_code=204)
        answer.delete_cookie(COOKIE, path=address(request, "") or "/", httponly=True, samesite="strict")
        return answer

    async def _record(self, principal: Principal | None) -> Response:
        scopes = [scope for scope in Scope if principal is not None and principal.allows(scope)]
        return json_answer(SessionRecord(keys_needed=await self._identity.is_needed(), scopes=tuple(scopes)))
