"""One tree of errors: whose fault it is, and what to do about it.

::

    LookalikeError
    ├── CallerError             the request cannot be served as asked         HTTP 4xx, exit 2
    │   ├── ImageRefused        bytes that are not an acceptable image
    │   ├── QueryRefused        a query of a kind that the live model cannot be asked with
    │   ├── CropRefused         a crop outside the image, empty, or not a number
    │   ├── UrlRefused          a URL that is not fetched, or led to no picture
    │   ├── UnknownImage        no image of that id can be searched or shown
    │   ├── ImageHeld           an image that moderation hides until somebody decides
    │   ├── UnknownModel        no model of that name is described
    │   ├── ModelRefused        a model file or its description is not usable
    │   ├── VectorsRefused      wrong dimension, wrong fingerprint, not finite
    │   ├── CursorRefused       a page cursor that is damaged or expired
    │   ├── EventRefused        an impression, click or dwell that cannot be stored
    │   ├── EvaluationRefused   judgements, a run or a measure that cannot be evaluated
    │   ├── TrainingRefused     examples, settings or a checkpoint that training cannot use
    │   ├── TrainingDiverged    the loss or the weights are no numbers any more
    │   └── PromotionRefused    a model that ranks worse, or that nobody measured, should not become live
    ├── EnvironmentFault        something the program needs is missing       HTTP 503/507, exit 3
    │   ├── LibraryMissing      there is no library in that folder yet
    │   ├── LibraryTooNew       written by a newer version of lookalike
    │   ├── LibraryOutdated     its vectors are of an earlier recipe: index once more
    │   ├── LibraryBusy         another process holds the lock
    │   ├── ModelMissing        the model was not pulled
    │   ├── FetchFailed         a download failed or its checksum is wrong
    │   ├── DependencyMissing   an optional Python package is not installed
    │   ├── StorageFailed       disk full, read-only, or failing
    │   ├── MemoryExhausted     training needs more memory than there is
    │   └── SnapshotDamaged     a published snapshot fails its checksums
    │       └── SnapshotOutdated  it is whole, but of an earlier version of lookalike
    └── InternalFault           a bug in lookalike                            HTTP 500, exit 1

`code` is stable: it ends the problem type in HTTP answers and appears in `--json` output.
Programming mistakes raise Python's own exceptions.
"""

from typing import ClassVar, Self


class LookalikeError(Exception):
    """Base of every error this package raises on purpose."""

    code: ClassVar[str] = "error"


class CallerError(LookalikeError):
    """The request cannot be served as asked; asking differently helps."""

    code = "bad-request"


class ImageRefused(CallerError):
    """The bytes are not an image we accept.

    Args:
        name: the file or field, as the caller knows it.
        reason: a stable slug, one of `not-an-image`, `empty`, `truncated`, `too-many-bytes`, `too-many-pixels`,
            `side-too-long`, `unsupported-format`, `unreadable`, `decoder-failed`.
        message: what is wrong, with the limit and the value where there is one, and what to do.
    """

    code = "image-refused"

    def __init__(self, name: str, reason: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.reason = reason
        self.message = message

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, str]]:
        """Pickles by what it was made of: a refusal in another process comes back as one."""
        return type(self), (self.name, self.reason, self.message)


class QueryRefused(CallerError):
    """The live model cannot be asked with such a subject, as with words where it knows pictures only."""

    code = "query-refused"


class CropRefused(CallerError):
    """The crop is outside the image, has no area, or is not a number."""

    code = "crop-refused"


class UrlRefused(CallerError):
    """A URL that is not fetched for a caller, or that led to nothing within the limits."""

    code = "url-refused"


class UnknownImage(CallerError):
    """No image of that id can be searched or shown."""

    code = "unknown-image"

    @classmethod
    def of(cls, image_id: str) -> "UnknownImage":
        """In the one wording there is, whether the image never was, was deleted, or is hidden from whoever asks."""
        return cls(f"no image {image_id[:64]!a} is in this library")


