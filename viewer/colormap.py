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
from viewer.look import Colormap, Look, Output
from viewer.normals import normals

_MAPS: dict[Colormap, tuple[tuple[int, int, int], ...]] = {
    "distance": ((122, 4, 3), (209, 47, 5), (251, 126, 33), (238, 207, 58), (164, 252, 60), (50, 242, 152), (40, 188, 235), (70, 107, 227), (48, 18, 59)),
    "viridis": ((68, 1, 84), (71, 45, 123), (59, 82, 139), (44, 114, 142), (33, 145, 140), (40, 174, 128), (94, 201, 98), (173, 220, 48), (253, 231, 37)),
    "heat": ((0, 0, 4), (40, 11, 84), (101, 21, 110), (159, 42, 99), (212, 72, 66), (245, 125, 21), (250, 193, 39), (252, 255, 164)),
    "grey": ((0, 0, 0), (255, 255, 255)),
}
_MANY_SAMPLES = 128.0  # the brightest colour of the cost view; a fixed scale, so that pictures compare
_SQUARES = 40  # of the pattern, from top to bottom
_SQUARE_GREYS = (0.35, 0.55)


def display_pixels(
    rendered: Rendered,
    output: Output,
    *,
    camera: Camera,
    box: np.ndarray,
    background: tuple[float, float, float],
    rendered_on: tuple[float, float, float],
    look: Look,
) -> UInt8[Tensor, "h w 4"]:
    """What the window shows of a rendered picture.

    Args:
        camera: the camera of the picture.
        box: the box of the frame; its depths span the colours of the depth view where the look has no range of its own.
        background: the colour behind the scene.
        rendered_on: the colour that the renderer put there.
    """
    if output == "colour" and not look.pattern and look.exposure == 0.0:
        if background == rendered_on and rendered.display is not None:
            return rendered.display
        return to_rgba8(over(rendered, background, rendered_on))
    opacity = rendered.opacity[..., None].clamp(0.0, 1.0)
    behind = _pattern(opacity.shape[0], opacity.shape[1], opacity.device) if look.pattern else torch.tensor(background, device=opacity.device)
    if output == "colour":
        scene = rendered.rgb - (1.0 - opacity) * torch.tensor(rendered_on, device=opacity.device)  # what the scene itself adds
        picture = (scene if look.exposure == 0.0 else exposed(scene, look.exposure)) + (1.0 - opacity) * behind
    elif output == "depth":
        near, far = box_depth_range(camera, box) if look.depths is None else look.depths
        near = max(near, 0.0)
        relative = (rendered.depth - near) / max(far - near, 1e-6)  # 1e-6: a box without depth has one colour
        picture = mapped(_turned(relative, look), _MAPS[look.colormap]) * opacity + behind * (1.0 - opacity)
    elif output == "opacity":
        grey = look.colormap in ("distance", "grey")  # colours of distance say nothing about coverage
        picture = mapped(_turned(rendered.opacity, look), _MAPS["grey" if grey else look.colormap])
    elif output == "normals":
        solid = rendered.opacity >= 0.5
        picture = torch.where(solid[..., None], 0.5 + 0.5 * normals(rendered.depth, solid, camera), behind)
    else:
        picture = mapped(rendered.samples / _MANY_SAMPLES, _MAPS["heat"])
    return to_rgba8(picture)


def exposed(colour: Float[Tensor, "h w 3"], stops: float) -> Float[Tensor, "h w 3"]:
    """Display colours as if more light had fallen in: doubled for every stop in linear light, then encoded again. Source: IEC 61966-2-1 (sRGB)."""
    colour = colour.clamp(0.0, 1.0)
    linear = torch.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4) * 2.0**stops
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp(min=1e-9) ** (1 / 2.4) - 0.055)  # 1e-9: the unused branch stays finite


def _turned(values: Float[Tensor, "h w"], look: Look) -> Float[Tensor, "h w"]:
    return 1.0 - values if look.inverted else values


def _pattern(height: int, width: int, device: torch.device) -> Float[Tensor, "h w 3"]:
    """Squares of two greys, as large whatever the picture's resolution."""
    side = max(height / _SQUARES, 1.0)
    row = torch.floor(torch.arange(height, device=device) / side)
    column = torch.floor(torch.arange(width, device=device) / side)
    dark, bright = _SQUARE_GREYS
    return (dark + (bright - dark) * ((row[:, None] + column) % 2))[..., None].expand(height, width, 3)


def mapped(values: Float[Tensor, "h w"], anchors: tuple[tuple[int, int, int], ...]) -> Float[Tensor, "h w 3"]:
    """Values in [0, 1] (clamped) as colours, linear between equally spaced anchors."""
    table = torch.tensor(anchors, dtype=torch.float32, device=values.device) / 255.0
    place = torch.nan_to_num(values.float()).clamp(0.0, 1.0) * (len(anchors) - 1)
    low = place.floor().long().clamp(max=len(anchors) - 2)
    return torch.lerp(table[low], table[low + 1], (place - low)[..., None])
