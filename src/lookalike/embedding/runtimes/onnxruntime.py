"""ONNX Runtime: where OpenVINO does not run, and on GPUs."""

import importlib.metadata
import importlib.util
from functools import partial
from typing import Any

import numpy as np

from lookalike.embedding.runtimes.session import (
    Descriptors,
    GraphFile,
    Lanes,
    Mode,
    Session,
    available_cores,
    opened_for_serving,
)
from lookalike.errors import ModelRefused
from lookalike.on_demand import load
from lookalike.types import Batch

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"
_GPU_BATCH = 16
_GPU_PACKAGE = "onnxruntime-gpu"


def is_installed() -> bool:
    """Whether the package is there; does not import it."""
    return importlib.util.find_spec("onnxruntime") is not None


def has_gpu() -> bool:
    """Whether the package is built for CUDA and finds it; imports it only when it is built so."""
    try:
        importlib.metadata.version(_GPU_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return False
    return _CUDA in _import_onnxruntime().get_available_providers()


def _import_onnxruntime() -> Any:
    needed = "ONNX Runtime is not installed: run `pip install 'lookalike[onnxruntime]'`, or use the openvino runtime"
    return load("onnxruntime", otherwise=needed)


def open_session(graph: GraphFile, *, mode: Mode, threads: int | None) -> Session:
    """Opens a graph on the GPU where there is one, else on the CPU.

    Raises:
        DependencyMissing: ONNX Runtime is not installed.
        ModelRefused: ONNX Runtime cannot run the graph.
    """
    runtime = _import_onnxruntime()
    if graph.path.suffix != ".onnx":
        raise ModelRefused(
            f"{graph.path}: this TFLite file uses operators that cannot be converted to ONNX, so only the openvino"
            " runtime can run it; import an ONNX file of the same model to use ONNX Runtime"
        )
    cores = threads or available_cores()
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = 1 if mode == "throughput" else cores
    options.inter_op_num_threads = 1
    # The default fuses de-quantisation and product into one that rounds activations to int8: cosine 0.9998 only.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = [name for name in (_CUDA, _CPU) if name in runtime.get_available_providers()]
    try:
        opened = partial(runtime.InferenceSession, str(graph.path), options, providers=providers)
        session = opened_for_serving(opened) if mode == "serving" else opened()
    except Exception as error:  # noqa: BLE001 - its exceptions have no common public base
        raise ModelRefused(f"{graph.path}: ONNX Runtime cannot run this graph: {error}") from None
    if session.get_providers()[0] == _CUDA:
        return _GpuSession(session, batch=_GPU_BATCH if mode == "throughput" else 1)
    return _CpuSession(session, lanes=cores if mode == "throughput" else 1)


def _names(session: Any) -> tuple[str, str]:
    return session.get_inputs()[0].name, session.get_outputs()[0].name


class _CpuSession:
    """One image a run; a session may be run by several threads at once."""

    def __init__(self, session: Any, *, lanes: int) -> None:
        given, made = _names(session)
        self._lanes = Lanes([session] * lanes, partial(_run_one, given=given, made=made))  # a method would be a cycle
        self.concurrency = lanes

    def run(self, batch: Batch) -> Descriptors:
        return self._lanes.run(batch)

    def close(self) -> None:
        self._lanes.close()


def _run_one(session: Any, row: Batch, *, given: str, made: str) -> Descriptors:
    (output,) = session.run([made], {given: np.ascontiguousarray(row)})
    return np.asarray(output, np.float32).reshape(-1)


class _GpuSession:
    """Runs of one fixed size, the last one filled up with zeros: the GPU then chooses the same kernels each time."""

    def __init__(self, session: Any, *, batch: int) -> None:
        self._session = session
        self._input, self._output = _names(session)
        fixed = session.get_inputs()[0].shape[0]
        self._size = fixed if isinstance(fixed, int) else batch
        self.concurrency = self._size

    def run(self, batch: Batch) -> Descriptors:
        found = []
        for start in range(0, len(batch), self._size):
            rows = batch[start : start + self._size]
            filled = np.zeros((self._size, *batch.shape[1:]), np.float32)
            filled[: len(rows)] = rows
            (output,) = self._session.run([self._output], {self._input: filled})
            found.append(np.asarray(output, np.float32).reshape(self._size, -1)[: len(rows)])
        return np.concatenate(found)

    def close(self) -> None:
        self._session = None
