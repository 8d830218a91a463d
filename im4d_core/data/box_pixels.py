"""The pixels that show a box, row by row, and random ones of them: without trying pixels in vain."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from im4d_core.geometry import box_corners, project, projected_box
from im4d_core.types import Camera

_PAIRS = np.array(list(itertools.combinations(range(8), 2)))
_OUTLINE = 1e-9  # pixels: rounding must not lose what lies on the outline


@dataclass(frozen=True, kw_only=True)
class BoxPixels:
    """For each row of a picture from `first_row` on, the columns `start` to `start + count - 1`."""

    first_row: int
    start: Int64[np.ndarray, "row"]
    count: Int64[np.ndarray, "row"]

    @property
    def total(self) -> int:
        return int(self.count.sum())

    def draw(self, count: int, random: np.random.Generator) -> Int64[np.ndarray, "count 2"]:
        """Pixels (column, row), uniform with replacement."""
        upto = np.cumsum(self.count)
        index = random.integers(0, upto[-1], size=count)
        row = np.searchsorted(upto, index, side="right")
        return np.stack([self.start[row] + index - (upto[row] - self.count[row]), self.first_row + row], axis=1)


def box_pixels(camera: Camera, box: Float64[np.ndarray, "2 3"], *, offset: float, rounded: bool) -> BoxPixels:
    """The pixels of a box; of the whole picture where it shows nothing of the box.

    Args:
        offset: where a pixel's centre lies, in pixels from its corner.
        rounded: release: pixels between the rounded projections of the corners, outlines included, instead of those whose ray hits the box.
    """
    uv, depth = project(camera, box_corners(box))
    found = _crossed(camera, box, offset) if depth.min() <= 0 else _between(camera, np.rint(uv) if rounded else uv - offset)
    if found.total:
        return found
    return BoxPixels(first_row=0, start=np.zeros(camera.height, np.int64), count=np.full(camera.height, camera.width, np.int64))


def _between(camera: Camera, corners: Float64[np.ndarray, "8 2"]) -> BoxPixels:
    """Pixels inside the convex hull of points: in each row between the outermost crossings of the lines that join two of them."""
    top, bottom = max(int(np.ceil(corners[:, 1].min())), 0), min(int(np.floor(corners[:, 1].max())), camera.height - 1)
    rows = np.arange(top, max(bottom, top - 1) + 1, dtype=np.float64)[:, None]
    (x0, y0), (x1, y1) = corners[_PAIRS[:, 0]].T, corners[_PAIRS[:, 1]].T
    crosses = (rows >= np.minimum(y0, y1)) & (rows <= np.maximum(y0, y1))
    flat = y0 == y1
    along = np.where(flat, 0.0, (rows - y0) / np.where(flat, 1.0, y1 - y0))
    low = np.where(flat, np.minimum(x0, x1), x0 + along * (x1 - x0))
    high = np.where(flat, np.maximum(x0, x1), low)
    left = np.ceil(np.where(crosses, low, np.inf).min(axis=1) - _OUTLINE).clip(0, camera.width)
    right = np.floor(np.where(crosses, high, -np.inf).max(axis=1) + _OUTLINE).clip(-1, camera.width - 1)
    return BoxPixels(first_row=top, start=left.astype(np.int64), count=np.maximum(right - left + 1, 0).astype(np.int64))


def _crossed(camera: Camera, box: Float64[np.ndarray, "2 3"], offset: float) -> BoxPixels:
    """The same by a test of every pixel, for a camera beside or inside the box, behind which some corners have no pixel. A row of a convex box is one piece."""
    hit = projected_box(camera, box, offset)
    return BoxPixels(first_row=0, start=hit.argmax(axis=1).astype(np.int64), count=hit.sum(axis=1).astype(np.int64))
