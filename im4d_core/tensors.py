"""The values that live on a device and cross file boundaries: source views, features, rays, rendered pictures.

The leading axis ``target`` counts the pictures rendered together (the images of a training batch; one in the viewer).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from im4d_core.types import Camera

Extent = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True, kw_only=True)
class SourceView:
    """One decoded picture of a capture: undistorted, resized, cropped, multiplied by its mask onto the background."""

    view: int
    frame: int
    camera: Camera
    image: UInt8[Tensor, "h w 3"]
    mask: UInt8[Tensor, "h w"]
    """Coverage, 255 = foreground; all 255 where the capture has no masks."""
    cropped: bool = False
    """Cut to what colour is fetched from already."""

    @cached_property
    def covered(self) -> Extent | None:
        """What the mask reaches; None where it reaches nothing."""
        return extent(self.mask.numpy())

    @cached_property
    def fully_covered(self) -> Extent | None:
        """What the mask reaches with full coverage."""
        if self.covered is None:
            return None
        inner = extent(self.mask[self.covered].numpy() == 255)
        return None if inner is None else (_moved(inner[0], self.covered[0].start), _moved(inner[1], self.covered[1].start))


def extent(mask: UInt8[np.ndarray, "h w"] | Bool[np.ndarray, "h w"]) -> Extent | None:
    """The rows and columns from the first to the last in which anything is set; None where nothing is."""
    rows, columns = mask.max(axis=1).nonzero()[0], mask.max(axis=0).nonzero()[0]
    if len(rows) == 0:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)


@dataclass(frozen=True, kw_only=True)
class Features:
    """What a method keeps of one source view: colour and features on one canvas. Depends on (frame, view) only, so it can be cached."""

    view: int
    frame: int
    texels: Float[Tensor, "channels h w"]
    """Colour in [0, 1] first (3 channels), then the method's features."""
    K: Float[Tensor, "3 3"]
    """Intrinsics of the canvas; pixel centres at +0.5 (at +0 under the release's rules)."""
    T_camera_world: Float[Tensor, "4 4"]


@dataclass(frozen=True, kw_only=True)
class Context:
    """The source views that one batch of targets is coloured from, stacked on a common canvas; texel (0, 0) of each view is its own corner."""

    texels: Float[Tensor, "target source channels h w"]
    sizes: Int[Tensor, "target source 2"]
    """Width and height of each view inside the canvas."""
    K: Float[Tensor, "target source 3 3"]
    T_camera_world: Float[Tensor, "target source 4 4"]


@dataclass(frozen=True, kw_only=True)
class Rays:
    """Rays x = origin + z * direction. Directions are not normalised: z is the depth along the optical axis."""

    origins: Float[Tensor, "target ray 3"]
    directions: Float[Tensor, "target ray 3"]
    near: Float[Tensor, "target ray"]
    far: Float[Tensor, "target ray"]
    time: Float[Tensor, "target"]


@dataclass(frozen=True, kw_only=True)
class Traced:
    """What a renderer returns for a batch of rays."""

    rgb: Float[Tensor, "target ray 3"]
    opacity: Float[Tensor, "target ray"]
    depth: Float[Tensor, "target ray"]
    """Expected depth: sum of weight times depth, divided by the opacity where that is not negligible; 0 elsewhere."""
    samples: Int[Tensor, "target ray"]
    """Density evaluations spent on the ray."""


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A rendered picture."""

    rgb: Float[Tensor, "h w 3"]
    """In [0, 1], composited on the background."""
    opacity: Float[Tensor, "h w"]
    depth: Float[Tensor, "h w"]
    samples: Int[Tensor, "h w"]
    source_views: tuple[int, ...]
    """The views the colour was fetched from."""
    renderer: str
    """What made it, such as "baked density, CUDA kernels"."""
    milliseconds: dict[str, float]
    """Time spent in each stage, host clock on a CPU, device events on a GPU."""
    display: UInt8[Tensor, "h w 4"] | None = None
    """The picture as opaque RGBA bytes, where the renderer wrote them itself."""
