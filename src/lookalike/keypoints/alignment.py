"""How one picture lies in another: an affine map that many matching keypoints agree on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.keypoints.points import Keypoints

_LEAST = 3
"""Matches that determine an affine map."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """What counts as agreeing with a map.

    Attributes:
        distance: between where a keypoint is and where the map puts it, where the other picture's longer side is 1.
        angle: between its direction and the one the map gives it, radians.
        scale: of its size to the one the map gives it, as a ratio of at least 1.
        stretch: how many times longer a map may make one direction than another.
        rounds: of fitting the map to the matches that agree, at most.
    """

    distance: float = 0.03
    angle: float = np.pi / 5
    scale: float = 2.2
    stretch: float = 3.0
    rounds: int = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alignment:
    """A map from one picture into another, and how many matching keypoints agree on it.

    Attributes:
        matrix: [2, 3], affine: places in the one picture to places in the other, longer sides being 1.
        inliers: distinct places that agree.
    """

    matrix: NDArray[np.float64]
    inliers: int

    @property
    def enlarges(self) -> bool:
        """Whether the one picture is larger in the other than by itself: the other shows a part of it."""
        return bool(abs(np.linalg.det(self.matrix[:, :2])) > 1)

    @property
    def inverse(self) -> "Alignment":
        """The map from the other picture into the one."""
        linear = np.linalg.inv(self.matrix[:, :2])
        return Alignment(matrix=np.hstack([linear, -linear @ self.matrix[:, 2:]]), inliers=self.inliers)

    def outline(self, one: Keypoints, other: Keypoints) -> tuple[tuple[float, float], ...]:
        """Where the one picture lies in the other: corners in fractions of the other's width and height.

        What lies outside the other picture is cut off, so that there are from 3 to 8 corners; none where the two do
        not overlap.
        """
        width, height = one.extent
        corners = np.array([(0, 0), (width, 0), (width, height), (0, height)])
        there = (corners @ self.matrix[:, :2].T + self.matrix[:, 2]) / other.extent
        return tuple((float(x), float(y)) for x, y in _clipped(there))


def align(one: Keypoints, other: Keypoints, pairs: NDArray[np.intp], tolerance: Tolerance) -> Alignment | None:
    """The map that most matches agree on; the same matches always give the same map.

    Each match proposes a map by itself, for a keypoint has a place, a size and a direction (Philbin et al. 2007). The
    map with the most support is then fitted to those that agree with it, again and again (LO-RANSAC, Chum et al. 2003).

    Args:
        one: keypoints of a picture.
        other: of another.
        pairs: [matches, 2], places of keypoints that look alike.
        tolerance: what counts as agreeing.

    Returns:
        None where no map has enough support, or the best one would squash the picture or turn it inside out.
    """
    if len(pairs) < _LEAST:
        return None
    here, there = one.places[pairs[:, 0]], other.places[pairs[:, 1]]
    growth = np.log(other.scales[pairs[:, 1]] / one.scales[pairs[:, 0]])
    turn = other.angles[pairs[:, 1]] - one.angles[pairs[:, 0]]
    alike = _alike(growth, turn, tolerance)
    agree = _proposals(here, there, growth, turn, 2 * tolerance.distance) & alike
    best = int(agree.sum(axis=1).argmax())
    inliers: NDArray[np.bool_] = agree[best]
    matrix: NDArray[np.float64] | None = None
    for _ in range(tolerance.rounds):
        if inliers.sum() < _LEAST:
            return None
        matrix = _fitted(here[inliers], there[inliers])
        apart = here @ matrix[:, :2].T + matrix[:, 2] - there
        before, inliers = inliers, (np.hypot(*apart.T) <= tolerance.distance) & alike[best]
        if np.array_equal(before, inliers):
            break
    if matrix is None or not _plausible(matrix, tolerance):
        return None
    return Alignment(matrix=matrix, inliers=_distinct(here[inliers], there[inliers], tolerance))


def _alike(growth: NDArray[np.float64], turn: NDArray[np.float64], tolerance: Tolerance) -> NDArray[np.bool_]:
    """[matches, matches], whether two matches grow and turn alike."""
    turned = np.abs((turn[:, None] - turn + np.pi) % (2 * np.pi) - np.pi) <= tolerance.angle
    grown = np.abs(growth[:, None] - growth) <= np.log(tolerance.scale)
    alike: NDArray[np.bool_] = turned & grown
    return alike


def _proposals(
    here: NDArray[np.float64],
    there: NDArray[np.float64],
    growth: NDArray[np.float64],
    turn: NDArray[np.float64],
    distance: float,
) -> NDArray[np.bool_]:
    """[matches, matches], whether the map that the first proposes puts the second in its place."""
    factor = np.exp(growth + 1j * turn)
    source, target = here @ (1, 1j), there @ (1, 1j)
    put = factor[:, None] * (source - source[:, None]) + target[:, None]
    right: NDArray[np.bool_] = np.abs(put - target) <= distance
    return right


def _fitted(here: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.float64]:
    """[2, 3], the affine map with the least squares."""
    known = np.column_stack([here, np.ones(len(here))])
    return np.asarray(np.linalg.lstsq(known, there, rcond=None)[0].T, np.float64)


def _plausible(matrix: NDArray[np.float64], tolerance: Tolerance) -> bool:
    """Whether the map is one between two views of a thing: not mirrored, nor squashed to a line."""
    linear = matrix[:, :2]
    longest, shortest = np.linalg.svd(linear, compute_uv=False)
    return bool(np.linalg.det(linear) > 0 and longest <= tolerance.stretch * shortest)


def _distinct(here: NDArray[np.float64], there: NDArray[np.float64], tolerance: Tolerance) -> int:
    """How many places agree, of those that lie apart in both pictures: SIFT finds some several times."""
    cells = (np.floor(places / tolerance.distance * 2) @ (1, 1j) for places in (here, there))
    return min(len(np.unique(one)) for one in cells)


def _clipped(polygon: NDArray[np.float64]) -> list[tuple[float, float]]:
    """The part of a convex polygon inside the unit square (Sutherland and Hodgman 1974)."""
    corners = [(float(x), float(y)) for x, y in polygon]
    for axis, edge, sign in ((0, 0.0, 1), (0, 1.0, -1), (1, 0.0, 1), (1, 1.0, -1)):
        kept: list[tuple[float, float]] = []
        for before, corner in zip([corners[-1], *corners[:-1]] if corners else [], corners, strict=True):
            inside, was_inside = sign * (corner[axis] - edge) >= 0, sign * (before[axis] - edge) >= 0
            if inside != was_inside:
                share = (edge - before[axis]) / (corner[axis] - before[axis])
                crossing = [one + share * (two - one) for one, two in zip(before, corner, strict=True)]
                crossing[axis] = edge
                kept.append((crossing[0], crossing[1]))
            if inside:
                kept.append(corner)
        corners = kept
    return corners
