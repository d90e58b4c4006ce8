from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest

from lookalike.embedding.runtimes import openvino
from lookalike.embedding.runtimes.session import GraphFile
from lookalike.errors import DependencyMissing, ModelRefused


@pytest.fixture
def graph(tiny):
    return GraphFile(path=tiny / "tiny" / "model.onnx", size=32, output="descriptor")


@pytest.mark.parametrize(("mode", "lanes"), [("latency", 1), ("throughput", 2)])
def test_one_lane_for_latency_and_one_a_thread_for_throughput(graph, images, mode, lanes):
    session = openvino.open_session(graph, mode=mode, threads=2)
    assert session.concurrency == lanes
    model = onnx.load(graph.path)
    (rotation,) = (onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer)
    grid = images(4).reshape(4, 3, 4, 8, 4, 8).mean((3, 5)).reshape(4, 48)
    np.testing.assert_allclose(session.run(images(4)), grid @ rotation, atol=1e-4)
    session.close()


def test_serving_runs_as_many_images_at_once_as_there_are_threads_with_the_same_bits(graph, images):
    session = openvino.open_session(graph, mode="serving", threads=2)
    assert session.wait()
    assert session.concurrency == 2
    alone = np.stack([session.run(images(40)[n : n + 1])[0] for n in range(40)])
    with ThreadPoolExecutor(4) as pool:
        together = np.stack(list(pool.map(lambda n: session.run(images(40)[n : n + 1])[0], range(40))))
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(session.run(images(40)), alone)
    session.close()


def test_a_file_that_is_no_graph_is_refused_with_its_path(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"no graph")
    graph = GraphFile(path=tmp_path / "model.onnx", size=32, output="descriptor")
    with pytest.raises(ModelRefused, match=r"model\.onnx: OpenVINO cannot run this graph"):
        openvino.open_session(graph, mode="latency", threads=1)


def test_where_it_is_not_installed_its_command_is_named(monkeypatch, graph):
    monkeypatch.setattr(openvino, "is_installed", lambda: False)
    with pytest.raises(DependencyMissing, match="pip install openvino"):
        openvino.open_session(graph, mode="latency", threads=1)
