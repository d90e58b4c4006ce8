import pytest
import torch

import lookalike
from doubles import picture
from lookalike.embedding import import_model
from pictures import write_kinds
from tiny_model import write_tiny_model

SHADES = 3


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Two test processes share the machine, and sums do not depend on how work is split."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """The tiny model, and one that sees next to nothing."""
    folder, files = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("files")
    import_model(write_tiny_model(files), models=folder)
    import_model(write_tiny_model(files, name="blind", dimension=1), models=folder)
    return folder


@pytest.fixture
def library(tmp_path, models):
    """A library in which nothing was indexed yet."""
    with lookalike.open(tmp_path / "library", models=models, model="tiny") as opened:
        yield opened


@pytest.fixture
def shop(tmp_path, library):
    """Twelve kinds of pictures in three grainy versions each, indexed; grades say that versions belong together."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for noise in range(SHADES):
        for seed in range(12):
            (folder / f"{seed}-{noise}.png").write_bytes(picture(seed, noise=1 + 40 * noise))
    library.index([folder])
    lines = [f"{seed}-0.png 0 {seed}-{noise}.png {5 - noise}\n" for seed in range(12) for noise in range(SHADES)]
    (folder / "grades.qrels").write_text("".join(lines))
    return folder


@pytest.fixture
def things(tmp_path, library):
    """132 pictures of six kinds, indexed, with a grade 4 for every two of one kind."""
    folder = write_kinds(tmp_path / "things")
    library.index([folder])
    return folder
