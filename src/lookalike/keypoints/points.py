"""Keypoints: where a picture has distinctive details, and what each looks like, in a few bytes."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lookalike.keypoints.codes import MIRRORING

CODE_BYTES = 16
"""Of each keypoint's code: 128 bits."""

KEYPOINT = np.dtype([("x", "<u2"), ("y", "<u2"), ("scale", "<u2"), ("angle", "<u2"), ("code", "u1", (CODE_BYTES,))])
"""One keypoint as it is stored, 24 bytes: place and scale in 1/65535 of the picture's longer side, angle in 1/65536 of
a turn, and the signs of its descriptor."""

_WHOLE = 65_535
_TURN = 65_536
_HEADER = np.dtype([("width", "<u2"), ("height", "<u2")])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Keypoints:
    """The keypoints of one picture, the strongest first.

    Attributes:
        width: of the picture that they were found in, pixels, at most 65,535: with `height`, the picture's shape.
        height: likewise.
        points: [n] records of type `KEYPOINT`.
    """

    width: int
    height: int
    points: NDArray[np.void]

    def __len__(self) -> int:
        return len(self.points)

    @property
    def extent(self) -> NDArray[np.float64]:
        """[2], the picture's width and height where its longer side is 1."""
        return np.array([self.width, self.height]) / max(self.width, self.height)

    @property
    def places(self) -> NDArray[np.float64]:
        """[n, 2], x and y where the picture's longer side is 1."""
        return np.stack([self.points["x"], self.points["y"]], axis=1) / _WHOLE

    @property
    def scales(self) -> NDArray[np.float64]:
        """[n], sizes of the details where the picture's longer side is 1, above 0."""
        scales: NDArray[np.float64] = np.maximum(self.points["scale"], 1) / _WHOLE
        return scales

    @property
    def angles(self) -> NDArray[np.float64]:
        """[n], directions of the details, radians."""
        angles: NDArray[np.float64] = self.points["angle"] * (2 * np.pi / _TURN)
        return angles

    @property
    def words(self) -> NDArray[np.uint64]:
        """[n, 2], the codes as words of 64 bits."""
        return np.ascontiguousarray(self.points["code"]).view(np.uint64)

    @property
    def mirrored(self) -> "Keypoints":
        """Those of the picture in a mirror, its left on the right."""
        points = self.points.copy()
        right = round(self.extent[0] * _WHOLE)
        points["x"] = np.maximum(right - points["x"].astype(np.int64), 0)
        points["angle"] = (_TURN // 2 - points["angle"].astype(np.int64)) % _TURN
        points["code"] ^= MIRRORING
        return replace(self, points=points)

    @property
    def packed(self) -> bytes:
        """As the catalog stores them."""
        header = np.array([(self.width, self.height)], _HEADER)
        return header.tobytes() + self.points.tobytes()

    @classmethod
    def unpacked(cls, stored: bytes) -> "Keypoints":
        """The keypoints that `packed` gave.

        Raises:
            ValueError: the bytes are not keypoints.
        """
        header = np.frombuffer(stored, _HEADER, count=1)[0]
        points = np.frombuffer(stored, KEYPOINT, offset=_HEADER.itemsize)
        return cls(width=int(header["width"]), height=int(header["height"]), points=points)

    @classmethod
    def of(
        cls,
        *,
        size: tuple[int, int],
        places: NDArray[np.floating],
        scales: NDArray[np.floating],
        angles: NDArray[np.floating],
        bits: NDArray[np.bool_],
    ) -> "Keypoints":
        """Keypoints from what a detector measured.

        Args:
            size: width and height of the picture, pixels.
            places: [n, 2], x and y in pixels.
            scales: [n], diameters in pixels.
            angles: [n], degrees.
            bits: [n, 128], the signs of the descriptors.
        """
        points = np.zeros(len(places), KEYPOINT)
        longer = max(size)
        points["x"], points["y"] = _quantised(places / longer).T
        points["scale"] = _quantised(scales / longer)
        points["angle"] = np.round(angles / 360 * _TURN).astype(np.int64) % _TURN
        points["code"] = np.packbits(bits, axis=1)
        return cls(width=size[0], height=size[1], points=points)


def _quantised(fractions: NDArray[np.floating]) -> NDArray[np.uint16]:
    whole: NDArray[np.uint16] = np.round(np.clip(fractions, 0, 1) * _WHOLE).astype(np.uint16)
    return whole
