"""One contract for every runtime: unit vectors whose bits depend on the image alone."""

import json
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from lookalike.embedding import RUNTIMES, Mode, RuntimeName, import_model, open_encoder
from lookalike.embedding.runtimes import choose_runtime
from lookalike.embedding.runtimes import onnxruntime as onnxruntime_runtime
from lookalike.embedding.storage import file_sha256
from lookalike.errors import ModelMissing, ModelRefused, UnknownModel

NAMES: tuple[RuntimeName, ...] = ("openvino", "onnxruntime")
MODES: tuple[Mode, ...] = ("latency", "throughput")
WAYS = [(runtime, mode) for runtime in NAMES for mode in MODES]


@pytest.fixture(params=WAYS, ids=" ".join)
def encoder(request, tiny):
    runtime, mode = request.param
    with open_encoder("tiny", models=tiny, runtime=runtime, mode=mode, threads=2) as opened:
        yield opened


def test_an_encoder_says_what_it_is(encoder):
    assert encoder.name == "tiny"
    assert len(encoder.fingerprint) == 64
    assert encoder.dimension == 32
    assert encoder.preprocessing.size == 32
    assert encoder.runtime in RUNTIMES
    assert encoder.concurrency >= 1
    assert encoder.reference_cosines is None


def test_vectors_are_unit_rows_of_float32(encoder, images):
    vectors = encoder.encode(images(5))
    assert vectors.shape == (5, 32)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_vectors_are_what_the_graph_computes(encoder, images, tiny):
    model = onnx.load(tiny / "tiny" / "model.onnx")
    (rotation,) = (onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer)
    grid = images(4).reshape(4, 3, 4, 8, 4, 8).mean((3, 5)).reshape(4, 48)
    expected = grid @ rotation
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder.encode(images(4)), expected, atol=1e-5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 7), min_size=1, max_size=10))
def test_a_vector_does_not_depend_on_its_batch(encoder, images, chosen):
    batch = images(8)
    alone = np.concatenate([encoder.encode(batch[number : number + 1]) for number in chosen])
    np.testing.assert_array_equal(encoder.encode(batch[chosen]), alone)


def test_many_threads_at_once_get_the_same_vectors(encoder, images):
    batch = images(12)
    expected = encoder.encode(batch)
    with ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            rows = list(pool.map(lambda number: encoder.encode(batch[number : number + 1])[0], range(12)))
            np.testing.assert_array_equal(np.stack(rows), expected)


def test_an_image_of_several_parts_has_the_strongest_values_of_each(encoder, images):
    batch = images(5)
    strongest = [max(values, key=abs) for values in encoder.descriptors(batch).T.tolist()]
    expected = np.array(strongest) / np.linalg.norm(strongest)
    np.testing.assert_allclose(encoder.encode_image(batch), expected, atol=1e-6)
    np.testing.assert_array_equal(encoder.encode_image(batch[::-1]), encoder.encode_image(batch))
    np.testing.assert_array_equal(encoder.encode_image(batch[:1]), encoder.encode(batch[:1])[0])


def test_an_empty_batch_has_no_vectors(encoder):
    assert encoder.encode(np.empty((0, 3, 32, 32), np.float32)).shape == (0, 32)


def test_rows_that_are_not_contiguous_are_read_right(encoder, images):
    batch = images(3)
    turned = np.asfortranarray(batch)
    np.testing.assert_array_equal(encoder.encode(turned), encoder.encode(batch))
    np.testing.assert_array_equal(encoder.encode(batch[::-1]), encoder.encode(batch)[::-1])


def test_what_is_not_a_batch_of_its_size_is_a_programming_mistake(encoder):
    for batch in (np.zeros((1, 3, 31, 32), np.float32), np.zeros((3, 32, 32), np.float32), np.zeros((1, 3, 32, 32))):
        with pytest.raises(ValueError, match="batch is"):
            encoder.encode(batch)


def test_a_closed_encoder_says_so(tiny, images):
    encoder = open_encoder("tiny", models=tiny)
    encoder.close()
    encoder.close()
    with pytest.raises(ValueError, match="closed"):
        encoder.encode(images(1))


def test_runtimes_modes_and_threads_agree_and_share_the_fingerprint(tiny, images):
    batch, fingerprints, found = images(4), set(), []
    for runtime, mode in WAYS:
        for threads in (1, 2, None):
            with open_encoder("tiny", models=tiny, runtime=runtime, mode=mode, threads=threads) as encoder:
                found.append(encoder.encode(batch))
                fingerprints.add(encoder.fingerprint)
    assert len(fingerprints) == 1
    for vectors in found:
        assert np.einsum("nd,nd->n", vectors, found[0]).min() >= 0.999


def test_throughput_mode_works_on_as_many_images_as_it_has_threads(tiny):
    for runtime in NAMES:
        with open_encoder("tiny", models=tiny, runtime=runtime, mode="throughput", threads=3) as encoder:
            assert encoder.concurrency == 3


def test_a_model_that_was_not_pulled_says_what_to_run(models):
    with pytest.raises(ModelMissing, match="run `lookalike models pull clip-vit-b16`"):
        open_encoder("clip-vit-b16", models=models)


def test_an_unknown_model_names_those_there_are(tiny):
    with pytest.raises(UnknownModel, match="clip-vit-b16, efficientnet-lite0, lookalike-small, tiny"):
        open_encoder("resnet", models=tiny)


def test_the_contract_is_tested_on_every_runtime():
    assert set(NAMES) == set(RUNTIMES)


def test_auto_takes_openvino_on_a_cpu_and_onnx_runtime_on_a_gpu(monkeypatch):
    assert choose_runtime("auto").name == "openvino"
    monkeypatch.setattr(onnxruntime_runtime, "has_gpu", lambda: True)
    assert choose_runtime("auto").name == "onnxruntime"


def test_a_graph_that_a_runtime_cannot_run_is_refused_with_its_path(tmp_path, graph_file, models):
    nodes = [helper.make_node("Flatten", ["image"], ["out"])]
    file = graph_file(tmp_path / "m.onnx", nodes, {}, outputs=[("out", TensorProto.FLOAT, ["n", "d"])])
    file.with_suffix(".toml").write_text(
        "licence = 'MIT'\n[preprocessing]\nsize = 32\nmean = [0, 0, 0]\nstd = [1, 1, 1]\n[graph]\n"
    )
    status = import_model(file, models=models)
    graph = status.path / "model.onnx"
    record = (status.path / "record.json").read_text()
    model = onnx.load(graph)
    model.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(model, graph)
    changed = {"graph_sha256": file_sha256(graph), "graph_bytes": graph.stat().st_size}
    (status.path / "record.json").write_text(json.dumps(json.loads(record) | changed))
    for runtime in NAMES:
        with pytest.raises(ModelRefused, match=r"model\.onnx"):
            open_encoder("m", models=models, runtime=runtime)


def test_opening_makes_no_network_call_and_leaves_nothing_in_the_home_folder(tiny, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    script = """
        import socket, sys
        from pathlib import Path

        def refuse(*_):
            raise SystemExit("a network call")

        socket.socket.connect = refuse
        socket.getaddrinfo = refuse
        import numpy as np
        from lookalike.embedding import open_encoder

        with open_encoder("tiny", models=Path(sys.argv[1]), runtime="openvino") as encoder:
            encoder.encode(np.ones((1, 3, 32, 32), np.float32))
        heavy = {"onnx", "onnxruntime", "torch", "openvino_telemetry"} & set(sys.modules)
        assert not heavy, heavy
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")} | {"HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tiny)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert list(home.iterdir()) == []
