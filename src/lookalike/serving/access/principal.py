"""Who asks, once a server has keys."""

from dataclasses import dataclass

from starlette.types import Scope as AsgiScope

from lookalike.catalog import ApiKey, Scope

_PLACE = "lookalike.principal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Whoever a request comes from, on a server that asks for keys.

    Attributes:
        key: the request's key; None for the admin token.
        is_token: the request carries the admin token.
    """

    key: ApiKey | None = None
    is_token: bool = False

    def allows(self, scope: Scope) -> bool:
        """Whether the request may do what needs this scope."""
        return self.is_token or (self.key is not None and self.key.allows(scope))

    @property
    def owner_id(self) -> str | None:
        """The owner that the request acts for; None for nobody, and for administrators."""
        return None if self.key is None or self.allows(Scope.ADMIN) else self.key.owner_id

    @property
    def actor(self) -> str:
        """As the audit log names it."""
        return f"key:{self.key.prefix}" if self.key is not None else "admin-token"

    def put_into(self, scope: AsgiScope) -> None:
        """Let the routes know."""
        scope[_PLACE] = self


def principal_of(scope: AsgiScope) -> Principal | None:
    """Who asks; None on a server without keys."""
    principal: Principal | None = scope.get(_PLACE)
    return principal
