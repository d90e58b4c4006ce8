"""The models that people use: same vectors from every runtime, and vectors that mean something."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from lookalike.embedding import Mode, Projection, RuntimeName, describe_models, open_encoder, pull
from lookalike.embedding.registry import PACKAGED
from lookalike.preprocessing import transform
from pictures import photo

WAYS: tuple[tuple[RuntimeName, Mode], ...] = (
    ("openvino", "latency"),
    ("openvino", "throughput"),
    ("onnxruntime", "latency"),
)
DIMENSIONS = {"clip-vit-b16": 256, "efficientnet-lite0": 256, "lookalike-small": 384}
NAMES = tuple(DIMENSIONS)


def rows(encoder, pictures):
    return np.stack([transform(np.asarray(picture), encoder.preprocessing) for picture in pictures])


@pytest.fixture(scope="module")
def pictures():
    return [photo(seed=seed) for seed in range(3)]


@pytest.fixture(scope="module", params=NAMES)
def opened(request, real_models):
    """The encoders of one model: runtime and mode -> encoder."""
    encoders = {
        (runtime, mode): open_encoder(request.param, models=real_models, runtime=runtime, mode=mode)
        for runtime, mode in WAYS
    }
    yield encoders
    for encoder in encoders.values():
        encoder.close()


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_projections_are_whole_and_small(name, models):
    projection = Projection.load(PACKAGED / f"{name}.npz")
    assert projection.dimension == DIMENSIONS[name]
    assert projection.reference_cosines.size >= 2001
    assert projection.reference_cosines.min() < 0 < projection.reference_cosines.max() <= 1
    (description,) = (status.description for status in describe_models(models) if status.description.name == name)
    assert description.dimension == DIMENSIONS[name]


def test_what_comes_with_the_package_is_small():
    own = [file.stat().st_size for file in PACKAGED.glob("lookalike-small.*")]
    assert sum(file.stat().st_size for file in PACKAGED.glob("*.npz")) - sum(own) < 1_900_000
    assert len(own) == 3
    assert sum(own) < 8_000_000


def test_our_own_model_needs_no_network(tmp_path, monkeypatch, images):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    pull("lookalike-small", models=tmp_path)
    pictures = images(3, size=224)
    with open_encoder("lookalike-small", models=tmp_path) as encoder:
        vectors = encoder.encode(pictures)
        again = np.concatenate([encoder.encode(pictures[row : row + 1]) for row in range(3)])
    assert vectors.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors, again, atol=1e-4)
    assert (vectors @ vectors.T)[np.triu_indices(3, 1)].max() < 0.999


@pytest.mark.model
def test_runtimes_and_modes_agree_and_share_a_fingerprint(opened, pictures):
    vectors = {way: encoder.encode(rows(encoder, pictures)) for way, encoder in opened.items()}
    assert len({encoder.fingerprint for encoder in opened.values()}) == 1
    reference = vectors["openvino", "latency"]
    for found in vectors.values():
        assert np.einsum("nd,nd->n", found, reference).min() >= 0.999
    np.testing.assert_allclose(vectors["openvino", "throughput"], reference, atol=1e-5)


@pytest.mark.model
def test_every_opening_gives_the_same_vectors(real_models, pictures):
    """Compiled for several lanes, one in five of lookalike-small's was wrong on some CPUs."""
    with open_encoder("lookalike-small", models=real_models, runtime="openvino") as encoder:
        batch = rows(encoder, pictures)
        reference = encoder.encode(batch)
    for _ in range(12):
        with open_encoder(
            "lookalike-small", models=real_models, runtime="openvino", mode="throughput", threads=2
        ) as encoder:
            np.testing.assert_allclose(encoder.encode(batch), reference, atol=1e-5)


@pytest.mark.model
def test_a_vector_does_not_depend_on_its_batch(opened, pictures):
    for encoder in opened.values():
        batch = rows(encoder, pictures[:4])
        together = encoder.encode(batch)
        np.testing.assert_array_equal(together, np.concatenate([encoder.encode(row[None]) for row in batch]))
        np.testing.assert_array_equal(together[::-1], encoder.encode(batch[::-1]))


@pytest.mark.model
def test_the_number_of_threads_does_not_change_a_vector(real_models, pictures):
    for name in NAMES:
        found = []
        for threads in (1, 2):
            with open_encoder(name, models=real_models, runtime="openvino", threads=threads) as encoder:
                found.append(encoder.encode(rows(encoder, pictures[:2])))
        np.testing.assert_allclose(found[0], found[1], atol=1e-5)


@pytest.mark.model
def test_a_changed_copy_is_nearer_than_any_other_picture(opened, pictures):
    encoder = opened["openvino", "latency"]
    changed = [
        ImageEnhance.Brightness(picture).enhance(1.15).resize((280, 210), Image.Resampling.BOX) for picture in pictures
    ]
    cosines = encoder.encode(rows(encoder, changed)) @ encoder.encode(rows(encoder, pictures)).T
    np.testing.assert_array_equal(cosines.argmax(1), np.arange(len(pictures)))


@pytest.mark.model
def test_odd_inputs_still_become_unit_vectors(opened):
    encoder = opened["openvino", "latency"]
    size = encoder.preprocessing.size
    odd = np.stack([np.full((3, size, size), value, np.float32) for value in (-3, 0, 3, 1e4)])
    np.testing.assert_allclose(np.linalg.norm(encoder.encode(odd), axis=1), 1, atol=1e-6)


EMULATOR = "qemu-x86_64"
ENCODE = """
import sys
from pathlib import Path
import numpy as np
from lookalike.embedding import open_encoder
given, models, made = sys.argv[1:]
for runtime in ("openvino", "onnxruntime"):
    with open_encoder("lookalike-small", models=Path(models), runtime=runtime, threads=1) as encoder:
        np.save(f"{made}/{runtime}.npy", encoder.encode(np.load(given)))
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which(EMULATOR) is None, reason=f"{EMULATOR} is not installed (Debian: qemu-user)")
def test_a_processor_with_avx2_alone_makes_the_same_vectors(pictures, tmp_path):
    pull("lookalike-small", models=tmp_path / "models")
    with open_encoder("lookalike-small", models=tmp_path / "models") as encoder:
        batch = rows(encoder, pictures)[:2]
        expected = encoder.encode(batch)
    np.save(tmp_path / "batch.npy", batch)
    arguments = [tmp_path / "batch.npy", tmp_path / "models", tmp_path]
    command = [EMULATOR, "-cpu", "Haswell", sys.executable, "-c", ENCODE, *map(str, arguments)]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
    for runtime in ("openvino", "onnxruntime"):
        found = np.load(tmp_path / f"{runtime}.npy")
        assert np.einsum("nd,nd->n", found, expected).min() >= 0.999
