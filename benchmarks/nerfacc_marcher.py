"""nerfacc's occupancy grid as the marcher in front of our field and shading: what the fast renderer would be if it marched and composited by nerfacc.

nerfacc is optional. Its CUDA code is compiled when it is first called, which needs a CUDA toolkit and a host compiler.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from im4d_core.config import FastConfig
from im4d_core.methods.base import Method
from im4d_core.render.occupancy import Occupancy
from im4d_core.render.rays import all_pixels, picture_rays
from im4d_core.tensors import Context
from im4d_core.types import Camera


@cache
def problem(device: torch.device) -> str | None:
    """Why nerfacc cannot march on a device, in words; None where it can. Compiles its kernels, which takes a minute the first time."""
    try:
        nerfacc = _nerfacc()
    except Exception as error:  # noqa: BLE001 - it imports torch's extension builder, which may fail in ways of its own
        return f"nerfacc cannot be imported: {_first_line(error)}"
    if device.type != "cuda":
        return "nerfacc marches on NVIDIA GPUs only"
    try:
        grid = nerfacc.OccGridEstimator(torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0, 1.0]), resolution=2).to(device)
        grid.binaries.fill_(True)
        middle = torch.full((1, 3), 0.5, device=device)
        rays, *_ = grid.sampling(middle, torch.tensor([[0.0, 0.0, 1.0]], device=device), render_step_size=0.125)
    except Exception as error:  # noqa: BLE001 - a missing toolkit, a compiler's error, a library that does not load
        return f"nerfacc's kernels cannot be compiled: {_first_line(error)}"
    return None if len(rays) else "nerfacc's kernels found no sample in a full grid"


class NerfaccMarcher:
    """Pictures of one model at one time and box, marched and composited by nerfacc.

    Args:
        occupancy: of the frame; nerfacc reads the same cells.
        time: of the frame.
        pixel_offset: of a pixel's centre from its corner.
    """

    def __init__(self, method: Method, occupancy: Occupancy, time: float, config: FastConfig, background: Tensor, pixel_offset: float) -> None:
        self._nerfacc: Any = _nerfacc()
        self._method, self._config, self._background, self._pixel_offset = method, config, background, pixel_offset
        self._device = occupancy.occupied.device
        self._box, self._time = occupancy.box.numpy(), time
        resolution = torch.tensor(occupancy.occupied.shape, dtype=torch.int32)
        self._grid = self._nerfacc.OccGridEstimator(occupancy.box.flatten(), resolution=resolution).to(self._device)
        self._grid.binaries.copy_(occupancy.occupied[None])
        self._step = float((occupancy.box[1] - occupancy.box[0]).norm()) / config.steps

    def render(self, camera: Camera, context: Context) -> Tensor:
        """A picture, (h, w, 3). Directions are as long as a unit of depth, so nerfacc's distances are depths, as ours are."""
        nerfacc, config = self._nerfacc, self._config
        rays = picture_rays(camera, all_pixels(camera, self._device), self._box, self._time, pixel_offset=self._pixel_offset, slab=False)
        origins, directions, count = rays.origins[0].contiguous(), rays.directions[0].contiguous(), rays.origins.shape[1]
        ray, starts, ends = self._grid.sampling(origins, directions, render_step_size=self._step)
        ray = ray.long()
        middle = 0.5 * (starts + ends)
        points = origins[ray] + middle[:, None] * directions[ray]
        raw = torch.cat([self._method.logit(part[None], rays.time)[0] for part in points.split(config.chunk)]) if len(points) else starts
        density = self._method.activate(raw) * directions.norm(dim=-1)[ray]
        weights, through, _ = nerfacc.render_weight_from_density(starts, ends, density, ray_indices=ray, n_rays=count)
        seen = through > config.min_transmittance
        opacity = nerfacc.accumulate_along_rays(weights * seen, ray_indices=ray, n_rays=count)[:, 0]
        kept = seen & (weights >= config.min_weight)
        ray, weights, points = ray[kept], weights[kept], points[kept]
        total = nerfacc.accumulate_along_rays(weights, ray_indices=ray, n_rays=count)[:, 0]
        parts = zip(points.split(config.chunk), directions[ray].split(config.chunk), strict=True)
        colors = torch.cat([self._method.color(p[None], d[None], context)[0] for p, d in parts]) if len(points) else points
        rgb = nerfacc.accumulate_along_rays(weights, values=colors, ray_indices=ray, n_rays=count)
        if config.renormalise:
            rgb = rgb * (opacity / total.clamp(min=1e-6))[:, None]  # as in our own fast renderer
        covered = torch.where(total > 0, opacity if config.renormalise else total, torch.zeros_like(total))
        return (rgb + (1.0 - covered)[:, None] * self._background).reshape(camera.height, camera.width, 3)


def _nerfacc() -> ModuleType:
    return import_module("nerfacc")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
