"""The twins of the CUDA kernels in their place: what is built around the kernels is tested without a GPU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from im4d_core.config import FastConfig
from im4d_core.kernels.bricks import Refine
from im4d_core.kernels.fused import FrameField, Painted, Painter, SourceTexels
from im4d_core.methods.base import Method
from im4d_core.pixels import to_rgba8
from im4d_core.render import fast as twin
from im4d_core.render.bricks import bake_bricks
from im4d_core.render.fused import FusedRenderer
from im4d_core.render.occupancy import Occupancy
from im4d_core.render.rays import all_pixels, cut, picture_rays
from im4d_core.tensors import Context
from im4d_core.types import Camera


@dataclass(frozen=True, kw_only=True)
class _Field(FrameField):
    time: float


@dataclass(frozen=True, kw_only=True)
class _Texels(SourceTexels):
    context: Context


class _Painter(Painter):
    """Has no room the first time a picture is painted, and knows only afterwards."""

    def __init__(self) -> None:
        self.enough = False

    def overflowed(self) -> bool:
        self.enough = not self.enough
        return self.enough


class TwinKernels(FusedRenderer):
    """Renders on a CPU what `FusedRenderer` renders on a GPU. Every picture is black until it is painted a second time."""

    def __init__(self, method: Method) -> None:
        self._method = method
        self.painter = _Painter()

    def frame(self, occupancy: Occupancy, time: float, refine: Refine | None) -> FrameField:
        low, high = occupancy.box.numpy()
        x, y, z = occupancy.occupied.shape
        bricks = None if refine is None else bake_bricks(self._method, time, occupancy, refine, 1 << 18)
        return _Field(low=low, high=high, cells=(x, y, z), distance=occupancy.distance, lines=(), bricks=bricks, time=time)

    def sources(self, context: Context) -> SourceTexels:
        return _Texels(texels=torch.zeros(1, 1, 1, 16, dtype=torch.float16), views=torch.zeros(1, 26, dtype=torch.int32), context=context)

    def render(
        self,
        camera: Camera,
        frame: FrameField,
        sources: SourceTexels,
        fast: FastConfig,
        background: tuple[float, float, float],
        *,
        clip: tuple[float, float] | None = None,
        display_only: bool = False,
    ) -> Painted:
        assert isinstance(frame, _Field) and isinstance(sources, _Texels) and not display_only
        box = np.stack([frame.low, frame.high])
        pixels = all_pixels(camera, torch.device("cpu"))
        rays = cut(picture_rays(camera, pixels, box, frame.time, pixel_offset=self._method.config.pixel_offset, slab=False), None, clip)
        occupancy = Occupancy(occupied=frame.distance == 0, box=torch.from_numpy(box))
        traced = twin.trace(self._method, rays, sources.context, occupancy, fast, background=torch.tensor(background), bricks=frame.bricks)
        size, enough = (camera.height, camera.width), float(self.painter.enough)
        rgb = enough * traced.rgb[0].reshape(*size, 3).clamp(0.0, 1.0)
        opacity, depth = (enough * values[0].reshape(size) for values in (traced.opacity, traced.depth))
        return Painted(rgb=rgb, opacity=opacity, depth=depth, samples=traced.samples[0].reshape(size), display=to_rgba8(rgb))
