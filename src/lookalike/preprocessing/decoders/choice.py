"""Which decoder a picture gets."""

from collections.abc import Callable

from lookalike.preprocessing.containers import Header
from lookalike.preprocessing.containers.bmp import ALPHA_BIT_FIELDS, BIT_FIELDS, RLE4, RLE8, bmp_fields
from lookalike.preprocessing.decoders.bmp import MaskedBmpDecoder, RunLengthBmpDecoder
from lookalike.preprocessing.decoders.heif import HeifDecoder
from lookalike.preprocessing.decoders.pillow import AvifDecoder, GifDecoder, JpegDecoder, PillowDecoder, PngDecoder
from lookalike.preprocessing.decoders.scale import Decoder
from lookalike.preprocessing.decoders.tiff import TiffDecoder
from lookalike.preprocessing.decoders.webp import PILLOW_PIXELS, LargeWebpDecoder

_RUN_LENGTHS = {RLE8: 8, RLE4: 4}


def decoder_for(header: Header, media_type: str) -> Decoder:
    """The decoder of a picture, its own header read.

    Args:
        header: what the container said.
        media_type: of the file.

    Raises:
        NotRead: a kind of picture that is not read.
        Exception: whatever a damaged header makes the decoder raise.
    """
    coding = header.coding or media_type
    if header.tiff is not None:
        return TiffDecoder(header.tiff)
    if coding in _OWN:
        return _OWN[coding](header)
    return PillowDecoder(header, coding)


def _bmp(header: Header) -> Decoder:
    fields = bmp_fields(header.content)
    if fields is None:
        return PillowDecoder(header, "image/bmp")
    if _RUN_LENGTHS.get(fields.compression) == fields.bits:
        return RunLengthBmpDecoder(header, fields)
    masked = fields.compression in {BIT_FIELDS, ALPHA_BIT_FIELDS} and fields.bits in {16, 32}
    return MaskedBmpDecoder(header, fields) if masked and any(fields.masks) else PillowDecoder(header, "image/bmp")


def _webp(header: Header) -> Decoder:
    large = header.width * header.height > PILLOW_PIXELS
    return LargeWebpDecoder(header) if large else PillowDecoder(header, "image/webp")


_OWN: dict[str, Callable[[Header], Decoder]] = {
    "image/jpeg": JpegDecoder,
    "image/png": PngDecoder,
    "image/gif": GifDecoder,
    "image/avif": AvifDecoder,
    "image/heic": HeifDecoder,
    "image/bmp": _bmp,
    "image/webp": _webp,
}
