"""The life of a model on a machine: described, pulled, opened, damaged, replaced, removed."""

import hashlib
import multiprocessing
import shutil

import numpy as np
import pytest
from onnx import TensorProto, helper

from embedding.model_folder import leftovers, status_of
from lookalike.embedding import (
    describe_models,
    fit_projection,
    import_model,
    open_encoder,
    pull,
    registry,
    remove_model,
    storage,
)
from lookalike.errors import FetchFailed, ModelMissing, ModelRefused, UnknownModel
from lookalike.progress import Silent

FLOAT = TensorProto.FLOAT


# -- pull


def test_a_described_model_is_pulled_once_and_can_then_be_opened(shipped, models, images):
    before = status_of("shipped", models)
    assert (before.pulled, before.bytes_on_disk) == (False, 0)
    stages = []

    class Told(Silent):
        def stage(self, name, total=None):
            stages.append(name)

    after = pull("shipped", models=models, progress=Told())
    assert after.pulled
    assert after.fingerprint == before.fingerprint
    assert after.bytes_on_disk > 0
    assert {"converting", "trying"} <= set(stages)
    assert not leftovers(models)
    with open_encoder("shipped", models=models) as encoder:
        assert encoder.fingerprint == after.fingerprint
        assert encoder.encode(images(2)).shape == (2, 32)

    shipped.unlink()  # a second pull must not need it
    assert pull("shipped", models=models) == after


def test_a_model_may_lie_beside_its_description(shipped, models, images):
    described = registry.PACKAGED / "shipped.toml"
    kept = registry.PACKAGED / "shipped.onnx"
    shipped.rename(kept)
    text = described.read_text().replace('kind = "file"', 'kind = "packaged"').replace(str(shipped), kept.name)
    described.write_text(text)
    assert pull("shipped", models=models).pulled
    with open_encoder("shipped", models=models) as encoder:
        assert encoder.encode(images(1)).shape == (1, 32)
    remove_model("shipped", models=models)
    kept.unlink()
    with pytest.raises(FetchFailed, match="reinstall"):
        pull("shipped", models=models)
    described.write_text(text.replace(kept.name, "../elsewhere.onnx"))
    with pytest.raises(ModelRefused, match="path"):
        pull("shipped", models=models)


def test_an_unknown_name_is_refused_without_touching_the_folder(models):
    for name in ("nothing", "../nothing", "", "a/b", "/etc"):
        with pytest.raises(UnknownModel, match="there are clip-vit-b16, efficientnet-lite0"):
            pull(name, models=models)
    assert not models.exists()


def test_a_failed_pull_leaves_nothing_and_can_be_repeated(shipped, models):
    content = shipped.read_bytes()
    shipped.write_bytes(content + b"x")
    with pytest.raises(FetchFailed, match="SHA-256"):
        pull("shipped", models=models)
    assert not (models / "shipped").exists()
    assert not leftovers(models)
    shipped.write_bytes(content)
    assert pull("shipped", models=models).pulled


def test_ctrl_c_leaves_nothing(shipped, models):
    class Interrupting(Silent):
        def stage(self, name, total=None):
            if name == "trying":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull("shipped", models=models, progress=Interrupting())
    assert not (models / "shipped").exists()
    assert not leftovers(models)


def _pull_there(packaged, models, results):
    registry.PACKAGED = packaged
    results.put(pull("shipped", models=models).fingerprint)


