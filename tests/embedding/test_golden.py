"""A model is used only if it reproduces the vectors that its maker stored beside it."""

import json

import numpy as np
import pytest

from lookalike.embedding import Golden, describe_model, golden_pictures, import_model, open_encoder, pull, registry
from lookalike.errors import ModelRefused
from lookalike.preprocessing import Preprocessing
from tiny_model import write_tiny_model


@pytest.fixture
def golden(tiny):
    """What the tiny model gives."""
    with open_encoder("tiny", models=tiny) as encoder:
        made = Golden(pictures=golden_pictures(), vectors=np.zeros((8, encoder.dimension), np.float32))
        return Golden(pictures=made.pictures, vectors=encoder.encode(made.batch(encoder.preprocessing)))


def describe_golden(file, golden):
    """Golden vectors beside a model that waits to be imported."""
    golden.save(file.with_suffix(".golden.npz"))
    toml = file.with_suffix(".toml")
    toml.write_text(f'golden = "{file.stem}.golden.npz"\n{toml.read_text()}')
    return file


def test_a_model_that_reproduces_them_is_imported_and_says_so(source, golden, tmp_path):
    status = import_model(describe_golden(source, golden), models=tmp_path / "new")
    assert status.golden_cosine == pytest.approx(1, abs=1e-6)
    assert describe_model("tiny", models=tmp_path / "new").golden_cosine == status.golden_cosine
    kept = Golden.load(tmp_path / "new" / "tiny" / "golden.npz")
    assert np.array_equal(kept.vectors, golden.vectors)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (lambda text: text.replace("mean = [0.5, 0.5, 0.5]", "mean = [0.5, 0.1, 0.9]"), "picture [1-8] of 8"),
        (lambda text: text.replace('"squash"', '"pad"').replace("std = [0.5,", "std = [0.25,"), "below 0.9999"),
    ],
)
def test_another_preprocessing_is_refused_and_nothing_is_kept(changed, says, source, golden, tmp_path):
    file = describe_golden(source, golden)
    file.with_suffix(".toml").write_text(changed(file.with_suffix(".toml").read_text()))
    with pytest.raises(ModelRefused, match=says):
        import_model(file, models=tmp_path / "new")
    assert not (tmp_path / "new" / "tiny").exists()


def test_other_weights_are_refused(golden, tmp_path):
    file = describe_golden(write_tiny_model(tmp_path / "other", dimension=32), golden)
    content = file.read_bytes()
    weights = np.random.default_rng(2).normal(size=256).astype("<f4").tobytes()
    file.write_bytes(content[:2_000] + weights + content[2_000 + len(weights) :])
    with pytest.raises(ModelRefused, match="does not reproduce its golden vectors"):
        import_model(file, models=tmp_path / "new")


def test_vectors_of_another_dimension_are_refused(source, golden, tmp_path):
    file = describe_golden(source, Golden(pictures=golden.pictures, vectors=golden.vectors[:, :16]))
    with pytest.raises(ModelRefused, match="have 16 values, but it gives 32"):
        import_model(file, models=tmp_path / "new")


def test_a_model_that_is_pulled_is_checked_too(shipped, golden, models):
    described = registry.PACKAGED / "shipped.toml"
    wrong = Golden(pictures=golden.pictures, vectors=np.roll(golden.vectors, 1, axis=0))
    wrong.save(registry.PACKAGED / "shipped.golden.npz")
    described.write_text('golden = "shipped.golden.npz"\n' + described.read_text())
    with pytest.raises(ModelRefused, match="does not reproduce"):
        pull("shipped", models=models)
    golden.save(registry.PACKAGED / "shipped.golden.npz")
    assert pull("shipped", models=models).golden_cosine == pytest.approx(1, abs=1e-4)


def test_golden_vectors_are_no_part_of_the_fingerprint(source, tiny, golden, tmp_path):
    before = describe_model("tiny", models=tiny).fingerprint
    assert import_model(describe_golden(source, golden), models=tmp_path / "new").fingerprint == before


def test_a_record_of_an_earlier_version_still_counts(tiny):
    file = tiny / "tiny" / "record.json"
    record = json.loads(file.read_text())
    del record["golden_cosine"]
    file.write_text(json.dumps(record))
    status = describe_model("tiny", models=tiny)
    assert (status.pulled, status.golden_cosine) == (True, None)


def test_a_model_may_leave_room(golden):
    nearly = golden.vectors + np.float32(0.02)
    nearly /= np.linalg.norm(nearly, axis=1, keepdims=True)
    seen = Preprocessing(size=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    with pytest.raises(ModelRefused):
        golden.check(lambda _: nearly, seen, name="mine")
    roomy = Golden(pictures=golden.pictures, vectors=golden.vectors, least_cosine=0.98)
    assert 0.98 < roomy.check(lambda _: nearly, seen, name="mine") < 0.9999


def test_a_file_that_is_no_golden_vectors_is_refused(golden, tmp_path):
    file = tmp_path / "golden.npz"
    file.write_bytes(b"no archive")
    with pytest.raises(ModelRefused, match="not readable"):
        Golden.load(file)
    Golden(pictures=golden.pictures[:3], vectors=golden.vectors).save(file)
    with pytest.raises(ModelRefused, match="do not make golden vectors"):
        Golden.load(file)


def test_the_generated_pictures_are_small_and_differ(golden):
    assert golden_pictures().shape == (8, 96, 96, 3)
    assert (golden.vectors @ golden.vectors.T)[~np.eye(8, dtype=bool)].max() < 0.999
