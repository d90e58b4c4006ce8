"""Opening a pulled model, and turning batches into vectors."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lookalike.embedding.projection import Projection, to_vectors
from lookalike.embedding.registry import InstalledModel, installed
from lookalike.embedding.runtimes import Descriptors, GraphFile, Mode, RuntimeName, Session, choose_runtime
from lookalike.embedding.storage import check_graph
from lookalike.errors import ModelRefused
from lookalike.preprocessing import Preprocessing
from lookalike.types import Batch, Vectors

_log = logging.getLogger(__name__)


class Encoder:
    """An opened model. Thread-safe.

    Attributes:
        name: of the model.
        fingerprint: 64 hexadecimal digits; another one means that vectors cannot be compared.
        earlier_fingerprints: that the same model had with earlier recipes.
        dimension: of the vectors.
        preprocessing: how pixels become its input.
        runtime: what runs it, `openvino` or `onnxruntime`.
        concurrency: how many images it works on at once; a further call waits.
    """

    def __init__(
        self,
        *,
        name: str,
        fingerprint: str,
        dimension: int,
        preprocessing: Preprocessing,
        runtime: str,
        session: Session,
        projection: Projection | None,
        earlier_fingerprints: frozenset[str] = frozenset(),
    ) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.earlier_fingerprints = earlier_fingerprints
        self.dimension = dimension
        self.preprocessing = preprocessing
        self.runtime = runtime
        self.concurrency = session.concurrency
        self._session: Session | None = session
        self._projection = projection

    @property
    def reference_cosines(self) -> NDArray[np.float32] | None:
        """[n] ascending: equally weighted quantiles of random-pair cosines, shipped with the model's projection."""
        return None if self._projection is None else self._projection.reference_cosines

    def encode(self, batch: Batch) -> Vectors:
        """Unit vectors of a batch, [images, dimension]; a row's bits do not depend on the other rows.

        Raises:
            ValueError: not [images, 3, size, size] float32.
            InternalFault: the model gave values that are not finite.
        """
        if len(batch) == 0:
            return np.empty((0, self.dimension), np.float32)
        return to_vectors(self.descriptors(batch), self._projection)

    def encode_image(self, rows: Batch) -> NDArray[np.float32]:
        """The unit vector of one image, [dimension], of the pooled descriptor of its parts.

        Args:
            rows: [parts, 3, size, size] float32, as `prepare` gives them.
        """
        described = pool_parts(self.descriptors(rows), [len(rows)])
        vector: NDArray[np.float32] = to_vectors(described, self._projection)[0]
        return vector

    def descriptors(self, batch: Batch) -> Descriptors:
        """What the graph computes before the projection, [images, d]: what a projection is fitted on."""
        size = self.preprocessing.size
        if batch.ndim != 4 or batch.shape[1:] != (3, size, size) or batch.dtype != np.float32:  # noqa: PLR2004
            raise ValueError(f"batch is {batch.dtype} {batch.shape}; it must be float32 [images, 3, {size}, {size}]")
        if self._session is None:
            raise ValueError(f"the encoder of {self.name} was closed")
        return self._session.run(batch)

    def close(self) -> None:
        """Frees the model. Closing twice does nothing."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def pool_parts(descriptors: Descriptors, parts: Sequence[int]) -> Descriptors:
    """One descriptor an image, [images, d]: of each value the one of largest magnitude among the image's parts.

    Maximum pooling over regions (Tolias et al. 2016, "Particular object retrieval with integral max-pooling of CNN
    activations"), for values of either sign. Against the mean it finds more, and different pictures that share a part
    stay further apart: means of many parts are all alike.

    Args:
        descriptors: [rows, d] float32, of the parts of all images, one image after the other.
        parts: how many rows each image has, one or more.
    """
    if len(parts) == len(descriptors):
        return descriptors
    images = np.split(descriptors, np.cumsum(parts)[:-1])
    strongest = [np.abs(image).argmax(axis=0) for image in images]
    return np.stack([image[row, np.arange(image.shape[1])] for image, row in zip(images, strongest, strict=True)])


def open_encoder(
    name: str,
    *,
    models: Path,
    runtime: RuntimeName = "auto",
    mode: Mode = "latency",
    threads: int | None = None,
) -> Encoder:
    """Opens a model that is in the models folder.

    Args:
        name: of the model.
        models: the folder.
        runtime: what runs it; `auto` chooses.
        mode: `latency` gives one image all threads; `throughput` gives each of several images one thread;
            `serving` does the one for an image that is alone and the other for several at the same time.
        threads: None for all cores that this process may use.

    Raises:
        UnknownModel: no such model is described.
        ModelMissing: it was not pulled, or was damaged since; the message says what to run.
        DependencyMissing: the runtime is not installed.
        ModelRefused: the runtime cannot run it, or it is a classifier.
    """
    start = time.perf_counter()
    model = installed(name, models=models)
    if model.description.labels is not None:
        raise ModelRefused(f"{name} is a classifier, and makes no vectors: it can moderate, see docs/moderation.md")
    chosen = choose_runtime(runtime)
    session = chosen.open_session(checked_graph(model), mode=mode, threads=threads)
    _log.info("opened %s with %s in %.2f s", name, chosen.name, time.perf_counter() - start)
    return Encoder(
        name=name,
        fingerprint=model.fingerprint,
        dimension=model.record.dimension,
        preprocessing=model.description.preprocessing,
        runtime=chosen.name,
        session=session,
        projection=model.projection,
        earlier_fingerprints=model.earlier_fingerprints,
    )


def checked_graph(model: InstalledModel) -> GraphFile:
    """The graph of a model, whose file is as it was when the model came.

    Raises:
        ModelMissing: it was damaged since.
    """
    return GraphFile(
        path=check_graph(model.folder, model.record),
        size=model.description.preprocessing.size,
        output=model.record.descriptor,
        nhwc=model.record.nhwc,
    )
