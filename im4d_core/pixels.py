"""Rendered colours as bytes, on the device they were made on. Window, export and shell round and blend by these, so equal pictures have equal bytes."""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from im4d_core.tensors import Rendered

Colour = tuple[float, float, float]


def over(rendered: Rendered, background: Colour, rendered_on: Colour) -> Float[Tensor, "h w 3"]:
    """A rendered picture in front of another colour than the one the renderer put there."""
    if background == rendered_on:
        return rendered.rgb
    opacity = rendered.opacity[..., None].clamp(0.0, 1.0)
    behind = torch.tensor(background, device=opacity.device)
    return rendered.rgb + (1.0 - opacity) * (behind - torch.tensor(rendered_on, device=opacity.device))


def to_rgba8(picture: Float[Tensor, "h w 3"]) -> UInt8[Tensor, "h w 4"]:
    """Colours in [0, 1] as packed bytes, rounded, opaque."""
    rgba = torch.full((*picture.shape[:2], 4), 255, dtype=torch.uint8, device=picture.device)
    rgba[..., :3] = _bytes(picture)  # converting cuts off the fraction
    return rgba


def transparent_rgba8(rendered: Rendered, rendered_on: Colour) -> UInt8[Tensor, "h w 4"]:
    """The scene alone: its own colours, not multiplied by alpha, and its opacity as alpha. What is wholly transparent is black."""
    opacity = rendered.opacity[..., None].clamp(0.0, 1.0)
    premultiplied = rendered.rgb - (1.0 - opacity) * torch.tensor(rendered_on, device=opacity.device)
    colour = torch.where(opacity > 0.0, premultiplied / opacity.clamp(min=1e-6), torch.zeros_like(premultiplied))  # 1e-6: below half a step of alpha
    return torch.cat([_bytes(colour), _bytes(opacity)], dim=-1).byte()


def _bytes(values: Tensor) -> Tensor:
    """0 to 255 with a fraction to be cut off."""
    return values.mul(255.0).add_(0.5).nan_to_num_(nan=0.0).clamp_(0.0, 255.0)
