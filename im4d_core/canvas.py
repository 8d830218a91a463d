"""A picture that is made tile by tile."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from im4d_core.tensors import Rendered, Traced


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


@dataclass
class Begun:
    """A picture that was stopped, to go on with: what is done of it, and how long that took."""

    canvas: Canvas | None = None
    """None where nothing is done yet."""
    rays: int = 0
    milliseconds: dict[str, float] = field(default_factory=dict)
    """By stage."""

    def stop(self, canvas: Canvas, rays: int, milliseconds: dict[str, float]) -> None:
        """Keeps what is done now.

        Args:
            milliseconds: since it went on last.
        """
        self.canvas, self.rays, self.milliseconds = canvas, rays, self.with_former(milliseconds)

    def with_former(self, milliseconds: dict[str, float]) -> dict[str, float]:
        """Times by stage, with those from before it was stopped."""
        return {**self.milliseconds, **{stage: ms + self.milliseconds.get(stage, 0.0) for stage, ms in milliseconds.items()}}
