"""From a checkpoint to a library that searches with it."""

import sys

import pytest

import lookalike
from doubles import picture
from local_hub import local_hub, publish
from lookalike import Query
from lookalike.embedding import available, remove_model
from lookalike.errors import CallerError, DependencyMissing, FetchFailed, ModelRefused
from lookalike.library.convert import ConvertRequest, convert
from lookalike.library.models import obtain_model
from lookalike.progress import Silent
from lookalike.settings import load_settings
from training.network.tiny_checkpoints import checkpoint


@pytest.fixture
def settings(tmp_path):
    return load_settings({"library": tmp_path / "library", "models": tmp_path / "models"})


@pytest.fixture
def hub(monkeypatch):
    with local_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{hub.server_port}/")
        monkeypatch.setenv("no_proxy", "*")
        yield hub


@pytest.fixture
def described(tmp_path, monkeypatch):
    """`tiny-dino` among the models of the hub."""
    folder = tmp_path / "available"
    folder.mkdir()
    text = (available.AVAILABLE / "dinov2-small.toml").read_text(encoding="utf-8")
    text = text.replace("size = 224", "size = 32").replace("dimension = 384", "dimension = 32")
    text = text.replace("facebook/dinov2-small", "me/tiny-dino-repository").replace('"Apache-2.0"', '"their licence"')
    (folder / "tiny-dino.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(available, "AVAILABLE", folder)


def test_a_folder_becomes_a_model_that_indexes_and_searches(settings, tmp_path):
    checkpoint("siglip", tmp_path / "My-SigLIP")
    done = convert(settings, ConvertRequest(source=str(tmp_path / "My-SigLIP"), licence="MIT"), Silent())
    assert (done.status.description.name, done.files) == ("my-siglip", None)
    (tmp_path / "photos").mkdir()
    for seed in range(12):
        (tmp_path / "photos" / f"{seed}.png").write_bytes(picture(seed))
    with lookalike.open(tmp_path / "library", models=settings.models, model="my-siglip") as library:
        assert library.index([tmp_path / "photos"]).report.added == 12
        (first, *others) = library.search(Query.picture(tmp_path / "photos" / "7.png"), limit=5)
    assert first.image.source.endswith("7.png")
    assert len(others) == 4


def test_a_model_of_the_hub_is_pulled_by_its_name(settings, hub, described, tmp_path):
    checkpoint("dinov2", tmp_path / "here")
    publish(hub, tmp_path / "here", repository="me/tiny-dino-repository")
    status = obtain_model(settings, "tiny-dino", Silent())
    assert status.description.licence == "their licence"
    assert status.description.preprocessing.fit == "centre-crop"
    asked = len(hub.asked)
    assert obtain_model(settings, "tiny-dino", Silent()).fingerprint == status.fingerprint
    assert len(hub.asked) == asked
    assert list((settings.models / ".checkpoints").iterdir()) == [], "gigabytes that nothing needs any more"
    remove_model("tiny-dino", models=settings.models)
    obtain_model(settings, "tiny-dino", Silent())


def test_a_repository_brings_its_own_preprocessing(settings, hub, tmp_path):
    checkpoint("clip", tmp_path / "here")
    publish(hub, tmp_path / "here", repository="me/Mine", revision="abc")
    done = convert(settings, ConvertRequest(source="me/Mine@abc", licence="MIT", files=tmp_path / "out"), Silent())
    assert done.status.description.name == "mine"
    assert done.status.description.preprocessing.mean == (0.485, 0.456, 0.406)
    assert (tmp_path / "out" / "mine.onnx").is_file()


def test_somebody_elses_model_of_the_same_name_is_not_taken_for_it(settings, hub, described, tmp_path):
    checkpoint("vit", tmp_path / "here")
    publish(hub, tmp_path / "here", repository="else/tiny-dino")
    with pytest.raises(CallerError, match="under which licence"):
        convert(settings, ConvertRequest(source="else/tiny-dino"), Silent())


def test_without_a_network_one_sentence_says_what_was_tried_and_what_to_do(settings, described, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(FetchFailed) as failed:
        obtain_model(settings, "tiny-dino", Silent())
    said = str(failed.value)
    assert "\n" not in said
    assert said.startswith("could not fetch me/tiny-dino-repository (http://127.0.0.1:1/me/tiny-dino-repository/")
    assert "use a machine that has one" in said
    assert "`lookalike models convert FOLDER --name tiny-dino`" in said


def test_a_repository_behind_a_licence_says_so(settings, hub, described):
    hub.denied.add("/me/tiny-dino-repository/resolve/main/config.json")
    with pytest.raises(FetchFailed, match="only to people who accepted its licence.*models convert FOLDER --name"):
        obtain_model(settings, "tiny-dino", Silent())


def test_a_repository_that_is_not_there_says_so(settings, hub):
    with pytest.raises(FetchFailed, match=r"answered 404.*check the name and the revision"):
        convert(settings, ConvertRequest(source="me/none", licence="MIT"), Silent())


def test_a_folder_that_was_brought_here_is_converted_by_the_description(settings, described, tmp_path):
    checkpoint("dinov2", tmp_path / "brought")
    (tmp_path / "brought" / "preprocessor_config.json").unlink()
    done = convert(settings, ConvertRequest(source=str(tmp_path / "brought"), name="tiny-dino"), Silent())
    assert done.status.description.licence == "their licence"


def test_what_fails_after_the_download_keeps_the_download(settings, hub, tmp_path):
    checkpoint("dinov2", tmp_path / "here")
    publish(hub, tmp_path / "here")
    request = ConvertRequest(source="me/mine", licence="MIT", size=30)
    with pytest.raises(ModelRefused, match="multiple of 8"):
        convert(settings, request, Silent())
    asked = len(hub.asked)
    convert(settings, ConvertRequest(source="me/mine", licence="MIT"), Silent())
    assert len(hub.asked) == asked


@pytest.mark.parametrize(
    ("source", "name", "says"),
    [
        ("no folder", None, "model name"),
        ("nothing", None, "neither a folder, nor a name"),
        ("me/clip-vit-b16", None, "included in lookalike"),
        ("me/mine", "My Model", "model name"),
    ],
)
def test_what_is_no_source_and_no_name_is_refused(source, name, says, settings):
    with pytest.raises(ModelRefused, match=says):
        convert(settings, ConvertRequest(source=source, name=name, licence="MIT"), Silent())


def test_without_torch_the_extra_is_named(settings, tmp_path, monkeypatch):
    checkpoint("vit", tmp_path / "mine")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(DependencyMissing, match=r"pip install 'lookalike\[export\]'.*needs neither"):
        convert(settings, ConvertRequest(source=str(tmp_path / "mine"), licence="MIT"), Silent())
