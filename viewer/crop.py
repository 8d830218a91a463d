"""The crop box: only what lies inside is rendered for the window. Its sides are dragged by handles. No torch, no OpenGL."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from im4d_core.types import Camera

Vector = tuple[float, float, float]
_LEAST = 0.02
"""Of the scene's box: how thin a crop box may become along an axis."""


@dataclass(frozen=True, kw_only=True)
class Crop:
    """A box along the world's axes."""

    on: bool = False
    low: Vector = (0.0, 0.0, 0.0)
    high: Vector = (1.0, 1.0, 1.0)

    @property
    def box(self) -> Float64[np.ndarray, "2 3"]:
        return np.array([self.low, self.high])


@dataclass(frozen=True, kw_only=True)
class Handle:
    """The middle of a side, to take hold of."""

    axis: int
    above: bool
    """The side with the greater coordinate."""
    point: Vector


def whole(bounds: Float64[np.ndarray, "2 3"]) -> Crop:
    """Crops nothing away of a scene's box."""
    return Crop(low=_vector(bounds[0]), high=_vector(bounds[1]))


def limited(crop: Crop, bounds: Float64[np.ndarray, "2 3"]) -> Crop:
    """Within the scene's box, and not thinner than can be seen; what is not a number becomes the scene's."""
    low, high = np.where(np.isfinite(crop.box), crop.box, bounds)
    least = _LEAST * (bounds[1] - bounds[0])
    low = np.clip(low, bounds[0], bounds[1] - least)
    high = np.clip(high, low + least, bounds[1])
    return replace(crop, low=_vector(low), high=_vector(high))


def handles(crop: Crop) -> tuple[Handle, ...]:
    middle = 0.5 * (crop.box[0] + crop.box[1])
    found = []
    for axis in range(3):
        for above in (False, True):
            point = middle.copy()
            point[axis] = crop.box[int(above), axis]
            found.append(Handle(axis=axis, above=above, point=_vector(point)))
    return tuple(found)


def dragged(crop: Crop, handle: Handle, camera: Camera, u: float, v: float) -> Crop:
    """The crop box with a side where the mouse is: the point of the handle's axis that comes nearest to the ray through a pixel of the camera.

    Nothing changes where the axis points at the camera: the ray says nothing about it then.
    """
    along = np.eye(3)[handle.axis]
    ray = camera.R.T @ np.linalg.inv(camera.K) @ np.array([u, v, 1.0])
    ray /= np.linalg.norm(ray)
    between = np.array(handle.point) - camera.centre
    slant = float(along @ ray)
    apart = 1.0 - slant * slant
    if apart < 1e-3:  # within two degrees
        return crop
    moved = (slant * float(ray @ between) - float(along @ between)) / apart
    side = list(crop.high if handle.above else crop.low)
    side[handle.axis] += moved
    x, y, z = side
    return replace(crop, high=(x, y, z)) if handle.above else replace(crop, low=(x, y, z))


def _vector(values: np.ndarray) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z
