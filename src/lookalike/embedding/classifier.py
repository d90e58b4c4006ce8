"""Opening a classifier, and turning pictures into scores of its labels."""

import logging
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.embedding.descriptions import Labels
from lookalike.embedding.encoder import checked_graph
from lookalike.embedding.registry import installed
from lookalike.embedding.runtimes import Descriptors, Mode, RuntimeName, Session, choose_runtime
from lookalike.errors import InternalFault, ModelRefused
from lookalike.preprocessing import Preprocessing
from lookalike.types import Batch

_log = logging.getLogger(__name__)
_SLACK = 1e-3  # scores that a graph gives may leave 0 to 1 by rounding


class Classifier:
    """An opened classifier. Thread-safe.

    Attributes:
        name: of the model.
        fingerprint: 64 hexadecimal digits; another one means that scores have to be made anew.
        labels: what it tells apart.
        preprocessing: how pixels become its input.
        concurrency: how many images it works on at once; a further call waits.
    """

    def __init__(
        self, *, name: str, fingerprint: str, labels: Labels, preprocessing: Preprocessing, session: Session
    ) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.labels = labels.names
        self.preprocessing = preprocessing
        self.concurrency = session.concurrency
        self._scores = labels.scores
        self._is_reversed = labels.channels == "bgr"
        self._session = session

    def scores(self, rows: Batch) -> dict[str, float]:
        """Of one picture, from 0 to 1 by label: the greatest of all its parts, of which a long picture has several.

        Args:
            rows: [parts, 3, size, size] float32, as `prepare` gives them.

        Raises:
            InternalFault: the model gave values that are no scores.
        """
        given = np.ascontiguousarray(rows[:, ::-1]) if self._is_reversed else rows
        scores = _scored(self._session.run(given).astype(np.float64), self._scores)
        if not np.isfinite(scores).all() or scores.min() < -_SLACK or scores.max() > 1 + _SLACK:
            raise InternalFault(f"the classifier {self.name} gave values that are no scores from 0 to 1")
        return dict(zip(self.labels, np.clip(scores.max(axis=0), 0, 1).tolist(), strict=True))

    def close(self) -> None:
        """Frees the model."""
        self._session.close()


def open_classifier(
    name: str, *, models: Path, runtime: RuntimeName = "auto", mode: Mode = "latency", threads: int | None = None
) -> Classifier:
    """Opens a classifier that is in the models folder; arguments and errors are those of `open_encoder`.

    Raises:
        ModelRefused: it makes vectors, and has no labels.
    """
    start = time.perf_counter()
    model = installed(name, models=models)
    if model.description.labels is None:
        raise ModelRefused(f"{name} is no classifier: its description has no [classifier], see docs/moderation.md")
    chosen = choose_runtime(runtime)
    session = chosen.open_session(checked_graph(model), mode=mode, threads=threads)
    _log.info("opened the classifier %s with %s in %.2f s", name, chosen.name, time.perf_counter() - start)
    return Classifier(
        name=name,
        fingerprint=model.fingerprint,
        labels=model.description.labels,
        preprocessing=model.description.preprocessing,
        session=session,
    )


def _scored(outputs: Descriptors | NDArray[np.float64], scores: str) -> NDArray[np.float64]:
    """Outputs as scores, [parts, labels]."""
    values = np.asarray(outputs, np.float64)
    if scores == "sigmoid":
        return 1 / (1 + np.exp(-np.clip(values, -500, 500)))
    if scores == "softmax":
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        softened: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return softened
    return values
