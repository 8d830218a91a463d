"""Fast pictures of a scene by the CUDA kernels, and what is kept for them: the field of a frame, the texels of its source views."""

from __future__ import annotations

from collections.abc import Callable

import torch

from im4d_core.config import FastConfig, RunConfig
from im4d_core.frame_caches import FrameCaches
from im4d_core.kernels.fused import FrameField, SourceTexels
from im4d_core.render.bricks import choose_refine
from im4d_core.render.fused import FusedRenderer
from im4d_core.render.occupancy import Occupancy
from im4d_core.stage_clock import StageClock
from im4d_core.tensors import Context, Rendered
from im4d_core.types import Camera, RenderMode


class KernelPictures:
    """Makes whole pictures at once.

    Args:
        config: of the run; what is kept depends on its method only.
        kept: where fields and texels are kept.
        no_room: called where there is no memory for baked density; none is to be asked for afterwards.
    """

    def __init__(self, fused: FusedRenderer, config: RunConfig, kept: FrameCaches, no_room: Callable[[], None]) -> None:
        self._fused, self._method, self._background = fused, config.method, config.data.background
        self._kept = kept
        self._no_room = no_room

    def render(
        self,
        camera: Camera,
        frame: int,
        mode: RenderMode,
        occupancy: Occupancy,
        context: Context,
        views: tuple[int, ...],
        fast: FastConfig,
        *,
        baked: bool,
        clip: tuple[float, float] | None,
        clock: StageClock,
    ) -> Rendered:
        """One picture.

        Args:
            context: the source views `views`, encoded.
            baked: whether density is looked up where it was baked.
            clip: near and far.

        Raises:
            RuntimeError: a kernel failed.
        """
        fused = self._fused
        field = self.field(frame, occupancy, fast, baked=baked)
        clock.mark("density")
        texels = self._texels(frame, views, context)
        clock.mark("features")
        painted = fused.render(camera, field, texels, fast, self._background, clip=clip)
        while fused.painter.overflowed():
            painted = fused.render(camera, field, texels, fast, self._background, clip=clip)
        clock.mark(mode)
        assert painted.rgb is not None and painted.opacity is not None and painted.samples is not None  # all was asked for
        return Rendered(
            rgb=painted.rgb,
            opacity=painted.opacity,
            depth=painted.depth,
            samples=painted.samples,
            source_views=views,
            renderer=f"{'exact' if field.bricks is None else 'baked'}, CUDA kernels",
            milliseconds=clock.milliseconds(),
            display=painted.display,
        )

    def make_ready(self, frame: int, occupancy: Occupancy, context: Context, views: tuple[int, ...], fast: FastConfig, *, baked: bool) -> None:
        """Does now what a picture of the frame will need."""
        self.field(frame, occupancy, fast, baked=baked)
        self._texels(frame, views, context)

    def field(self, frame: int, occupancy: Occupancy, fast: FastConfig, *, baked: bool) -> FrameField:
        """The field of a frame; without baked density where there is no memory for it."""
        field = self._kept.fields.get((frame, baked))
        if field is None:
            time = self._method.times.time(frame)
            try:
                field = self._fused.frame(occupancy, time, choose_refine(occupancy, self._method, fast) if baked else None)
            except torch.OutOfMemoryError:
                if not baked:
                    raise
                self._no_room()
                baked = False
                field = self._fused.frame(occupancy, time, None)
            self._kept.fields.put((frame, baked), field)
        return field

    def _texels(self, frame: int, views: tuple[int, ...], context: Context) -> SourceTexels:
        texels = self._kept.texels.get((frame, views))
        if texels is None:
            texels = self._fused.sources(context)
            self._kept.texels.put((frame, views), texels)
        return texels
