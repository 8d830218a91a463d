"""The fast renderer by the fused kernels: what `fast.trace` computes, a whole picture at a time, on an NVIDIA GPU."""

from __future__ import annotations

import numpy as np
import torch

from im4d_core.config import FastConfig, MethodConfig, RunConfig
from im4d_core.kernels import nvrtc
from im4d_core.kernels.bricks import Refine
from im4d_core.kernels.fused import Aim, FrameField, FusedBlend, FusedField, Painted, Painter, SourceTexels, unserved
from im4d_core.methods.base import Method
from im4d_core.render.occupancy import Occupancy
from im4d_core.render.rays import NEAR
from im4d_core.tensors import Context
from im4d_core.types import Camera

_ENDLESS = 1e30


def obstacle(method: Method, config: RunConfig, device: torch.device) -> str | None:
    """Why the kernels cannot render a model on a device, in words for the user; None where they can."""
    if device.type != "cuda":
        return "the device is no NVIDIA GPU"
    tensors = method.tensors()
    if tensors is None:
        return "this method has no kernels"
    return nvrtc.problem(torch.cuda.current_device() if device.index is None else device.index) or unserved(tensors[0], config.views.count)


class FusedRenderer:
    """Renders one model. Keeps nothing of frames and pictures; its caller caches what `frame` and `sources` return."""

    def __init__(self, method: Method, config: MethodConfig) -> None:
        tensors = method.tensors()
        assert tensors is not None  # `obstacle` was asked
        self._pixel_offset = config.pixel_offset
        blend = FusedBlend(tensors[1], pixel_offset=config.pixel_offset, mask_invisible=config.mask_invisible)
        self.painter = Painter(FusedField(tensors[0]), blend)

    def frame(self, occupancy: Occupancy, time: float, refine: Refine | None) -> FrameField:
        """What all pictures of a frame share.

        Args:
            refine: fine cells of the baked density per occupancy cell; None evaluates the field at every sample.
        """
        frame = self.painter.frame(occupancy.distance, occupancy.box.numpy(), time)
        return frame if refine is None else self.painter.baked(frame, occupancy.bricks(refine), refine)

    def sources(self, context: Context) -> SourceTexels:
        """What pictures of a frame with the same source views share."""
        return self.painter.blend.sources(context.texels[0], context.sizes[0], context.K[0], context.T_camera_world[0])

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
        """Enqueues a picture.

        Args:
            clip: near and far; None for all that the frame's box holds.
            display_only: bytes and depth only.
        """
        aim = Aim(
            to_world=camera.R.T @ np.linalg.inv(camera.K),
            centre=camera.centre,
            width=camera.width,
            height=camera.height,
            pixel_offset=self._pixel_offset,
            near=NEAR if clip is None else max(clip[0], NEAR),
            far=_ENDLESS if clip is None else clip[1],
            step=float(np.linalg.norm(frame.high - frame.low)) / fast.steps,
            min_weight=fast.min_weight,
            # without renormalising nothing behind a transmittance below the least weight is ever seen
            stop=fast.min_transmittance if fast.renormalise else max(fast.min_transmittance, fast.min_weight),
        )
        return self.painter.paint(aim, frame, sources, background=background, renormalise=fast.renormalise, display_only=display_only)
