"""Visual hulls: the part of space that the masks of one moment allow, by a coarse-to-fine search over voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from im4d_core.geometry import project
from im4d_core.types import Camera

_HALVINGS = 3  # of the coarsest voxels; more saves nothing, because the coarsest level is cheap already
_CHUNK = 1 << 15  # voxels at a time: what is worked out of them stays in a processor's cache


@dataclass(frozen=True, kw_only=True)
class Hull:
    """Occupied voxels of a box."""

    occupied: Bool[np.ndarray, "x y z"]
    bounds: Float64[np.ndarray, "2 3"]

    @property
    def box(self) -> Float64[np.ndarray, "2 3"] | None:
        """The smallest box around the occupied voxels; None where there are none."""
        if not self.occupied.any():
            return None
        voxel = (self.bounds[1] - self.bounds[0]) / self.occupied.shape
        index = np.argwhere(self.occupied)
        return np.stack([self.bounds[0] + index.min(axis=0) * voxel, self.bounds[0] + (index.max(axis=0) + 1) * voxel])


@dataclass(frozen=True, kw_only=True)
class _Votes:
    """What the cameras say of each voxel."""

    inside: Int32[np.ndarray, "n"]
    """Cameras whose mask covers it; on coarse levels, may cover a part of it."""
    outside: Int32[np.ndarray, "n"]
    """Cameras that see it (the whole of it) and whose mask does not."""
    seen: Int32[np.ndarray, "n"]
    """Cameras that see it, or a part of it."""


def visual_hull(
    cameras: Sequence[Camera],
    masks: Sequence[Bool[np.ndarray, "_ _"]],
    bounds: Float64[np.ndarray, "2 3"],
    *,
    resolution: int = 128,
    agreement: float = 0.9,
    outer: bool = False,
) -> Hull:
    """The voxels whose centre at least `agreement` of the cameras that see it have in their masks.

    Only cameras that see a point vote, and at least two and a third of all must. A voxel of a coarse level is kept while any voxel within it
    could still pass, so the result equals a test of every voxel.

    Args:
        cameras: pinhole cameras of the masks' sizes.
        masks: undistorted; True = foreground.
        bounds: the box to search.
        resolution: voxels along its longest side, at least; the other sides follow its proportions.
        agreement: 1 for exact masks; lower where masks have holes.
        outer: keep voxels that may be occupied in part, instead of those whose centre is.
    """
    quorum = min(max(2, -(-len(cameras) // 3)), len(cameras))
    extent = bounds[1] - bounds[0]
    coarse = np.maximum(np.ceil(extent / (extent.max() / resolution) / 2**_HALVINGS), 1).astype(np.int64)
    sums = [np.pad(mask.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32), ((1, 0), (1, 0))) for mask in masks]
    voxels = np.stack(np.meshgrid(*[np.arange(n) for n in coarse], indexing="ij"), axis=-1).reshape(-1, 3)
    for level in range(_HALVINGS, -1, -1):
        size = extent / (coarse * 2 ** (_HALVINGS - level))
        passed = []
        for start in range(0, len(voxels), _CHUNK):
            chunk = voxels[start : start + _CHUNK]
            centres = bounds[0] + (chunk + 0.5) * size
            if level or outer:
                votes = _region_votes(cameras, sums, centres, float(np.linalg.norm(size)) / 2)
            else:
                votes = _centre_votes(cameras, masks, centres)
            kept = (votes.seen >= quorum) & (votes.inside > 0) & (votes.inside >= agreement * (votes.inside + votes.outside) - 1e-9)  # 1e-9: 0.9 * 10 > 9
            passed.append(chunk[kept])
        voxels = np.concatenate(passed) if passed else voxels
        if level:
            children = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(8, 3)
            voxels = (2 * voxels[:, None] + children).reshape(-1, 3)
    occupied = np.zeros(coarse * 2**_HALVINGS, bool)
    occupied[tuple(voxels.T)] = True
    return Hull(occupied=occupied, bounds=bounds)


def _centre_votes(cameras: Sequence[Camera], masks: Sequence[np.ndarray], centres: Float64[np.ndarray, "n 3"]) -> _Votes:
    inside, seen = np.zeros(len(centres), np.int32), np.zeros(len(centres), np.int32)
    for camera, mask in zip(cameras, masks):
        uv, depth = project(camera, centres)
        visible = (depth > 0) & (uv >= 0).all(axis=1) & (uv[:, 0] < camera.width) & (uv[:, 1] < camera.height)
        u, v = np.where(visible, uv.T, 0).astype(np.int64)
        inside += visible & mask[v, u]
        seen += visible
    return _Votes(inside=inside, outside=seen - inside, seen=seen)


def _region_votes(cameras: Sequence[Camera], sums: Sequence[np.ndarray], centres: Float64[np.ndarray, "n 3"], radius: float) -> _Votes:
    """Votes on the balls around the voxels, by the foreground pixels in a rectangle that surely holds the ball's picture."""
    inside, outside, seen = (np.zeros(len(centres), np.int32) for _ in range(3))
    for camera, table in zip(cameras, sums):
        uv, depth = project(camera, centres)
        near = depth - radius
        in_front = near > 1e-6  # closer balls may appear anywhere
        slack = radius / np.where(in_front, near, 1.0)
        (u0, u1, u_whole), (v0, v1, v_whole) = (
            _covered(uv[:, i], slack, float(camera.K[i, i]), float(camera.K[i, 2]), size) for i, size in enumerate((camera.width, camera.height))
        )
        count = table[v1, u1] - table[v0, u1] - table[v1, u0] + table[v0, u0]
        behind = depth + radius <= 0
        inside += ~behind & (~in_front | (count > 0))
        outside += in_front & u_whole & v_whole & (count == 0)
        seen += ~behind & (~in_front | ((u1 > u0) & (v1 > v0)))
    return _Votes(inside=inside, outside=outside, seen=seen)


def _covered(
    place: Float64[np.ndarray, "n"], slack: Float64[np.ndarray, "n"], focal: float, principal: float, size: int
) -> tuple[Int64[np.ndarray, "n"], Int64[np.ndarray, "n"], Bool[np.ndarray, "n"]]:
    """Along one axis of a picture: the pixels, from the first to before the last, that surely hold a ball, and whether the picture holds them all."""
    reach = (focal + np.abs(place - principal)) * slack  # a shift of (dx, dz) moves x / z by at most (|dx| + |x / z| |dz|) / (z - |dz|)
    low, high = np.floor(place - reach), np.ceil(place + reach)
    whole = (low >= 0) & (high <= size)
    return np.clip(low, 0, size).astype(np.int64), np.clip(high, 0, size).astype(np.int64), whole
