"""Bytes to what the catalog stores of an image, with its vector: one path for files and uploads."""

from dataclasses import replace
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple, TypedDict, Unpack

from numpy import float32
from numpy.typing import NDArray

from lookalike.catalog import ImageAddition, KnownImage, SourceFile, content_id
from lookalike.columns import ImageRow
from lookalike.embedding import PictureEncoder
from lookalike.indexing.folders import source_file
from lookalike.preprocessing import Limits, Prepared
from lookalike.regular_files import read_regular
from lookalike.types import Visibility


class Placement(TypedDict, total=False):
    """Where an image comes from and to whom it belongs: the fields of `ImageAddition` that its bytes do not say."""

    source: SourceFile
    upload: bytes
    upload_name: str | None
    owner_id: str | None
    tags: tuple[str, ...]
    visibility: Visibility
    restore: bool


class Described(NamedTuple):
    """What is kept of one image: its columns, and its vector, [dimension] float32."""

    columns: ImageRow
    vector: NDArray[float32]


def describe(pictures: PictureEncoder, content: bytes, *, name: str) -> Described:
    """What is kept of an image.

    Raises:
        ImageRefused: the bytes are not an image we accept.
    """
    prepared = pictures.prepare(content, name=name)
    return Described(columns=prepared.columns, vector=pictures.encode(prepared))


def embedded_addition(
    pictures: PictureEncoder, content: bytes, *, name: str, **placement: Unpack[Placement]
) -> ImageAddition:
    """What to store of an image, with its vector.

    Raises:
        ImageRefused: the bytes are not an image we accept.
    """
    prepared = pictures.prepare(content, name=name)
    addition = addition_of(content_id(content), len(content), prepared, **placement)
    return with_vector(addition, pictures.encoder.fingerprint, pictures.encode(prepared))


def precomputed_addition(
    pictures: PictureEncoder, path: str, vector: NDArray[float32], **placement: Unpack[Placement]
) -> tuple[ImageAddition, bytes]:
    """What to store of a file whose vector was computed elsewhere, and its bytes.

    Args:
        pictures: of the model that the vector is of.
        path: absolute, of the file.
        vector: [dimension] float32, of unit length.
        **placement: to whom it belongs.

    Raises:
        OSError: it cannot be read.
        ImageRefused: the bytes are not an image we accept.
    """
    content, status = read_regular(Path(path))
    prepared = pictures.prepare(content, name=path)
    placement["source"] = source_file(path, status)
    addition = addition_of(content_id(content), len(content), prepared, **placement)
    return with_vector(addition, pictures.encoder.fingerprint, vector), content


def addition_of(
    image_id: str, byte_count: int, seen: Prepared | KnownImage, **placement: Unpack[Placement]
) -> ImageAddition:
    """What to store of an image, but for its vector.

    Args:
        image_id: of the file's bytes.
        byte_count: how many those are.
        seen: the image, decoded now or known from before.
        **placement: where it comes from and to whom it belongs.
    """
    return ImageAddition(
        content_id=image_id,
        width=seen.width,
        height=seen.height,
        mean_colour=seen.mean_colour,
        media_type=seen.media_type,
        byte_count=byte_count,
        columns=seen.columns,
        **placement,
    )


def with_vector(addition: ImageAddition, fingerprint: str, vector: NDArray[float32]) -> ImageAddition:
    """The same with its vector by a model, [dimension] float32."""
    return replace(addition, fingerprint=fingerprint, vector=vector)


_DECODERS = ("lookalike", "pillow", "pillow-heif", "pillow-avif-plugin", "rawpy", "tifffile", "imagecodecs")


@cache
def refused_under(limits: Limits) -> str:
    """What a refusal depends on beside the bytes; where it is another, refused files are read again.

    A hash of the limits and of the versions of what decodes.
    """
    parts = [repr(limits)]
    for package in _DECODERS:
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return sha256("\n".join(parts).encode()).hexdigest()[:16]
