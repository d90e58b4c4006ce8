"""Samples of science and printing - 10 to 64 bits, signed, floating point - to levels of 0 to 255."""

import math
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.preprocessing.containers import NotRead
from lookalike.preprocessing.containers.tiff_picture import TiffPicture

_UNSIGNED, _SIGNED, _FLOAT, _UNDEFINED = 1, 2, 3, 4
_DTYPES = {
    (_SIGNED, 8): "i1",
    (_UNSIGNED, 16): "u2",
    (_SIGNED, 16): "i2",
    (_FLOAT, 16): "f2",
    (_UNSIGNED, 32): "u4",
    (_SIGNED, 32): "i4",
    (_FLOAT, 32): "f4",
    (_UNSIGNED, 64): "u8",
    (_SIGNED, 64): "i8",
    (_FLOAT, 64): "f8",
}
_COLOURS = {0: ("L", 1), 1: ("L", 1), 2: ("RGB", 3), 5: ("CMYK", 4)}
"""Photometric interpretation -> the mode and how many samples are colours."""
_WHITE_IS_ZERO = 0
_ASSOCIATED, _UNASSOCIATED, _UNSPECIFIED = 1, 2, 0
_WITH_ALPHA = {"L": "LA", "RGB": "RGBA"}
_DIFFERENCES, _FLOAT_DIFFERENCES = 2, 3
_MAX_PACKED_BITS = 31
_WHITE = 255
_LARGEST_16 = 65_535
_ABSURD = 1e30
"""Beyond it a number stands for "no data": no picture has such light."""


class Samples:
    """What the bytes of a picture's rows mean.

    Args:
        picture: as its directory describes it.

    Raises:
        NotRead: samples or colours that are not read; the message names them.
    """

    def __init__(self, picture: TiffPicture) -> None:
        self.picture = picture
        bits, form = picture.bits[0], picture.sample_format
        self.form = _UNSIGNED if form == _UNDEFINED else form
        self._dtype = _DTYPES.get((self.form, bits))
        packed = self.form == _UNSIGNED and 8 < bits <= _MAX_PACKED_BITS  # noqa: PLR2004 - of 8 and less is Pillow's
        if len(set(picture.bits)) > 1 or (self._dtype is None and not packed):
            kind = {_UNSIGNED: "unsigned", _SIGNED: "signed", _FLOAT: "floating-point"}.get(form, "complex")
            raise NotRead(f"a TIFF of {'- and '.join(map(str, sorted(set(picture.bits))))}-bit {kind} samples")
        if picture.photometric not in _COLOURS:
            raise NotRead(f"a TIFF of {bits}-bit samples with photometric interpretation {picture.photometric}")
        self.mode, self.colours = _COLOURS[picture.photometric]
        if picture.samples < self.colours:
            raise ValueError(f"{picture.samples} samples where {self.colours} make a colour")
        self.alpha = self._alpha()

    def _alpha(self) -> int | None:
        """Code of the kind of alpha channel that follows the colours."""
        extra = self.picture.extra_samples
        if self.mode not in _WITH_ALPHA or self.picture.samples == self.colours:
            return None
        if not extra and self.mode == "RGB" and self.picture.samples == self.colours + 1:
            return _UNASSOCIATED
        return extra[0] if extra and extra[0] in {_ASSOCIATED, _UNASSOCIATED} else None

    @property
    def kept(self) -> int:
        """Samples of a pixel that are looked at."""
        return self.colours + (self.alpha is not None)

    def values(self, rows: list[bytes], width: int) -> NDArray[Any]:
        """[rows, width, kept] of the samples' own type, native byte order.

        Args:
            rows: unpacked rows of each plane.
            width: pixels that are stored a row.
        """
        together = self.picture.samples // self.picture.planes
        planes = [self._plane(part, width, together) for part in rows[: self.kept]]
        return (np.concatenate(planes, axis=2) if len(planes) > 1 else planes[0])[:, :, : self.kept]

    def _plane(self, part: bytes, width: int, samples: int) -> NDArray[Any]:
        row_bytes = self.picture.row_bytes(width)
        stored = np.frombuffer(part, np.uint8).reshape(-1, row_bytes)
        if self._dtype is None:
            packed = _unpacked(stored, self.picture.bits[0], width * samples)
            return packed.reshape(-1, width, samples)
        if self.picture.predictor == _FLOAT_DIFFERENCES:
            return self._float_differences(stored, width, samples)
        order = self.picture.directory.layout.order
        if self.picture.predictor == _DIFFERENCES:
            unsigned: NDArray[Any] = stored.view(f"{order}u{self._item}").reshape(-1, width, samples)
            return np.cumsum(unsigned, axis=1, dtype=f"u{self._item}").view(self._dtype)
        return stored.view(order + self._dtype).reshape(-1, width, samples).astype(self._dtype, copy=False)

    @property
    def _item(self) -> int:
        return self.picture.bits[0] // 8

    def _float_differences(self, stored: NDArray[np.uint8], width: int, samples: int) -> NDArray[Any]:
        """Differences of bytes, the most significant bytes of a row first (Adobe, TIFF Technical Note 3)."""
        if self._dtype is None or self.form != _FLOAT:
            raise ValueError("a floating-point predictor of integers")
        shape = (len(stored), -1, samples)
        summed = np.cumsum(stored.reshape(shape), axis=1, dtype=np.uint8).reshape(len(stored), self._item, -1)
        together = np.ascontiguousarray(summed.transpose(0, 2, 1)).view(">" + self._dtype)
        return together.reshape(-1, width, samples).astype(self._dtype)


