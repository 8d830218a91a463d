"""A picture that is made tile by tile."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from im4d_core import kernels
from im4d_core.tensors import Rendered, Traced
from im4d_core.types import RenderMode

_GPU_RAYS = 1 << 18
"""Rays marched at once by the fast renderer on a GPU."""
_CPU_RAYS: dict[RenderMode, int] = {"fast": 1 << 10, "exact": 1 << 8, "full": 1 << 7}
"""On a CPU a tile takes 5 to 10 ms, so that a picture stops at once when it is no longer wanted. Larger ones are not faster. The sizes are fixed, not
timed: where tiles are cut changes the last bit of a colour now and then, and equal requests must give equal pictures."""
_COMPILED_RAYS = 1 << 13
"""The same of baked density with the compiled kernels, which are ten times faster."""


def tile_rays(mode: RenderMode, device: torch.device, full_rays: int, *, baked: bool) -> int:
    """Rays traced between two looks at whether the picture is still wanted.

    Args:
        full_rays: most at once by the full renderer.
        baked: whether density was baked.
    """
    most = full_rays if mode == "full" else _GPU_RAYS
    if device.type == "cuda":
        return most
    return _COMPILED_RAYS if baked and kernels.cpu.ready() else min(most, _CPU_RAYS[mode])


class Canvas:
    """Collects traced rays; what no ray has reached yet is background."""

    def __init__(self, width: int, height: int, background: Float[Tensor, "3"]) -> None:
        self._shape = (height, width)
        pixels, device = width * height, background.device
        self._rgb = background.expand(pixels, 3).clone()
        self._opacity, self._depth = torch.zeros(pixels, device=device), torch.zeros(pixels, device=device)
        self._samples = torch.zeros(pixels, dtype=torch.int32, device=device)

    def put(self, pixels: Int[Tensor, "ray"], traced: Traced) -> None:
        """Adds the rays of a tile, traced as one target.

        Args:
            pixels: where each ray belongs, row by row.
        """
        self._rgb[pixels], self._opacity[pixels] = traced.rgb[0], traced.opacity[0]
        self._depth[pixels], self._samples[pixels] = traced.depth[0], traced.samples[0]

    def picture(self, source_views: tuple[int, ...], renderer: str, milliseconds: dict[str, float]) -> Rendered:
        """The picture so far; it shows what is put later, too."""
        return Rendered(
            rgb=self._rgb.clamp(0.0, 1.0).reshape(*self._shape, 3),
            opacity=self._opacity.reshape(self._shape),
            depth=self._depth.reshape(self._shape),
            samples=self._samples.reshape(self._shape),
            source_views=source_views,
            renderer=renderer,
            milliseconds=milliseconds,
        )
