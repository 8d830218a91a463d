"""Fast pictures of a scene by the CUDA kernels, of frames and of moments between two, and what is kept for them: fields of frames, texels of source views."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch

from im4d_core.config import FastConfig, RunConfig
from im4d_core.frame_caches import FrameCaches
from im4d_core.kernels.fused import FrameField, Painted, SourceTexels
from im4d_core.pixels import to_rgba8
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
        mode: RenderMode,
        sources: Mapping[int, Context],
        views: tuple[int, ...],
        occupancy: Occupancy,
        cropped: Occupancy | None,
        fast: FastConfig,
        *,
        onward: float,
        baked: bool,
        clip: tuple[float, float] | None,
        clock: StageClock,
    ) -> Rendered:
        """One picture.

        Args:
            sources: by frame, the source views `views`, encoded. Those of a second frame make it a picture of a moment on the way there.
            occupancy: of the frame, or of all on the way from it to the second one.
            cropped: its cells inside the crop box; None shows all.
            onward: how far on the way to the second frame, 0 to 1.
            baked: whether density is looked up where it was baked, which it is at frames only.
            clip: near and far.

        Raises:
            RuntimeError: a kernel failed.
        """
        frame, *following = sources
        field = self._moment(frame + onward * (following[0] - frame), occupancy) if following else self.field(frame, occupancy, fast, baked=baked)
        if cropped is not None:
            field = replace(field, distance=cropped.distance)
        clock.mark("density")
        texels = [self.texels(at, views, context) for at, context in sources.items()]
        clock.mark("features")
        painted = self._painted(camera, field, texels[0], fast, clip)
        if following:
            painted = _mixed(painted, self._painted(camera, field, texels[1], fast, clip), onward)
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

    def _moment(self, moment: float, occupancy: Occupancy) -> FrameField:
        """The field at a moment between frames; kept nowhere: there are as many as pictures, and only its lines, which are small, are its own."""
        return self._fused.frame(occupancy, self._method.times.time(moment), None)

    def _painted(self, camera: Camera, field: FrameField, texels: SourceTexels, fast: FastConfig, clip: tuple[float, float] | None) -> Painted:
        painted = self._fused.render(camera, field, texels, fast, self._background, clip=clip)
        while self._fused.painter.overflowed():
            painted = self._fused.render(camera, field, texels, fast, self._background, clip=clip)
        return painted

    def texels(self, frame: int, views: tuple[int, ...], context: Context) -> SourceTexels:
        """The source views of a frame, packed."""
        texels = self._kept.texels.get((frame, views))
        if texels is None:
            texels = self._fused.sources(context)
            self._kept.texels.put((frame, views), texels)
        return texels


def _mixed(before: Painted, after: Painted, onward: float) -> Painted:
    """One of two pictures of the same samples, coloured differently: a picture is a weighted sum of colours, so that of mixed colours is their mixture."""
    assert before.rgb is not None and after.rgb is not None
    rgb = torch.lerp(before.rgb, after.rgb, onward)
    return replace(before, rgb=rgb, display=to_rgba8(rgb))
