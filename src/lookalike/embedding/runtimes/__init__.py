"""The available runtimes, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from lookalike.embedding.runtimes import onnxruntime, openvino
from lookalike.embedding.runtimes.session import Descriptors, GraphFile, Mode, Session
from lookalike.errors import DependencyMissing

__all__ = ["RUNTIMES", "Descriptors", "GraphFile", "Mode", "Runtime", "RuntimeName", "Session", "choose_runtime"]

RuntimeName: TypeAlias = Literal["auto", "openvino", "onnxruntime"]


class OpenSession(Protocol):
    """Opens a graph; `threads` None means all cores that the process may use."""

    def __call__(self, graph: GraphFile, *, mode: Mode, threads: int | None) -> Session: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """A library that runs ONNX graphs."""

    name: str
    is_installed: Callable[[], bool]
    open_session: OpenSession


RUNTIMES: dict[str, Runtime] = {
    "openvino": Runtime(name="openvino", is_installed=openvino.is_installed, open_session=openvino.open_session),
    "onnxruntime": Runtime(
        name="onnxruntime", is_installed=onnxruntime.is_installed, open_session=onnxruntime.open_session
    ),
}


def choose_runtime(name: RuntimeName) -> Runtime:
    """The runtime of that name; for `auto` ONNX Runtime where it has a GPU, else OpenVINO, else ONNX Runtime.

    Raises:
        DependencyMissing: none is installed.
    """
    if name != "auto":
        return RUNTIMES[name]
    if onnxruntime.has_gpu():
        return RUNTIMES["onnxruntime"]
    for runtime in RUNTIMES.values():
        if runtime.is_installed():
            return runtime
    raise DependencyMissing("no runtime is installed: run `pip install openvino` or `pip install onnxruntime`")
