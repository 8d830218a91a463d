"""Pictures of the synthetic figure: cones find it, rays meet its surface, edges are refined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Float64, UInt8
from torch import Tensor

from im4d_core.data.shading import display, shade, to_bytes
from im4d_core.data.solid import CoarseField, Solid
from im4d_core.geometry import box_corners, project
from im4d_core.types import Camera

_BLOCK = 8
"""Pixels on the side of a block that one cone tests first."""
_HIT_M = 4e-4
_MAX_STEPS = 96
"""Enough for rays that graze: with half as many, one pixel in a hundred of the outline differs."""
_LEAD_M = 0.012
"""How far before its neighbours' depth a ray inside the figure starts."""
_TIGHTEN = 0.9
"""Share of the distance stepped: stretched parts know theirs to first order only."""


@dataclass(frozen=True, kw_only=True)
class FigurePicture:
    """The figure seen by a camera."""

    rgb: UInt8[np.ndarray, "h w 3"]
    """Composited on black by coverage, in display space."""
    alpha: UInt8[np.ndarray, "h w"]
    depth: Float32[np.ndarray, "h w"]
    """Along the optical axis at pixel centres; 0 where there is nothing."""


@dataclass(frozen=True, kw_only=True)
class _Hits:
    found: Tensor
    """(n,) whether each ray met the figure."""
    depth: Tensor
    near_miss: Tensor
    """(n,) least distance of a missing ray from the figure, in pixels."""


