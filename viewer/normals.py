"""Surface normals from the depth of a picture. Used by the render thread and offline commands."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from im4d_core.types import Camera

_REACH = 0.005
"""Of the picture's height: how far away the neighbours are that a plane is laid through. Depth is an expectation over samples and waves a little from
pixel to pixel."""


def normals(depth: Float[Tensor, "h w"], solid: Bool[Tensor, "h w"], camera: Camera) -> Float[Tensor, "h w 3"]:
    """Unit normals in world axes, towards the camera; zero where the picture shows nothing.

    Along each axis of the picture the neighbour on the side with the smaller step in depth counts, so that normals do not bend at silhouettes.

    Args:
        depth: along the optical axis.
        solid: where depth means something.
    """
    height, width = depth.shape
    inverse = torch.from_numpy(camera.R.T @ np.linalg.inv(camera.K)).to(depth.device, torch.float32)
    v, u = torch.meshgrid(torch.arange(height, device=depth.device) + 0.5, torch.arange(width, device=depth.device) + 0.5, indexing="ij")
    directions = torch.stack([u, v, torch.ones_like(u)], dim=-1) @ inverse.T
    points = directions * depth[..., None]  # from the camera's centre, in world axes
    across, down = (_step(points, depth, solid, axis, max(1, round(_REACH * height))) for axis in (1, 0))
    normal = torch.linalg.cross(down, across)
    length = normal.norm(dim=-1, keepdim=True)
    normal = torch.where((length > 0) & solid[..., None], normal / length.clamp(min=1e-20), 0.0)
    away = (normal * directions).sum(dim=-1, keepdim=True) > 0
    return torch.where(away, -normal, normal)


def _step(points: Float[Tensor, "h w 3"], depth: Float[Tensor, "h w"], solid: Bool[Tensor, "h w"], axis: int, pixels: int) -> Float[Tensor, "h w 3"]:
    """From each point to the one so many pixels on along an axis of the picture, on the better side; zero where there is none."""
    infinite = torch.tensor(torch.inf, device=depth.device)
    size = points.shape[axis]
    place = torch.arange(size, device=depth.device)
    sides = []
    for reach in (pixels, -pixels):
        other = (place + reach).clamp(0, size - 1)
        exists = (other == place + reach).reshape((-1, 1) if axis == 0 else (1, -1))
        there = depth.index_select(axis, other)
        gap = torch.where(exists & solid & solid.index_select(axis, other), (there - depth).abs(), infinite)
        vector = (points.index_select(axis, other) - points) * (1.0 if reach > 0 else -1.0)
        sides.append((gap, vector))
    (ahead, forward), (behind, backward) = sides
    step = torch.where((ahead <= behind)[..., None], forward, backward)
    return torch.where((torch.minimum(ahead, behind) < infinite)[..., None], step, 0.0)
