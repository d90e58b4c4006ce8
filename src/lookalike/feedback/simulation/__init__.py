"""Simulated users: what they would see, click and look at, given how well each hit answers. Never stored unmarked."""

from lookalike.feedback.simulation.click_models import CascadeModel, ClickModel, PositionModel, TrustModel
from lookalike.feedback.simulation.examination import grid_examination, list_examination
from lookalike.feedback.simulation.users import NOTHING, Population, SimulatedSessions, simulate_sessions

__all__ = [
    "NOTHING",
    "CascadeModel",
    "ClickModel",
    "Population",
    "PositionModel",
    "SimulatedSessions",
    "TrustModel",
    "grid_examination",
    "list_examination",
    "simulate_sessions",
]
