"""The HTTP API and the page."""

from lookalike.serving.app import create_app
from lookalike.serving.server import Server, run
from lookalike.serving.services import Services, ServingSettings

__all__ = ["Server", "Services", "ServingSettings", "create_app", "run"]
