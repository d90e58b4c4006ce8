"""Images for tests, made in memory: ordinary ones, odd ones, hostile ones. Everything is deterministic.

Plain functions that return the bytes of a file (`..._bytes`) or a Pillow image. The default picture is `photo()`.
"""

import io
import struct
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import pillow_heif
from PIL import Image

ORIENTATIONS = range(1, 9)
"""Every EXIF orientation."""

_AS_STORED = {  # what a camera did to an upright picture before it wrote that orientation
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


# -- pictures ----------------------------------------------------------------------------------------------------------


def photo(width: int = 320, height: int = 240, seed: int = 0) -> Image.Image:
    """Smooth, colourful, never the same for two seeds: behaves like a photograph in codecs and in hashes."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def noise(width: int = 320, height: int = 240, seed: int = 0) -> Image.Image:
    """Every pixel random: large files, the worst case for codecs."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def flat(width: int = 64, height: int = 48, colour: tuple[int, int, int] = (200, 30, 60)) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def quadrants(width: int = 80, height: int = 60) -> Image.Image:
    """Red, green / blue, white: each orientation and each crop is told from the others."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 255)
    pixels[height // 2 :, width // 2 :] = (255, 255, 255)
    return Image.fromarray(pixels)


def grey_ramp_16(width: int = 256, height: int = 16) -> np.ndarray:
    """[height, width] uint16 from 0 to 65535, left to right."""
    return np.tile(np.linspace(0, 65535, width).round().astype(np.uint16), (height, 1))


# -- ordinary files ----------------------------------------------------------------------------------------------------


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def jpeg_bytes(image: Image.Image | None = None, *, quality: int = 90, **options: object) -> bytes:
    return encoded(image or photo(), "JPEG", quality=quality, **options)


def png_bytes(image: Image.Image | None = None, **options: object) -> bytes:
    return encoded(image or photo(), "PNG", **options)


def webp_bytes(image: Image.Image | None = None, **options: object) -> bytes:
    return encoded(image or photo(), "WEBP", **options)


def gif_bytes(image: Image.Image | None = None, **options: object) -> bytes:
    return encoded(image or photo(), "GIF", **options)


def bmp_bytes(image: Image.Image | None = None, **options: object) -> bytes:
    return encoded(image or photo(), "BMP", **options)


def tiff_bytes(image: Image.Image | None = None, **options: object) -> bytes:
    return encoded(image or photo(), "TIFF", **options)


def avif_bytes(image: Image.Image | None = None, **options: object) -> bytes:
    return encoded(image or photo(), "AVIF", speed=10, **options)


def heic_bytes(image: Image.Image | None = None) -> bytes:
    picture = image or photo()
    stream = io.BytesIO()
    pillow_heif.from_pillow(picture).save(stream)
    return stream.getvalue()


FILES: dict[str, Callable[..., bytes]] = {
    "image/jpeg": jpeg_bytes,
    "image/png": png_bytes,
    "image/webp": webp_bytes,
    "image/gif": gif_bytes,
    "image/bmp": bmp_bytes,
    "image/tiff": tiff_bytes,
    "image/avif": avif_bytes,
}
"""Media type -> function that writes `photo()`, or the image it is given, in that format."""


# -- EXIF --------------------------------------------------------------------------------------------------------------


def exif_block(orientation: int, *, big_endian: bool = False) -> bytes:
    """A minimal EXIF block (TIFF header and one entry), without the `Exif` prefix of JPEG."""
    order = ">" if big_endian else "<"
    head = b"MM" if big_endian else b"II"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return head + struct.pack(order + "HIH", 42, 8, 1) + entry + struct.pack(order + "I", 0)


def oriented_bytes(orientation: int, image: Image.Image | None = None, *, file_format: str = "JPEG") -> bytes:
    """A file that any viewer honouring EXIF shows as `image` (default `quadrants()`), stored turned or mirrored.

    `file_format` is JPEG, PNG, WEBP, TIFF or AVIF.
    """
    upright = image or quadrants()
    method = _AS_STORED[orientation]
    stored = upright if method is None else upright.transpose(method)
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless: dict[str, dict[str, object]] = {
        "JPEG": {"quality": 95, "subsampling": 0},
        "WEBP": {"lossless": True},
        "AVIF": {"quality": 95, "speed": 10, "subsampling": "4:4:4"},
    }
    if file_format == "TIFF":
        return encoded(stored, "TIFF", tiffinfo={0x0112: orientation})
    return encoded(stored, file_format, exif=exif.tobytes(), **lossless.get(file_format, {}))


def jpeg_with_segment(payload: bytes, *, marker: int = 0xE1, image: Image.Image | None = None) -> bytes:
    """A JPEG with one more segment right behind its start, by default APP1 (where EXIF lives)."""
    plain = jpeg_bytes(image)
    return plain[:2] + struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload + plain[2:]


def malformed_exif_bytes() -> bytes:
    """A good JPEG whose EXIF block is cut off, points outside itself and has an impossible type."""
    return jpeg_with_segment(b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01\x63\0\xff\xff\xff\x7f\xf0\xff\xff\xff\x12\x01")


# -- modes -------------------------------------------------------------------------------------------------------------


def grey_jpeg_bytes() -> bytes:
    return jpeg_bytes(photo().convert("L"))


def progressive_jpeg_bytes(image: Image.Image | None = None) -> bytes:
    return jpeg_bytes(image, progressive=True)


def cmyk_jpeg_bytes(image: Image.Image | None = None) -> bytes:
    """Four channels with an Adobe marker, values inverted: what Photoshop writes and every viewer expects."""
    return jpeg_bytes((image or photo()).convert("CMYK"), quality=95, subsampling=0)


def ycck_jpeg_bytes(image: Image.Image | None = None) -> bytes:
    """As `cmyk_jpeg_bytes`, with the first three channels stored as luma and chroma (Adobe transform 2)."""
    cyan, magenta, yellow, key = (image or photo()).convert("CMYK").split()
    luma = Image.merge("RGB", (cyan, magenta, yellow)).convert("YCbCr").split()
    # The encoder inverts all four channels; for these three YCCK wants them as they are.
    channels = [Image.eval(channel, lambda value: 255 - value) for channel in luma] + [key]
    plain = encoded(Image.merge("CMYK", channels), "JPEG", quality=95, subsampling=0)
    at = plain.index(b"Adobe") + 11
    return plain[:at] + b"\x02" + plain[at + 1 :]


def cmyk_tiff_bytes(image: Image.Image | None = None) -> bytes:
    return tiff_bytes((image or photo()).convert("CMYK"))


def grey16_png_bytes(values: np.ndarray | None = None) -> bytes:
    return png_bytes(Image.fromarray(grey_ramp_16() if values is None else values))


def grey16_tiff_bytes(values: np.ndarray | None = None, *, big_endian: bool = False) -> bytes:
    pixels = grey_ramp_16() if values is None else values
    if not big_endian:
        return tiff_bytes(Image.fromarray(pixels))
    height, width = pixels.shape
    return tiff_bytes(Image.frombytes("I;16B", (width, height), pixels.astype(">u2").tobytes()))


def grey32_tiff_bytes(values: np.ndarray) -> bytes:
    """Mode I: `values` [height, width] int32."""
    return tiff_bytes(Image.fromarray(values.astype(np.int32)))


def float_tiff_bytes(values: np.ndarray) -> bytes:
    """Mode F: `values` [height, width] float32; may hold NaN and infinities."""
    return tiff_bytes(Image.fromarray(values.astype(np.float32)))


def rgb16_png_bytes(values: np.ndarray | None = None) -> bytes:
    """`values` [height, width, 3] uint16, default a grey ramp in three channels."""
    pixels = np.repeat(grey_ramp_16()[:, :, None], 3, axis=2) if values is None else values
    height, width, _ = pixels.shape
    return png_from_rows(width, height, [row.astype(">u2").tobytes() for row in pixels], bits=16, colour_type=2)


def palette_transparency_png_bytes() -> bytes:
    """Palette; left half transparent over red, right half opaque blue."""
    image = Image.new("P", (64, 48), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (32, 0, 64, 48))
    return png_bytes(image, transparency=0)


def rgb_transparency_png_bytes() -> bytes:
    """RGB with one colour (red) declared transparent by tRNS; right half blue."""
    image = flat(colour=(255, 0, 0))
    image.paste((0, 0, 255), (32, 0, 64, 48))
    return png_bytes(image, transparency=(255, 0, 0))


def hidden_colour_png_bytes() -> bytes:
    """RGBA; left half alpha 0 over hidden red, right half opaque blue."""
    image = Image.new("RGBA", (64, 48), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (32, 0, 64, 48))
    return png_bytes(image)


def half_transparent_bytes(file_format: str = "PNG") -> bytes:
    """RGBA black with alpha 128 all over: mid grey on white. `file_format` PNG, WEBP, TIFF or AVIF."""
    options: dict[str, object] = {"lossless": True} if file_format == "WEBP" else {}
    return encoded(Image.new("RGBA", (64, 48), (0, 0, 0, 128)), file_format, **options)


def grey_alpha_png_bytes() -> bytes:
    """LA; left half transparent over black, right half opaque grey 100."""
    image = Image.new("LA", (64, 48), (0, 0))
    image.paste((100, 255), (32, 0, 64, 48))
    return png_bytes(image)


def one_bit_png_bytes() -> bytes:
    """1-bit; left half black, right half white."""
    image = Image.new("1", (64, 48), 0)
    image.paste(1, (32, 0, 64, 48))
    return png_bytes(image)


def one_bit_tiff_bytes() -> bytes:
    image = Image.new("1", (64, 48), 0)
    image.paste(1, (32, 0, 64, 48))
    return tiff_bytes(image, compression="group4")


def lab_tiff_bytes() -> bytes:
    """`photo()` in CIE L*a*b*."""
    from PIL import ImageCms

    lab = ImageCms.profileToProfile(
        photo(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    lab.info.clear()
    return tiff_bytes(lab)


def with_icc_bytes(file_format: str = "JPEG") -> bytes:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return encoded(photo(), file_format, icc_profile=profile)


# -- animations: the first frame is red, the others green and blue ----------------------------------------------------


def _frames() -> list[Image.Image]:
    return [flat(colour=colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]


def animated_gif_bytes() -> bytes:
    first, *others = _frames()
    return gif_bytes(first, save_all=True, append_images=others, duration=100)


def animated_webp_bytes() -> bytes:
    first, *others = _frames()
    return webp_bytes(first, save_all=True, append_images=others, duration=100, lossless=True)


def animated_png_bytes() -> bytes:
    first, *others = _frames()
    return png_bytes(first, save_all=True, append_images=others, duration=100)


def animated_avif_bytes() -> bytes:
    first, *others = _frames()
    return avif_bytes(first, save_all=True, append_images=others, duration=100, quality=95, subsampling="4:4:4")


def multipage_tiff_bytes() -> bytes:
    first, *others = _frames()
    return tiff_bytes(first, save_all=True, append_images=others)


# -- damaged and hostile files -----------------------------------------------------------------------------------------


def truncated(content: bytes, share: float = 0.5) -> bytes:
    """The first part of a file."""
    return content[: int(len(content) * share)]


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png_from_rows(
    width: int,
    height: int,
    rows: Sequence[bytes],
    *,
    bits: int = 8,
    colour_type: int = 2,
    extra: bytes = b"",
) -> bytes:
    """A PNG made by hand: `rows` are the samples of each row; `extra` are whole chunks put before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    body = png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def huge_header_png_bytes(width: int = 30_000, height: int = 30_000) -> bytes:
    """A few hundred bytes that claim an enormous picture."""
    return png_from_rows(width, height, [bytes(300)])


def huge_header_jpeg_bytes(width: int = 30_000, height: int = 30_000) -> bytes:
    plain = bytearray(jpeg_bytes(photo(16, 16)))
    at = plain.index(b"\xff\xc0") + 5
    plain[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(plain)


def huge_header_gif_bytes(width: int = 30_000, height: int = 30_000) -> bytes:
    plain = bytearray(gif_bytes(photo(16, 16)))
    plain[6:10] = struct.pack("<HH", width, height)
    return bytes(plain)


def huge_header_bmp_bytes(width: int = 30_000, height: int = 30_000) -> bytes:
    plain = bytearray(bmp_bytes(photo(16, 16)))
    plain[18:26] = struct.pack("<ii", width, height)
    return bytes(plain)


def huge_header_tiff_bytes(width: int = 30_000, height: int = 30_000) -> bytes:
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, 100)]
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + struct.pack("<I", 0) + bytes(100)