class Figure:
    """The figure at one time, ready to be seen by many cameras."""

    def __init__(self, time: float, *, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self.solid = Solid(time, device=self.device)
        self.field = CoarseField(self.solid)

    def render(self, camera: Camera, *, supersample: int = 2) -> FigurePicture:
        """The picture of a camera; edges inside are refined with `supersample` x `supersample` rays a pixel, the outline with one more each way."""
        return self.render_all((camera,), supersample=supersample)[0]

    @torch.no_grad()
    def render_all(self, cameras: Sequence[Camera], *, supersample: int = 2) -> list[FigurePicture]:
        """Pictures of cameras of one size, marched together: the more rays an operation has, the less its start costs."""
        rig = _Rig(cameras, self.device)
        views, h, w = rig.shape
        count = views * h * w
        start = self._cone_starts(rig)
        candidates = torch.nonzero(start >= 0)[:, 0]
        rays = rig.rays(candidates, 0.5, 0.5)
        hits = self._march(rig, rays, start[candidates])
        met = candidates[hits.found]
        colour, depth, group = torch.zeros(3, count, device=self.device), torch.zeros(count, device=self.device), torch.full((count,), -1.0, device=self.device)
        if met.numel():
            colour[:, met], group[met] = self._colours(rays.chosen(hits.found), hits.depth[hits.found], 1.0)
        depth[met] = hits.depth[hits.found]
        alpha = (depth > 0).float()
        if supersample > 1:
            near = torch.zeros(count, dtype=torch.bool, device=self.device)
            near[candidates] = ~hits.found & (hits.near_miss < 0.8)  # half a pixel's diagonal is 0.71
            rough = near | (_contrast(colour.view(3, *rig.shape), depth.view(rig.shape), group.view(rig.shape)).view(-1) & (depth > 0))
            known = torch.where(depth > 0, depth, -1.0).view(views, 1, h, w)
            least = -torch.nn.functional.max_pool2d(-known, 3, stride=1, padding=1).view(-1)
            inside = least > 0  # all neighbours met the figure: the rays between them need not start far before it
            begin = torch.where(inside, torch.maximum(start, least - _LEAD_M), start)
            for chosen, samples in ((rough & inside, supersample), (rough & ~inside, supersample + 1)):
                pixels = torch.nonzero(chosen)[:, 0]
                if pixels.numel():
                    colour[:, pixels], alpha[pixels] = self._refined(rig, pixels, begin[pixels], samples)
        rgb = to_bytes(colour.view(3, *rig.shape).permute(1, 2, 3, 0)).contiguous().cpu().numpy()
        alphas, depths = to_bytes(alpha.view(rig.shape)).cpu().numpy(), depth.view(rig.shape).cpu().numpy()
        return [FigurePicture(rgb=rgb[view], alpha=alphas[view], depth=depths[view]) for view in range(views)]

    def _cone_starts(self, rig: _Rig) -> Tensor:
        """Depth from which the ray of each pixel must be marched; -1 where a cone around its block of pixels met nothing."""
        views, h, w = rig.shape
        rows, columns = -(-h // _BLOCK), -(-w // _BLOCK)
        steps = (torch.arange(n, device=self.device) for n in (views, rows, columns))
        view, v, u = (index.reshape(-1) for index in torch.meshgrid(*steps, indexing="ij"))
        rays = rig.rays((view * h + v * _BLOCK) * w + u * _BLOCK, _BLOCK / 2, _BLOCK / 2)
        stretch = rays.directions.norm(dim=0)
        widening = (_BLOCK / 2 + 1.0) * 1.4143 * rays.pixel  # half the block's diagonal and a pixel around it, at depth 1
        low, high = rig.depth_range(self.solid.bounds)
        depth = torch.full_like(stretch, low)
        result = torch.full_like(stretch, -1.0)
        active = torch.arange(stretch.numel(), device=self.device)
        for _ in range(_MAX_STEPS):
            at = rays.origins[:, active] + rays.directions[:, active] * depth[active]
            free = self.solid.distance(at) - widening[active] * depth[active]
            stopped = free <= 1e-3
            result[active[stopped]] = depth[active[stopped]]
            depth[active] += _TIGHTEN * free.clamp(min=0.0) / (stretch[active] + widening[active])
            active = active[~stopped & (depth[active] < high)]
            if active.numel() == 0:
                break
        result[active] = depth[active]
        blocks = result.view(views, rows, columns)
        return blocks.repeat_interleave(_BLOCK, dim=1).repeat_interleave(_BLOCK, dim=2)[:, :h, :w].reshape(-1)

    def _march(self, rig: _Rig, rays: _Rays, start: Tensor) -> _Hits:
        _, high = rig.depth_range(self.solid.bounds)
        found = torch.zeros_like(start, dtype=torch.bool)
        depth, miss = start.clone(), torch.full_like(start, torch.inf)
        active = torch.arange(start.numel(), device=self.device)
        origins, along, pixel, travel, nearest = rays.origins, rays.directions, rays.pixel, start.clone(), miss.clone()
        pace = _TIGHTEN / along.norm(dim=0)
        for step in range(_MAX_STEPS):
            distance = self.solid.distance(torch.addcmul(origins, along, travel))
            hit = distance < _HIT_M
            if step == _MAX_STEPS - 1:
                hit = distance < 2.5 * _HIT_M  # rays that graze for very long
            nearest = torch.minimum(nearest, distance / (travel * pixel))
            travel = torch.addcmul(travel, distance, pace)
            done = hit | (travel > high)
            if not bool(done.any()):
                continue
            ended = active[done]
            found[ended], depth[ended], miss[ended] = hit[done], travel[done], nearest[done]
            keep = torch.nonzero(~done)[:, 0]
            if keep.numel() == 0:
                break
            active, origins, along = active[keep], origins[:, keep], along[:, keep]
            pixel, travel, nearest, pace = pixel[keep], travel[keep], nearest[keep], pace[keep]
        else:
            miss[active] = nearest
        return _Hits(found=found, depth=depth, near_miss=miss)

    def _colours(self, rays: _Rays, depth: Tensor, pixel_share: float) -> tuple[Tensor, Tensor]:
        points = torch.addcmul(rays.origins, rays.directions, depth)
        surface = self.solid.surface(points)
        view = -torch.nn.functional.normalize(rays.directions, dim=0)
        shaded = shade(surface, points, view, depth * rays.pixel * pixel_share, self.field)
        return display(shaded.diffuse + shaded.specular), surface.group.float()

    def _refined(self, rig: _Rig, pixels: Tensor, start: Tensor, supersample: int) -> tuple[Tensor, Tensor]:
        offsets = (torch.arange(supersample, device=self.device) + 0.5) / supersample
        dv, du = torch.meshgrid(offsets, offsets, indexing="ij")
        count = supersample * supersample
        rays = rig.rays(pixels.repeat_interleave(count), du.reshape(-1).repeat(pixels.numel()), dv.reshape(-1).repeat(pixels.numel()))
        hits = self._march(rig, rays, start.repeat_interleave(count))
        colour = torch.zeros(3, hits.depth.numel(), device=self.device)
        if bool(hits.found.any()):
            colour[:, hits.found] = self._colours(rays.chosen(hits.found), hits.depth[hits.found], 1.0 / supersample)[0]
        return colour.view(3, -1, count).mean(dim=2), hits.found.view(-1, count).float().mean(dim=1)


@dataclass(frozen=True, kw_only=True)
class _Rays:
    origins: Tensor
    """(3, n)"""
    directions: Tensor
    """(3, n), with depth 1 along the optical axis."""
    pixel: Tensor
    """(n,) size of a pixel at depth 1."""

    def chosen(self, which: Tensor) -> _Rays:
        return _Rays(origins=self.origins[:, which], directions=self.directions[:, which], pixel=self.pixel[which])


class _Rig:
    """Cameras of one size as tensors. A pixel's number counts through the columns, rows and cameras."""

    def __init__(self, cameras: Sequence[Camera], device: torch.device) -> None:
        sizes = {(camera.height, camera.width) for camera in cameras}
        if len(sizes) != 1:
            raise ValueError(f"pictures rendered together must have one size, got {sorted(sizes)}; render them one by one")
        self.shape = (len(cameras), *sizes.pop())
        """Cameras, height, width."""
        self._cameras = cameras

        def table(values: list[np.ndarray]) -> Tensor:
            return torch.as_tensor(np.stack(values, axis=-1), dtype=torch.float32, device=device)

        self._centres = table([camera.centre for camera in cameras])
        self._from_pixels = table([camera.R.T @ np.linalg.inv(camera.K) for camera in cameras])
        self._pixel = table([1.0 / camera.K.diagonal()[:2].min(keepdims=True) for camera in cameras])[0]

    def rays(self, pixels: Tensor, du: Tensor | float, dv: Tensor | float) -> _Rays:
        """Rays through points of pixels, given from their top left corners."""
        _, h, w = self.shape
        view = pixels // (h * w)
        u, v = pixels % w + du, pixels // w % h + dv
        across, down, ahead = self._from_pixels[:, :, view].unbind(dim=1)
        return _Rays(origins=self._centres[:, view], directions=across * u + down * v + ahead, pixel=self._pixel[view])

    def depth_range(self, bounds: Float64[np.ndarray, "2 3"]) -> tuple[float, float]:
        """Depths between which every camera sees the box."""
        depths = [project(camera, box_corners(bounds))[1] for camera in self._cameras]
        return max(float(np.min(depths)) - 0.05, 0.05), float(np.max(depths)) + 0.05


def _contrast(colour: Tensor, depth: Tensor, group: Tensor) -> Tensor:
    """Pixels that differ from a neighbour in coverage, part, depth or colour: one ray is not enough there."""
    values = torch.cat([colour / 0.09, depth[None] / 0.04, group[None]])  # a step of 0.09 in display colour or of 4 cm counts
    edge = torch.zeros_like(depth, dtype=torch.bool)
    h, w = depth.shape[-2:]
    for dy, dx in ((0, 1), (1, 0)):
        here, there = (..., slice(0, h - dy), slice(0, w - dx)), (..., slice(dy, h), slice(dx, w))
        differs = ((values[here] - values[there]).abs() > 1.0 - 1e-3).any(dim=0)  # 1e-3: groups differ by exactly 1
        edge[here] |= differs
        edge[there] |= differs
    return edge


def render_figure(camera: Camera, time: float, *, device: str = "cpu", supersample: int = 2) -> FigurePicture:
    """The figure at a time of its loop (1 equals 0), seen by any camera."""
    return Figure(time, device=device).render(camera, supersample=supersample)
