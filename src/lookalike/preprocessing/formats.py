"""Which files are supported images, determined from their first bytes and never from their name."""

from pathlib import PurePath

from lookalike.errors import ImageRefused
from lookalike.preprocessing.containers import raw_kind

HEIC = "image/heic"
AVIF = "image/avif"
RAW = "image/x-raw"
"""Camera raw files of all makers: the picture is the largest one that the camera developed into the file."""

FORMATS: dict[str, tuple[str, tuple[str, ...]]] = {
    "image/jpeg": ("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif")),
    "image/png": ("PNG", (".png", ".apng")),
    "image/webp": ("WebP", (".webp",)),
    "image/gif": ("GIF", (".gif",)),
    "image/bmp": ("BMP", (".bmp", ".dib")),
    "image/tiff": ("TIFF", (".tif", ".tiff")),
    AVIF: ("AVIF", (".avif", ".avifs")),
    HEIC: ("HEIC", (".heic", ".heif", ".hif")),
    RAW: (
        "RAW",
        (
            *(".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".sr2", ".srf", ".orf", ".rw2", ".raf", ".pef"),
            *(".srw", ".3fr", ".iiq", ".erf", ".mef", ".mos", ".mrw", ".rwl", ".x3f", ".dcr", ".kdc", ".gpr"),
        ),
    ),
}
"""Media type -> the format's name and its usual file suffixes."""

EXTENSIONS: frozenset[str] = frozenset(suffix for _, suffixes in FORMATS.values() for suffix in suffixes)
"""Lower-case suffixes, with their dot, of files worth opening when a folder is walked."""

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
)

_NOT_READ: tuple[tuple[bytes, str], ...] = (
    (b"8BPS", "a Photoshop document"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"%PDF-", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript document"),
    (b"<svg", "an SVG drawing"),
    (b"\0\0\1\0", "an icon file"),
    (b"DDS ", "a DDS texture"),
    (b"v/1\x01", "an OpenEXR image"),
    (b"qoif", "a QOI image"),
    (b"P1\n", "a PNM image"),
    (b"P2\n", "a PNM image"),
    (b"P3\n", "a PNM image"),
    (b"P4\n", "a PNM image"),
    (b"P5\n", "a PNM image"),
    (b"P6\n", "a PNM image"),
)

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}


def worth_opening(file_name: str) -> bool:
    """Whether the name ends like an image's; the content decides later whether it is one."""
    return PurePath(file_name).suffix.lower() in EXTENSIONS


def begins_like_an_image(first_bytes: bytes) -> bool:
    """Whether a file without a known suffix looks like an image, judging by its first 32 bytes."""
    media_type = _known(first_bytes)
    if media_type == "image/bmp":  # two letters that many texts begin with: its reserved bytes are 0
        return first_bytes[6:10] == bytes(4)
    return media_type is not None


def reads(media_type: str) -> bool:
    """Whether images of that media type are decoded here."""
    return media_type in FORMATS


def sniff(content: bytes, *, name: str) -> str:
    """The media type that the first bytes say.

    Raises:
        ImageRefused: `unsupported-format` for formats that are known and not read; `not-an-image` for everything else.
    """
    if raw_kind(content) is not None:
        return RAW
    media_type = _known(content)
    if media_type is not None:
        return media_type
    kind = next((kind for prefix, kind in _NOT_READ if content.startswith(prefix)), None)
    if content[4:8] == b"ftyp":
        kind = f"a media file of brand {content[8:12]!r}"
    if kind is not None:
        raise ImageRefused(name, "unsupported-format", f"{kind}, which is not supported; save it as JPEG, PNG or WebP")
    known = ", ".join(label for label, _ in FORMATS.values())
    raise ImageRefused(name, "not-an-image", f"its first bytes are not those of an image; supported formats: {known}")


def _known(content: bytes) -> str | None:
    for prefix, media_type in _SIGNATURES:
        if content.startswith(prefix):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp":
        return _by_brand(content)
    return None


def _by_brand(content: bytes) -> str | None:
    """AVIF and HEIC share a container: the first brand decides, or, where it is general, the compatible ones."""
    end = min(int.from_bytes(content[:4], "big"), 256)
    brands = [content[8:12], *(content[at : at + 4] for at in range(16, end - 3, 4))]
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return AVIF
        if brand in _HEIC_BRANDS:
            return HEIC
    return None