def huge_header_webp_bytes(width: int = 16_000, height: int = 16_000) -> bytes:
    """WebP's own limit is 16,383 pixels a side."""
    frame = b"\x10\x00\x00\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(100)
    body = b"WEBPVP8 " + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bomb_png_bytes(side: int = 8_000) -> bytes:
    """A whole, valid PNG of `side` x `side` black pixels in well under 100 kB."""
    return png_from_rows(side, side, [bytes((side + 7) // 8)] * side, bits=1, colour_type=0)


def text_bomb_png_bytes() -> bytes:
    """A small picture with a text chunk that inflates to 64 MiB."""
    text = b"Comment\0\0" + zlib.compress(bytes(64 * 2**20), 9)
    return png_from_rows(8, 8, [bytes(24)] * 8, extra=png_chunk(b"zTXt", text))


NOT_IMAGES: dict[str, bytes] = {
    "text": b"These are words, not pixels.\n" * 40,
    "html": b"<!doctype html><html><body><img src=x></body></html>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
    "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "zip": b"PK\x03\x04" + bytes(60),
    "elf": b"\x7fELF" + bytes(60),
    "zeros": bytes(1000),
    "one byte": b"\xff",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    "jpeg start only": b"\xff\xd8\xff",
    "png signature only": b"\x89PNG\r\n\x1a\n",
}
"""Bytes that are no acceptable image, by what they are."""

OTHER_FORMATS = ("PPM", "TGA", "PCX", "ICO", "JPEG2000", "SGI", "DDS")
"""Images Pillow reads and we do not."""


def other_format_bytes(file_format: str) -> bytes:
    return encoded(photo(64, 64), file_format)


def tiff_of(
    size: tuple[int, int],
    data: bytes | list[bytes],
    *,
    bits: int = 8,
    samples: int = 1,
    kind: int = 1,
    order: str = "<",
    tags: dict[int, tuple[int, ...] | bytes] | None = None,
) -> bytes:
    """A TIFF of the given rows, in strips of equal height; `tags` adds to its directory or replaces what is there.

    Args:
        size: width and height.
        data: one strip's bytes, or those of several.
        bits: of a sample.
        samples: of a pixel.
        kind: SampleFormat: 1 unsigned, 2 signed, 3 floating point.
        order: `<` or `>`.
        tags: TIFF's code -> its values; bytes are written as ASCII.
    """
    width, height = size
    strips = [data] if isinstance(data, bytes) else data
    tiled = 322 in (tags or {})
    entries: dict[int, tuple[int, ...] | bytes] = {
        256: (width,),
        257: (height,),
        258: (bits,) * samples,
        259: (1,),
        262: (2 if samples >= 3 else 1,),
        277: (samples,),
        339: (kind,) * samples,
        (325 if tiled else 279): tuple(map(len, strips)),
        **({} if tiled else {278: (-(-height // len(strips)),)}),
        **(tags or {}),
    }
    starts = [8 + sum(map(len, strips[:number])) for number in range(len(strips))]
    entries[324 if tiled else 273] = tuple(starts)
    end = 8 + sum(map(len, strips))
    directory, outside = b"", b""
    at = end + 2 + 12 * len(entries) + 4
    for tag, values in sorted(entries.items()):
        written = values if isinstance(values, bytes) else struct.pack(f"{order}{len(values)}I", *values)
        where = written.ljust(4, b"\0") if len(written) <= 4 else struct.pack(order + "I", at + len(outside))
        outside += b"" if len(written) <= 4 else written
        directory += struct.pack(order + "HHI", tag, 2 if isinstance(values, bytes) else 4, len(values)) + where
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, end)
    return head + b"".join(strips) + struct.pack(order + "H", len(entries)) + directory + bytes(4) + outside


def bmp_of(size: tuple[int, int], data: bytes, *, bits: int, compression: int, extra: bytes = b"") -> bytes:
    """A Windows 3 bitmap of the given rows; `extra` stands between header and rows: masks, or a palette."""
    start = 54 + len(extra)
    head = struct.pack("<IiiHHIIiiII", 40, *size, 1, bits, compression, len(data), 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + extra + data


def picture_of_kind(kind, number):
    """A 4 x 4 grid of colours, of which two cells say what kind of thing it is and the others say nothing."""
    rng = np.random.default_rng([kind, number])
    cells = rng.integers(0, 256, (4, 4, 3))
    cells[1, 1:3] = np.random.default_rng(kind).integers(0, 256, (2, 3)) + rng.integers(-8, 9, (2, 3))
    stream = io.BytesIO()
    image = Image.fromarray(np.clip(cells, 0, 255).astype(np.uint8))
    image.resize((32, 32), Image.Resampling.NEAREST).save(stream, "PNG")
    return stream.getvalue()


def write_kinds(folder, *, kinds=6, each=22):
    """`<kind>-<number>.png`, `grades.tsv` with a grade 4 for every two of one kind, and `kinds.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [(kind, number, f"{kind}-{number}.png") for kind in range(kinds) for number in range(each)]
    for kind, number, name in names:
        (folder / name).write_bytes(picture_of_kind(kind, number))
    lines = [f"{a}\t{b}\t4\n" for kind, _, a in names for other, _, b in names if kind == other and a != b]
    (folder / "grades.tsv").write_text("query\timage\tgrade\n" + "".join(lines))
    (folder / "kinds.csv").write_text("path,kind\n" + "".join(f"{name},kind {kind}\n" for kind, _, name in names))
    return folder