def _unpacked(stored: NDArray[np.uint8], bits: int, count: int) -> NDArray[Any]:
    """Numbers of so many bits, most significant first, each row from a new byte: [rows, count]."""
    every = np.unpackbits(stored, axis=1)[:, : count * bits].reshape(len(stored), count, bits)
    numbers: NDArray[Any] = np.zeros((len(stored), count), np.uint32)
    for bit in range(bits):
        numbers = numbers << 1 | every[:, :, bit]
    return numbers


class Levels:
    """Which value is black and which is white.

    Integers from 0 to 65,535 count as of the fewest bits (8, 10, 12, 14, 16) that hold the greatest; floats as 0..1 or
    0..255 where they fit; all others are stretched from their least to their greatest. Values that stand for "no data"
    are left out of that and become transparent.

    Args:
        samples: what the values are.
    """

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._lowest: list[float] = []
        self._greatest = -math.inf
        self._seen, self._known = 0, 0
        largest = samples.picture.largest_value
        self._fixed: tuple[float, float] | None = None
        if samples.form == _SIGNED and samples.picture.bits[0] == 8:  # noqa: PLR2004 - all of its range
            self._fixed = (-128.0, 127.0)
        elif samples.form == _UNSIGNED and 0 < largest <= _LARGEST_16:
            self._fixed = (0.0, float(largest))

    @property
    def needs_range(self) -> bool:
        """Whether all values must be looked at first."""
        return self._fixed is None

    def look_at(self, values: NDArray[Any]) -> None:
        """Take note of the range of some rows: [rows, width, kept]."""
        colours = values[:, :, : self._samples.colours]
        known = _present(colours, self._samples.picture.no_data)
        self._seen += int(np.isfinite(colours).sum()) if colours.dtype.kind == "f" else colours.size
        self._known += known.size
        if not known.size:
            return
        least, greatest = known.min(), known.max()
        above = known[known > least]
        lowest = {*self._lowest, float(least), *([float(above.min())] if above.size else [])}
        self._lowest = sorted(lowest)[:2]
        self._greatest = max(self._greatest, float(greatest))

    def image(self, values: NDArray[Any]) -> Image.Image:
        """8-bit pixels of some rows: [rows, width, kept]."""
        measured = values[:, :, : self._samples.colours]
        colours = self._scaled(measured)
        mode = self._samples.mode
        if self._samples.picture.photometric == _WHITE_IS_ZERO:
            colours = _WHITE - colours
        if self._samples.alpha is not None:
            colours = np.concatenate([colours, self._opacity(values[:, :, self._samples.colours :])], axis=2)
            mode = {"L": "LA", "RGB": "RGBa" if self._samples.alpha == _ASSOCIATED else "RGBA"}[mode]
        elif mode in _WITH_ALPHA and self._has_gaps:
            present = np.where(self._is_missing(measured).all(axis=2, keepdims=True), 0, _WHITE)
            colours = np.concatenate([colours, present.astype(np.uint8)], axis=2)
            mode = _WITH_ALPHA[mode]
        height, width, _ = colours.shape
        image = Image.frombytes(mode, (width, height), np.ascontiguousarray(colours).tobytes())
        return image.convert("RGBA") if mode == "RGBa" else image

    @property
    def _has_gaps(self) -> bool:
        """Whether some values mean "no data"."""
        return self._known < self._seen or (bool(self._lowest) and self._marker is not None)

    def _is_missing(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """For each value, whether it means "no data"."""
        missing = np.zeros(values.shape, np.bool_)
        for marker in (self._samples.picture.no_data, self._marker):
            if marker is not None:
                missing |= values == marker
        if values.dtype.kind == "f":
            missing |= np.isfinite(values) & (np.abs(values) >= _most(values.dtype))
        return missing

    def _range(self) -> tuple[float, float]:
        if self._fixed is not None:
            return self._fixed
        if not self._lowest:
            return 0.0, 0.0
        least, greatest = self._lowest[0 if self._marker is None else -1], self._greatest
        if self._samples.form == _FLOAT:
            fits = least >= 0 and greatest <= _WHITE
            return (0.0, 1.0 if greatest <= 1 else float(_WHITE)) if fits else (least, greatest)
        if least < 0 or greatest > _LARGEST_16:
            return least, greatest
        bits = max(math.ceil(int(greatest).bit_length() / 2) * 2, 8)
        return 0.0, float(2**bits - 1)

    @property
    def _marker(self) -> float | None:
        """The smallest value, if it is negative and further from all others than they are from each other.

        Such a value (-9999, -32768) stands for "no data" where nothing else says so.
        """
        if not self._lowest:
            return None
        least, second = self._lowest[0], self._lowest[-1]
        spread = self._greatest - second
        return least if least < 0 and spread > 0 and second - least > spread else None

    def _scaled(self, colours: NDArray[Any]) -> NDArray[np.uint8]:
        least, greatest = self._range()
        scale = _WHITE / (greatest - least) if greatest > least else 0.0
        # Before widening: numpy warns of a signalling NaN that is cast.
        if self._samples.form == _FLOAT:
            colours = np.nan_to_num(colours, nan=least, posinf=greatest, neginf=least)
        levels = np.clip(colours.astype(np.float64), least, greatest)
        return _clipped((levels - least) * scale)

    def _opacity(self, alpha: NDArray[Any]) -> NDArray[np.uint8]:
        """Of its type's own range."""
        picture = self._samples.picture
        if self._samples.form == _FLOAT:
            return _clipped(np.nan_to_num(alpha).astype(np.float64) * _WHITE)
        most = float(picture.largest_value or 2 ** (picture.bits[0] - (self._samples.form == _SIGNED)) - 1)
        return _clipped(alpha.astype(np.float64) / most * _WHITE)


def _present(values: NDArray[Any], no_data: float | None) -> NDArray[Any]:
    """The values that are finite and are not markers for "no data", in one row."""
    flat = values.ravel()
    if flat.dtype.kind == "f":
        flat = flat[np.isfinite(flat)]
        flat = flat[np.abs(flat) < _most(flat.dtype)]
    return flat if no_data is None else flat[flat != no_data]


def _most(kind: np.dtype[Any]) -> float:
    """The magnitude from which numbers mean "no data"."""
    return min(_ABSURD, float(np.finfo(kind).max))


def _clipped(levels: NDArray[np.float64]) -> NDArray[np.uint8]:
    return cast("NDArray[np.uint8]", np.clip(np.rint(levels), 0, _WHITE).astype(np.uint8))