def test_two_pulls_at_once_do_not_disturb_each_other(shipped, models):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [
        context.Process(target=_pull_there, args=(registry.PACKAGED, models, results), daemon=True) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    fingerprints = {results.get(timeout=120) for _ in workers}
    for worker in workers:
        worker.join()
    assert fingerprints == {status_of("shipped", models).fingerprint}
    assert status_of("shipped", models).pulled


def test_a_changed_description_makes_the_old_graph_unusable_until_pulled_again(shipped, models):
    old = pull("shipped", models=models)
    description = registry.PACKAGED / "shipped.toml"
    description.write_text(
        description.read_text().replace('output = "vector"', 'output = "flat"').replace("= 32\n", "= 48\n", 1)
    )
    assert not status_of("shipped", models).pulled
    with pytest.raises(ModelMissing, match="run `lookalike models"):
        open_encoder("shipped", models=models)
    new = pull("shipped", models=models)
    assert new.pulled
    assert new.fingerprint != old.fingerprint
    assert not leftovers(models)


# -- import


def test_an_imported_model_is_listed_opened_and_removed(source, models, images):
    status = import_model(source, models=models)
    assert status.pulled
    assert status.description.dimension == 32
    assert status.description.source.path == str(source)
    shutil.rmtree(source.parent)
    assert status_of("tiny", models) == status
    with open_encoder("tiny", models=models) as encoder:
        assert encoder.fingerprint == status.fingerprint
        encoder.encode(images(1))
    remove_model("tiny", models=models)
    assert status_of("tiny", models) is None
    with pytest.raises(UnknownModel):
        remove_model("tiny", models=models)


def test_a_model_that_came_with_lookalike_stays_known_when_removed(shipped, models):
    pull("shipped", models=models)
    remove_model("shipped", models=models)
    assert not status_of("shipped", models).pulled
    remove_model("shipped", models=models)


def test_the_file_name_is_the_name_when_the_description_has_none(source, models):
    toml = source.with_suffix(".toml")
    toml.write_text(toml.read_text().replace('name = "tiny"', ""))
    renamed = source.rename(source.with_name("my-model.onnx"))
    toml.rename(renamed.with_suffix(".toml"))
    assert import_model(renamed, models=models).description.name == "my-model"
    assert open_encoder("my-model", models=models).name == "my-model"


def test_an_imported_projection_makes_the_vectors(source, models, images):
    with_none = import_model(source, models=models)
    with open_encoder("tiny", models=models) as encoder:
        fit_projection(encoder.descriptors(images(60)), dimension=8).save(source.with_name("whiten.npz"))
    toml = source.with_suffix(".toml")
    toml.write_text('projection = "whiten.npz"\n' + toml.read_text())
    status = import_model(source, models=models)
    source.with_name("whiten.npz").unlink()
    assert status.fingerprint != with_none.fingerprint
    with open_encoder("tiny", models=models) as encoder:
        assert encoder.dimension == status.description.dimension == 8
        assert encoder.encode(images(3)).shape == (3, 8)
        cosines = encoder.reference_cosines
        assert cosines is not None
        assert np.all(np.diff(cosines) >= 0)


def refused(file, models, words, monkeypatch=None):
    with pytest.raises(ModelRefused, match=words):
        import_model(file, models=models)
    assert not any(models.glob("[!.]*"))


def change(source, before, after):
    toml = source.with_suffix(".toml")
    toml.write_text(toml.read_text().replace(before, after))


def test_a_description_that_promises_another_dimension_is_refused(source, models):
    change(source, 'name = "tiny"', 'name = "tiny"\ndimension = 64')
    refused(source, models, "dimension: says 64, but vectors have 32")


def test_a_projection_of_another_size_is_refused(source, models):
    chance = np.random.default_rng(0)
    fit_projection(chance.normal(size=(20, 9)).astype(np.float32), dimension=4).save(source.with_name("p.npz"))
    change(source, 'name = "tiny"', 'name = "tiny"\nprojection = "p.npz"')
    refused(source, models, "has 32 values per image, but the projection takes 9")


def test_names_of_packaged_models_and_paths_are_refused(source, models):
    change(source, 'name = "tiny"', 'name = "clip-vit-b16"')
    refused(source, models, "included in lookalike; choose another name")
    change(source, 'name = "clip-vit-b16"', 'name = "../../clip"')
    refused(source, models, "tiny.toml: name:")


def test_missing_files_and_other_kinds_of_file_are_refused(source, models):
    refused(source.with_name("nothing.onnx"), models, r"nothing\.onnx: no such file")
    refused(source.with_name("model.pth"), models, r"only \.onnx, \.tflite files")
    refused(source.with_suffix(".toml"), models, "source: is missing")
    source.with_suffix(".toml").unlink()
    refused(source, models, r"tiny\.toml: no such file; docs/models\.md")


def test_a_description_of_another_file_is_refused(source, models):
    change(source, "[graph]", '[graph]\nformat = "tflite"')
    refused(source, models, "describes another file")


@pytest.mark.parametrize(
    ("operator", "words"), [("Log", "not finite"), ("Floor", "the same values for two different images")]
)
def test_a_model_whose_output_says_nothing_is_refused(tmp_path, graph_file, models, source, operator, words):
    nodes = [
        helper.make_node("GlobalAveragePool", ["image_in"], ["mean"]),
        helper.make_node("Mul", ["mean", "small"], ["tiny"]),
        helper.make_node("Add", ["tiny", "half"], ["shifted"]),
        helper.make_node(operator, ["shifted"], ["vector"]),
    ]
    half = {"half": np.float32(0.5 if operator == "Floor" else -5), "small": np.float32(0.01)}
    image = helper.make_tensor_value_info("image_in", FLOAT, ["n", 3, 32, 32])
    graph_file(source, nodes, half, inputs=[image], outputs=[("vector", FLOAT, ["n", 3, 1, 1])])
    refused(source, models, words)


def test_a_toml_with_a_source_needs_no_file_beside_it(source, models, tmp_path):
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    text = source.with_suffix(".toml").read_text()
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text(f'{text}\n[source]\nkind = "file"\npath = "{source}"\nsha256 = "{digest}"\n')
    status = import_model(elsewhere, models=models)
    assert status.pulled
    shutil.rmtree(status.path / "model.onnx", ignore_errors=True)
    (status.path / "model.onnx").unlink()
    assert pull("tiny", models=models).fingerprint == status.fingerprint


def test_a_description_that_was_spoilt_by_hand_does_not_hide_the_others(tiny, caplog):
    (tiny / "tiny" / storage.DESCRIPTION).write_text("licence = ")
    names = [status.description.name for status in describe_models(tiny)]
    assert names == ["clip-vit-b16", "efficientnet-lite0", "lookalike-small"]
    assert "model tiny is left out" in caplog.text


def test_describing_an_empty_or_missing_folder_lists_what_can_be_pulled(models):
    statuses = describe_models(models)
    assert [status.pulled for status in statuses] == [False, False, False]
    assert all(len(status.fingerprint or "") == 64 for status in statuses)
    assert all(status.path == models / status.description.name for status in statuses)
