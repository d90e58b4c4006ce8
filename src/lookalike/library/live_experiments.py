"""Experiments of a library that is open and serves: which models can be tried, and starting one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from lookalike.catalog import Experiment
from lookalike.embedding import describe_models
from lookalike.library.experiment import StartRequest, require_startable, start_experiment
from lookalike.library.parts import LibraryParts
from lookalike.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveExperiments:
    """What a server needs to start experiments.

    Attributes:
        library: that it serves.
    """

    library: LibraryParts

    @classmethod
    def of(cls, library: LibraryParts) -> Self:
        """Those of a library which is open."""
        return cls(library=library)

    def models(self) -> Sequence[str]:
        """Names of the models on this machine, without the one that answers."""
        live = self.library.catalog.models.live()
        found = describe_models(self.library.settings.models)
        return sorted(
            one.description.name for one in found if one.pulled and (live is None or one.description.name != live.name)
        )

    def check(self, request: StartRequest) -> None:
        """Refuse what cannot be started, before a long preparation; see `start_experiment`."""
        require_startable(self.library, request)

    def start(self, request: StartRequest, progress: Progress) -> Experiment:
        """Start an experiment; the challenger gets a vector of every image first, which may take long."""
        return start_experiment(self.library, request, progress)
