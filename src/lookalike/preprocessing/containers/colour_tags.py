"""Colour information in files: ICC profiles, code points, PNG's gamma and primaries. Nothing is validated here."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_PROFILE_BYTES = 4 * 2**20
"""Printing profiles with fine tables take up to 3 MB; a longer one counts as none."""

_MAX_WEBP_CHUNKS = 16
_WEBP_HAS_PROFILE = 0x20
_GAMMA_UNIT = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourTags:
    """The colour information in a file; malformed entries count as missing.

    Attributes:
        profile: an ICC profile as it stands in the file, at most `MAX_PROFILE_BYTES`; empty where there is none.
        primaries: code point of ITU-T H.273 (CICP, nclx); 2 where it is not said.
        transfer: likewise, of the transfer function.
        peak: luminance of the brightest pixel, nits; 0 where it is not said.
        gamma: exponent of the encoding (PNG's gAMA, 0.45455 for most); None where it is not said.
        chromaticities: x and y of white, red, green and blue (PNG's cHRM); None where they are not said.
    """

    profile: bytes = b""
    primaries: int = 2
    transfer: int = 2
    peak: float = 0.0
    gamma: float | None = None
    chromaticities: tuple[float, ...] | None = None


UNTAGGED = ColourTags()


def tags_of_jpeg(segments: Sequence[bytes]) -> ColourTags:
    r"""The profile in APP2 segments, each `ICC_PROFILE\0`, number from 1, count, part; none where one is missing.

    Args:
        segments: payloads of all APP2 segments, in the order of the file.
    """
    parts: dict[int, bytes] = {}
    counts = set()
    for segment in segments:
        if segment.startswith(b"ICC_PROFILE\0") and len(segment) > 14:  # noqa: PLR2004 - the prefix's length
            number, count = segment[12:14]
            if number in parts:
                return UNTAGGED
            parts[number] = segment[14:]
            counts.add(count)
    if len(counts) != 1 or sorted(parts) != list(range(1, counts.pop() + 1)):
        return UNTAGGED
    if sum(map(len, parts.values())) > MAX_PROFILE_BYTES:
        return UNTAGGED
    return ColourTags(profile=b"".join(parts[number] for number in sorted(parts)))


def tags_of_png(chunks: Mapping[bytes, bytes]) -> ColourTags:
    """The strongest statement: cICP, else iCCP, else sRGB (which is none), else gAMA and cHRM (PNG 3, 4.3).

    Args:
        chunks: kind -> payload of the first chunk of that kind before the pixels.
    """
    code_points = chunks.get(b"cICP", b"")
    if len(code_points) == 4 and code_points[2:] == b"\0\1":  # noqa: PLR2004 - RGB of full range
        peak = int.from_bytes(chunks.get(b"cLLI", b"")[:4], "big") / 10_000
        return ColourTags(primaries=code_points[0], transfer=code_points[1], peak=peak)
    profile = _inflated(chunks.get(b"iCCP", b""))
    if profile:
        return ColourTags(profile=profile)
    if b"sRGB" in chunks:
        return UNTAGGED
    return ColourTags(gamma=_gamma(chunks.get(b"gAMA", b"")), chromaticities=_chromaticities(chunks.get(b"cHRM", b"")))


def _inflated(payload: bytes) -> bytes:
    """The profile behind a name, a zero and the method; empty where it is too long, cut off or damaged."""
    _, end_of_name, rest = payload.partition(b"\0")
    if not end_of_name or rest[:1] != b"\0":
        return b""
    stream = zlib.decompressobj()
    try:
        profile = stream.decompress(rest[1:], MAX_PROFILE_BYTES)
    except zlib.error:
        return b""
    return profile if stream.eof else b""


def _gamma(payload: bytes) -> float | None:
    if len(payload) != 4:  # noqa: PLR2004 - one integer
        return None
    (value,) = struct.unpack(">I", payload)
    return value / _GAMMA_UNIT if value else None


def _chromaticities(payload: bytes) -> tuple[float, ...] | None:
    if len(payload) != 32:  # noqa: PLR2004 - eight integers
        return None
    return tuple(value / _GAMMA_UNIT for value in struct.unpack(">8I", payload))


def tags_of_webp(content: bytes) -> ColourTags:
    """The profile in the ICCP chunk, which precedes the pixels, of a file whose VP8X header announces it."""
    if content[12:16] != b"VP8X" or not content[20:21] or not content[20] & _WEBP_HAS_PROFILE:
        return UNTAGGED
    position = 12
    for _ in range(_MAX_WEBP_CHUNKS):
        if position + 8 > len(content):
            break
        kind, length = struct.unpack_from("<4sI", content, position)
        position += 8
        if kind == b"ICCP":
            whole = length <= MAX_PROFILE_BYTES and position + length <= len(content)
            return ColourTags(profile=content[position : position + length]) if whole else UNTAGGED
        position += length + length % 2
    return UNTAGGED
