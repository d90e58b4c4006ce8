"""Starting an experiment while the server answers: its challenger has to see every image first."""

import logging
import threading

from lookalike.errors import CallerError, LookalikeError
from lookalike.library.experiment import StartRequest
from lookalike.library.live_experiments import LiveExperiments
from lookalike.progress import Silent

_log = logging.getLogger(__name__)


class ExperimentStarting:
    """Prepares one experiment at a time, in a thread of its own, and starts it.

    Args:
        experiments: of the library; None where this server starts none.

    Attributes:
        fault: why the last one was not started, for people; None where it was.
    """

    def __init__(self, experiments: LiveExperiments | None) -> None:
        self.experiments = experiments
        self.fault: str | None = None
        self._starting = threading.Lock()
        self._name: str | None = None

    @property
    def preparing(self) -> str | None:
        """The experiment that is prepared here now."""
        return self._name

    def start(self, request: StartRequest) -> None:
        """Begin to prepare an experiment.

        Raises:
            CallerError: one is prepared already, it cannot be started, or this server starts none.
            UnknownModel, ModelMissing: the challenger is not on this machine.
        """
        if self.experiments is None:
            raise CallerError("this server starts no experiments: use `lookalike experiment start`")
        with self._starting:
            if self._name is not None:
                raise CallerError(f"experiment {self._name} is about to start: one runs at a time")
            self.experiments.check(request)
            self._name, self.fault = request.name, None
        # a server that ends meanwhile leaves no experiment behind, and the vectors that were computed stay
        threading.Thread(target=self._run, args=(self.experiments, request), name="experiment", daemon=True).start()

    def _run(self, experiments: LiveExperiments, request: StartRequest) -> None:
        try:
            experiments.start(request, Silent())
        except LookalikeError as fault:
            self.fault = f"{request.name} was not started: {fault}"
            _log.warning("experiment %s was not started: %s", request.name, fault)
        except Exception:  # noqa: BLE001 - whoever waits for it must be told
            self.fault = f"{request.name} was not started; see the server's log for details"
            _log.exception("experiment %s was not started", request.name)
        finally:
            self._name = None
