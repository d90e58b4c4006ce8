"""OpenVINO: the default on CPUs."""

import importlib
import importlib.util
import sys
from functools import partial
from types import ModuleType
from typing import Any, cast

import numpy as np

from lookalike.embedding.runtimes.session import (
    Descriptors,
    GraphFile,
    Lanes,
    Mode,
    Session,
    WideOrNarrow,
    available_cores,
    opened_for_serving,
)
from lookalike.errors import DependencyMissing, ModelRefused
from lookalike.on_demand import load
from lookalike.types import Batch

_ACCURACY = {
    # bfloat16 would be faster still where the CPU has it, but leaves too little of cosine 0.999 to ONNX Runtime
    "INFERENCE_PRECISION_HINT": "f32",
    # activations become int8 in groups of 32 where the CPU multiplies int8 well: clip-vit-b16 takes half the time, at a
    # cosine of 0.9997; groups of 128 take a fifth less still, but on AVX-VNNI their cosine is 0.9986
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": "32",
}
_CONVOLUTIONS = ("Convolution", "GroupConvolution")
_CONVERTER = "openvino.tools.ovc"
_MISSING = "OpenVINO is not installed: run `pip install openvino`, or use the onnxruntime runtime"


def is_installed() -> bool:
    """Whether the package is there; does not import it."""
    return importlib.util.find_spec("openvino") is not None


def import_openvino() -> Any:
    """The `openvino` package, imported without its model converter.

    The converter, which nothing here uses, reports each import over the network and keeps a counter in the home
    folder. The package goes on without it when it cannot be imported.

    Raises:
        DependencyMissing: not installed.
    """
    if not is_installed():
        raise DependencyMissing(_MISSING)
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    modules[_CONVERTER] = None  # Python's way to say: importing this fails
    try:
        return load("openvino", otherwise=_MISSING)
    finally:
        del modules[_CONVERTER]


def open_session(graph: GraphFile, *, mode: Mode, threads: int | None) -> Session:
    """Opens a graph: one lane over all threads for latency, one lane a thread for throughput, both for serving.

    Raises:
        DependencyMissing: OpenVINO is not installed.
        ModelRefused: OpenVINO cannot run the graph.
    """
    openvino = import_openvino()
    cores = threads or available_cores()
    compiled = partial(_compiled, openvino, graph, cores=cores)
    if mode != "serving":
        return compiled(lanes=cores if mode == "throughput" else 1)
    wide = opened_for_serving(partial(compiled, lanes=1))
    if cores == 1:
        return wide
    probe = np.random.default_rng(0).normal(size=(1, 3, graph.size, graph.size)).astype(np.float32)
    narrow = partial(opened_for_serving, partial(compiled, lanes=cores))
    return WideOrNarrow(wide, narrow, probe=probe, concurrency=cores)


def _compiled(openvino: Any, graph: GraphFile, *, lanes: int, cores: int) -> Session:
    settings = {
        **_ACCURACY,
        "PERFORMANCE_HINT": "LATENCY" if lanes == 1 else "THROUGHPUT",
        "NUM_STREAMS": str(lanes),
        "INFERENCE_NUM_THREADS": str(cores),
    }
    try:
        compiled = openvino.Core().compile_model(_read(openvino, graph), "CPU", settings)
        requests = [(openvino.Tensor, compiled.create_infer_request()) for _ in range(lanes)]
    except RuntimeError as error:
        raise ModelRefused(f"{graph.path}: OpenVINO cannot run this graph: {error}") from None
    session = _OpenVinoSession(requests, nhwc=graph.nhwc)
    # The first run fills tables of OpenVINO's under Python's lock: two threads that do so wait for each other for ever
    session.run(np.zeros((1, 3, graph.size, graph.size), np.float32))
    return session


def _read(openvino: Any, graph: GraphFile) -> Any:
    """The graph for one image, with the descriptor as its only output."""
    model = openvino.Core().read_model(graph.path)
    ports = [port for operation in model.get_ordered_ops() for port in operation.outputs()]
    wanted = [port for port in ports if graph.output in port.get_names()] or [model.get_results()[0].input_value(0)]
    model = openvino.Model([wanted[0]], model.get_parameters())
    shape = [1, graph.size, graph.size, 3] if graph.nhwc else [1, 3, graph.size, graph.size]
    model.reshape(shape)
    _fold_weights(openvino, model)
    return model


def _fold_weights(openvino: Any, model: Any) -> None:
    """Makes float32 constants of the int8 weights of convolutions, as compiling would anyway.

    OpenVINO 2026.4 does it once a stream, at the same time and into the same memory: on CPUs with AVX-VNNI one in five
    models that were compiled for two streams gave wrong vectors ever after. Matrices stay int8.
    """
    passes = importlib.import_module("openvino.passes")
    for operation in model.get_ops():
        if operation.get_type_name() not in _CONVOLUTIONS:
            continue
        packed = operation.input(1).get_source_output()
        if packed.get_node().get_type_name() == "Constant":
            continue
        unpacked = openvino.Model([packed], [])
        folding = passes.Manager()
        folding.register_pass(passes.ConstantFolding())
        folding.run_passes(unpacked)
        operation.input(1).replace_source_output(unpacked.get_results()[0].input_value(0))


class _OpenVinoSession:
    """A compiled graph and its inference requests."""

    def __init__(self, requests: list[Any], *, nhwc: bool) -> None:
        self._lanes = Lanes(requests, partial(_run_one, nhwc=nhwc))  # no method: it would keep the session for ever
        self.concurrency = self._lanes.concurrency

    def run(self, batch: Batch) -> Descriptors:
        return self._lanes.run(batch)

    def close(self) -> None:
        self._lanes.close()


def _run_one(lane: tuple[Any, Any], row: Batch, *, nhwc: bool) -> Descriptors:
    tensor, request = lane
    image = np.require(row.transpose(0, 2, 3, 1) if nhwc else row, requirements=["C", "W"])  # in rows, and writable
    # A tensor is passed on as it is, and what is shared is not copied into a result that nothing here needs
    request.infer(tensor(image, shared_memory=True), share_inputs=True, share_outputs=True, decode_strings=False)
    return np.array(request.get_output_tensor(0).data, np.float32).reshape(-1)
