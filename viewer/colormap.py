"""Rendered pictures as RGBA8 for the screen, on the device they were made on. Imports torch: only the render thread and offline commands use it."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from im4d_core.geometry import box_depth_range
from im4d_core.pixels import over, to_rgba8
from im4d_core.tensors import Rendered
from im4d_core.types import Camera
from viewer.state import Output

_DISTANCE = ((122, 4, 3), (209, 47, 5), (251, 126, 33), (238, 207, 58), (164, 252, 60), (50, 242, 152), (40, 188, 235), (70, 107, 227), (48, 18, 59))
_EFFORT = ((0, 0, 4), (40, 11, 84), (101, 21, 110), (159, 42, 99), (212, 72, 66), (245, 125, 21), (250, 193, 39), (252, 255, 164))
_MANY_SAMPLES = 128.0  # the brightest colour of the cost view; a fixed scale, so that pictures compare


def display_pixels(
    rendered: Rendered,
    output: Output,
    *,
    camera: Camera,
    box: np.ndarray,
    background: tuple[float, float, float],
    rendered_on: tuple[float, float, float],
) -> UInt8[Tensor, "h w 4"]:
    """What the window shows of a rendered picture.

    Args:
        camera: the camera of the picture.
        box: the box of the frame; its depths span the colours of the depth view.
        background: the colour behind the scene.
        rendered_on: the colour that the renderer put there.
    """
    if output == "colour":
        return to_rgba8(over(rendered, background, rendered_on))
    opacity = rendered.opacity[..., None].clamp(0.0, 1.0)
    behind = torch.tensor(background, device=opacity.device)
    if output == "depth":
        near, far = box_depth_range(camera, box)
        near = max(near, 0.0)
        relative = (rendered.depth - near) / max(far - near, 1e-6)  # 1e-6: a box without depth has one colour
        picture = mapped(relative, _DISTANCE) * opacity + behind * (1.0 - opacity)
    elif output == "opacity":
        picture = opacity.expand(*opacity.shape[:2], 3)
    else:
        picture = mapped(rendered.samples / _MANY_SAMPLES, _EFFORT)
    return to_rgba8(picture)


def mapped(values: Float[Tensor, "h w"], anchors: tuple[tuple[int, int, int], ...]) -> Float[Tensor, "h w 3"]:
    """Values in [0, 1] (clamped) as colours, linear between equally spaced anchors."""
    table = torch.tensor(anchors, dtype=torch.float32, device=values.device) / 255.0
    place = torch.nan_to_num(values.float()).clamp(0.0, 1.0) * (len(anchors) - 1)
    low = place.floor().long().clamp(max=len(anchors) - 2)
    return torch.lerp(table[low], table[low + 1], (place - low)[..., None])
