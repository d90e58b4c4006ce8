"""Who may do what over HTTP: API keys, the admin token, and what each of them allows."""

from lookalike.serving.access.budgets import Budgets
from lookalike.serving.access.check import KeyCheck, KeyIdentity
from lookalike.serving.access.exposure import is_local, require_guarded
from lookalike.serving.access.keyring import KeyRing
from lookalike.serving.access.principal import Principal, principal_of
from lookalike.serving.access.rules import required_scope

__all__ = [
    "Budgets",
    "KeyCheck",
    "KeyIdentity",
    "KeyRing",
    "Principal",
    "is_local",
    "principal_of",
    "require_guarded",
    "required_scope",
]
