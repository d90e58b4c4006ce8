"""What a server does beside answering; what must be done once, though several processes serve, takes a lease."""

from lookalike.serving.background.copy_searching import CopySearching
from lookalike.serving.background.duty import Duty
from lookalike.serving.background.experiment_starting import ExperimentStarting
from lookalike.serving.background.forgetting import Forgetting
from lookalike.serving.background.recall_watch import RecallWatch

__all__ = ["CopySearching", "Duty", "ExperimentStarting", "Forgetting", "RecallWatch"]
