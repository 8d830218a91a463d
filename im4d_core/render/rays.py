"""Rays of pixels, and where they cross a box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from im4d_core.geometry import box_depth_range
from im4d_core.tensors import Rays
from im4d_core.types import Camera

NEAR, _FAR = 0.1, 100.0
"""Depths that near and far stay between, in world units (the released configurations)."""


def camera_rays(
    cameras: Sequence[Camera],
    pixels: Int[Tensor, "target ray 2"],
    boxes: Float[np.ndarray, "target 2 3"],
    times: Sequence[float],
    *,
    pixel_offset: float,
    slab: bool,
) -> Rays:
    """Rays through pixels (column, row), one row of them per camera, on the device of `pixels`.

    Args:
        boxes: near and far are where each ray enters and leaves its camera's box; far <= near where it misses.
        slab: near and far are the depths of the box's corners instead, the same for all rays of a camera.
    """
    device = pixels.device

    def stacked(matrices: Sequence[np.ndarray]) -> Tensor:
        return torch.as_tensor(np.stack(matrices), dtype=torch.float32).to(device, non_blocking=True)

    to_world = stacked([camera.R.T @ np.linalg.inv(camera.K) for camera in cameras])
    uv = pixels.float() + pixel_offset
    with torch.autocast(device.type, enabled=False):  # float16 cannot tell neighbouring pixels apart
        directions = torch.einsum("bij,bnj->bni", to_world, torch.cat([uv, torch.ones_like(uv[..., :1])], dim=-1))
    origins = stacked([camera.centre for camera in cameras]).unsqueeze(1).expand_as(directions)
    if slab:
        ranges = stacked([np.clip(box_depth_range(camera, box), NEAR, _FAR) for camera, box in zip(cameras, boxes, strict=True)])
        near, far = (ranges[:, i, None].expand(uv.shape[:-1]) for i in (0, 1))
    else:
        near, far = box_crossing(origins, directions, stacked(list(boxes)))
    return Rays(origins=origins, directions=directions, near=near, far=far, time=torch.tensor(list(times), dtype=torch.float32).to(device, non_blocking=True))


def box_crossing(
    origins: Float[Tensor, "target ray 3"], directions: Float[Tensor, "target ray 3"], boxes: Float[Tensor, "target 2 3"]
) -> tuple[Float[Tensor, "target ray"], Float[Tensor, "target ray"]]:
    """Depth at which rays enter and leave a box; far <= near where they miss. Entry is never nearer than 0.1."""
    safe = torch.where(directions.abs() < 1e-9, torch.full_like(directions, 1e-9), directions)  # within a slab's plane: no division by zero
    low, high = (boxes[:, 0, None] - origins) / safe, (boxes[:, 1, None] - origins) / safe
    near = torch.minimum(low, high).amax(dim=-1).clamp(min=NEAR)
    return near, torch.maximum(low, high).amin(dim=-1)


def all_pixels(camera: Camera, device: torch.device) -> Int[Tensor, "pixel 2"]:
    """(column, row) of every pixel, row by row."""
    rows, columns = torch.meshgrid(torch.arange(camera.height, device=device), torch.arange(camera.width, device=device), indexing="ij")
    return torch.stack([columns, rows], dim=-1).reshape(-1, 2)


def picture_rays(camera: Camera, pixels: Int[Tensor, "ray 2"], box: Float[np.ndarray, "2 3"], time: float, *, pixel_offset: float, slab: bool) -> Rays:
    """Rays through pixels of one camera; near >= far where a ray misses the box, also where near and far are those of the slab."""
    rays = camera_rays([camera], pixels[None], box[None], [time], pixel_offset=pixel_offset, slab=slab)
    if not slab:
        return rays
    near, far = box_crossing(rays.origins, rays.directions, torch.as_tensor(box, dtype=torch.float32, device=pixels.device)[None])
    return replace(rays, far=torch.where(far > near, rays.far, rays.near))


def cut(rays: Rays, box: Float[np.ndarray, "2 3"] | None, depths: tuple[float, float] | None) -> Rays:
    """The parts of rays that lie in a box and between two depths; far <= near where nothing is left."""
    if box is not None:
        near, far = box_crossing(rays.origins, rays.directions, torch.as_tensor(box, dtype=torch.float32, device=rays.near.device)[None])
        rays = replace(rays, near=torch.maximum(rays.near, near), far=torch.minimum(rays.far, far))
    return rays if depths is None else replace(rays, near=rays.near.clamp(min=depths[0]), far=rays.far.clamp(max=depths[1]))


def subset(rays: Rays, index: Int[Tensor, "chosen"]) -> Rays:
    """Some of the rays of each target."""
    return replace(rays, origins=rays.origins[:, index], directions=rays.directions[:, index], near=rays.near[:, index], far=rays.far[:, index])
