"""A library in which another model waits beside the one that answers."""

from contextlib import contextmanager

import lookalike
from doubles import picture
from lookalike.embedding import import_model
from tiny_model import write_tiny_model


@contextmanager
def parts_with_a_rival(folder, *, pictures):
    """The parts of an indexed library of that many pictures, whose model `tiny` has a `rival`."""
    models, files, photos = (folder / name for name in ("models", "files", "photos"))
    for made in (models, files, photos):
        made.mkdir()
    import_model(write_tiny_model(files), models=models)
    import_model(write_tiny_model(files, name="rival", dimension=2), models=models)
    for seed in range(pictures):
        (photos / f"{seed}.png").write_bytes(picture(seed))
    with lookalike.open(folder / "shop", models=models, model="tiny") as opened:
        opened.index([photos])
        yield opened.parts