class ImageHeld(CallerError):
    """Moderation hides the image, and only a decision about it shows it again."""

    code = "image-held"

    @classmethod
    def of(cls, image_id: str) -> "ImageHeld":
        """With what to do."""
        return cls(
            f"image {image_id}: moderation hides it; decide about it in the review queue, or with"
            f" `lookalike moderation decide {image_id} --as shown`"
        )


class UnknownModel(CallerError):
    """No model of that name is described here."""

    code = "unknown-model"


class ModelRefused(CallerError):
    """A model file, or the description beside it, is not usable."""

    code = "model-refused"


class VectorsRefused(CallerError):
    """Vectors of the wrong dimension, of another model, or with values that are not finite."""

    code = "vectors-refused"


class CursorRefused(CallerError):
    """The page cursor is damaged or its result list is no longer kept."""

    code = "cursor-refused"


class EventRefused(CallerError):
    """The event names an unknown query or image, or its values make no sense."""

    code = "event-refused"


class EvaluationRefused(CallerError):
    """Judgements, a run or a measure that cannot be evaluated.

    Args:
        message: what is wrong and what to do.
        problems: every fault found, one in words each, where there may be several.
    """

    code = "evaluation-refused"

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class PromotionRefused(CallerError):
    """A model that ranks worse than the live one, or that nobody measured, should not take its place.

    Attributes:
        comparison: the `Candidacy` that was refused; None where nothing was compared.
    """

    code = "promotion-refused"

    def __init__(self, message: str, comparison: object = None) -> None:
        super().__init__(message)
        self.comparison = comparison


class TrainingRefused(CallerError):
    """Examples, settings or a checkpoint that training cannot use."""

    code = "training-refused"


class TrainingDiverged(CallerError):
    """The loss or the weights are no numbers any more; gentler settings help, and the message names them."""

    code = "training-diverged"


class EnvironmentFault(LookalikeError):
    """Something that the program needs is missing or failing; the message says what to do."""

    code = "environment"


class LibraryMissing(EnvironmentFault):
    """There is no library in that folder yet."""

    code = "library-missing"

    @classmethod
    def nothing_indexed(cls) -> "LibraryMissing":
        """The library is there, but no model answers in it yet."""
        return cls("nothing was indexed here yet: run `lookalike index FOLDER` first")


class LibraryTooNew(EnvironmentFault):
    """The library was written by a newer version of lookalike; nothing was changed."""

    code = "library-too-new"


class LibraryOutdated(EnvironmentFault):
    """The live model is here, but an earlier version of lookalike made the library's vectors with it."""

    code = "library-outdated"


class LibraryBusy(EnvironmentFault):
    """Another process holds the lock that this operation needs."""

    code = "library-busy"


class ModelMissing(EnvironmentFault):
    """The model is described but its file was not pulled to this machine."""

    code = "model-missing"


class FetchFailed(EnvironmentFault):
    """A download failed, or what came does not match its checksum.

    Args:
        message: what failed and what to do.
        reason: what failed alone, for callers who advise otherwise.
        answered: HTTP status of a server that refused; None where none answered.
    """

    code = "fetch-failed"

    def __init__(self, message: str, *, reason: str = "", answered: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason or message
        self.answered = answered


class DependencyMissing(EnvironmentFault):
    """An optional Python package is needed; the message names its install command."""

    code = "dependency-missing"


class StorageFailed(EnvironmentFault):
    """The disk is full, read-only or failing; what was acknowledged before is safe."""

    code = "storage-failed"


class MemoryExhausted(EnvironmentFault):
    """Training needs more memory than there is; the message says what to make smaller."""

    code = "memory-exhausted"


class SnapshotDamaged(EnvironmentFault):
    """A published snapshot fails its checksums."""

    code = "snapshot-damaged"


class SnapshotOutdated(SnapshotDamaged):
    """A published snapshot is of an earlier version; the next run builds a new one from the catalog."""


class InternalFault(LookalikeError):
    """A bug in lookalike."""

    code = "internal"
