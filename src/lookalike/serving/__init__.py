"""The HTTP API and the page."""

from lookalike.serving.access import require_guarded
from lookalike.serving.app import create_app
from lookalike.serving.metrics import ACCESS_LOG
from lookalike.serving.server import Server, listen, run, url_of
from lookalike.serving.services import Services, ServingSettings
from lookalike.serving.supervisor import Inherited, Supervisor

__all__ = [
    "ACCESS_LOG",
    "Inherited",
    "Server",
    "Services",
    "ServingSettings",
    "Supervisor",
    "create_app",
    "listen",
    "require_guarded",
    "run",
    "url_of",
]
