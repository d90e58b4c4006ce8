"""What a backup of a library holds beside its catalog."""

from lookalike.backup import Parts
from lookalike.embedding.registry import is_packaged
from lookalike.library.parts import LibraryParts
from lookalike.settings import FILE_NAME

_LARGEST_RECORD = 10 * 1024 * 1024  # bytes of a file of a training run: what is larger is a checkpoint


def backup_parts(library: LibraryParts) -> Parts:
    """Uploads, settings, the index choice, records of training runs, and the models that were made here."""
    folder, models = library.settings.library, library.settings.models
    wanted = [folder / FILE_NAME, library.index_choice, *(folder / "training" / "runs").rglob("*")]
    here = [file for file in wanted if file.is_file() and file.stat().st_size <= _LARGEST_RECORD]
    files = {file.relative_to(folder).as_posix(): file for file in here}
    names = {step.model.name for step in library.catalog.models.history()}
    for name in sorted(names):
        if not is_packaged(name):  # others can be pulled again
            files |= {
                f"models/{name}/{file.name}": file for file in sorted((models / name).glob("*")) if file.is_file()
            }
    return Parts(originals=library.settings.originals, files=files)
