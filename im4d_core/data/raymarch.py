"""Pictures of the synthetic figure: cones find it, rays meet its surface, edges are refined."""

from __future__ import annotations

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

    @torch.no_grad()
    def render(self, camera: Camera, *, supersample: int = 2) -> FigurePicture:
        """The picture of a camera; edges inside are refined with `supersample` x `supersample` rays a pixel, the outline with one more each way."""
        h, w = camera.height, camera.width
        rig = _Rig(camera, self.device)
        start = self._cone_starts(rig)
        candidates = torch.nonzero(start.view(-1) >= 0)[:, 0]
        columns, rows = candidates % w, candidates // w
        uv = torch.stack([columns + 0.5, rows + 0.5])
        hits = self._march(rig, uv, start.view(-1)[candidates])
        met = candidates[hits.found]
        colour, depth, group = torch.zeros(3, h * w, device=self.device), torch.zeros(h * w, device=self.device), torch.full((h * w,), -1.0, device=self.device)
        if met.numel():
            colour[:, met], group[met] = self._colours(rig, uv[:, hits.found], hits.depth[hits.found], 1.0)
        depth[met] = hits.depth[hits.found]
        alpha = (depth > 0).float()
        if supersample > 1:
            near = torch.zeros(h * w, dtype=torch.bool, device=self.device)
            near[candidates] = ~hits.found & (hits.near_miss < 0.8)  # half a pixel's diagonal is 0.71
            rough = near | (_contrast(colour.view(3, h, w), depth.view(h, w), group.view(h, w)).view(-1) & (depth > 0))
            least = -torch.nn.functional.max_pool2d(-torch.where(depth > 0, depth, -1.0).view(1, 1, h, w), 3, stride=1, padding=1).view(-1)
            inside = least > 0  # all neighbours met the figure: the rays between them need not start far before it
            begin = torch.where(inside, torch.maximum(start.view(-1), least - _LEAD_M), start.view(-1))
            for chosen, samples in ((rough & inside, supersample), (rough & ~inside, supersample + 1)):
                pixels = torch.nonzero(chosen)[:, 0]
                if pixels.numel():
                    colour[:, pixels], alpha[pixels] = self._refined(rig, pixels, begin[pixels], samples)
        return FigurePicture(
            rgb=to_bytes(colour.view(3, h, w).permute(1, 2, 0)).cpu().contiguous().numpy(),
            alpha=to_bytes(alpha.view(h, w)).cpu().numpy(),
            depth=depth.view(h, w).cpu().numpy(),
        )

    def _cone_starts(self, rig: _Rig) -> Tensor:
        """(h, w) depth from which each pixel's ray must be marched; -1 where a cone around its block of pixels met nothing."""
        h, w = rig.height, rig.width
        rows, columns = -(-h // _BLOCK), -(-w // _BLOCK)
        v, u = torch.meshgrid(torch.arange(rows, device=self.device), torch.arange(columns, device=self.device), indexing="ij")
        uv = torch.stack([u.reshape(-1), v.reshape(-1)]) * _BLOCK + _BLOCK / 2
        directions = rig.directions(uv)
        stretch = directions.norm(dim=0)
        widening = (_BLOCK / 2 + 1.0) * 1.4143 * rig.pixel  # half the block's diagonal and a pixel around it, at depth 1
        low, high = rig.depth_range(self.solid.bounds)
        depth = torch.full_like(stretch, low)
        result = torch.full_like(stretch, -1.0)
        active = torch.arange(stretch.numel(), device=self.device)
        for _ in range(_MAX_STEPS):
            at = rig.centre + directions[:, active] * depth[active]
            free = self.solid.distance(at) - widening * depth[active]
            stopped = free <= 1e-3
            result[active[stopped]] = depth[active[stopped]]
            depth[active] += _TIGHTEN * free.clamp(min=0.0) / (stretch[active] + widening)
            active = active[~stopped & (depth[active] < high)]
            if active.numel() == 0:
                break
        result[active] = depth[active]
        blocks = result.view(rows, columns)
        return blocks.repeat_interleave(_BLOCK, dim=0).repeat_interleave(_BLOCK, dim=1)[:h, :w].contiguous()

    def _march(self, rig: _Rig, uv: Tensor, start: Tensor) -> _Hits:
        directions = rig.directions(uv)
        stretch = directions.norm(dim=0)
        _, high = rig.depth_range(self.solid.bounds)
        found = torch.zeros(start.numel(), dtype=torch.bool, device=self.device)
        depth, miss = start.clone(), torch.full_like(start, torch.inf)
        active = torch.arange(start.numel(), device=self.device)
        along, travel, inverse = directions, depth.clone(), 1.0 / stretch
        nearest = miss.clone()
        for step in range(_MAX_STEPS):
            distance = self.solid.distance(rig.centre + along * travel)
            hit = distance < _HIT_M
            if step == _MAX_STEPS - 1:
                hit = distance < 2.5 * _HIT_M  # rays that graze for very long
            nearest = torch.minimum(nearest, distance / (travel * rig.pixel))
            moved = travel + _TIGHTEN * distance * inverse
            done = hit | (moved > high)
            if bool(done.any()):
                ended = active[done]
                found[ended], depth[ended], miss[ended] = hit[done], moved[done], nearest[done]
                keep = torch.nonzero(~done)[:, 0]
                active, along, moved, inverse, nearest = active[keep], along[:, keep], moved[keep], inverse[keep], nearest[keep]
                if active.numel() == 0:
                    break
            travel = moved
        miss[active] = nearest
        return _Hits(found=found, depth=depth, near_miss=miss)

    def _colours(self, rig: _Rig, uv: Tensor, depth: Tensor, pixel_share: float) -> tuple[Tensor, Tensor]:
        directions = rig.directions(uv)
        points = rig.centre + directions * depth
        surface = self.solid.surface(points)
        view = -torch.nn.functional.normalize(directions, dim=0)
        shaded = shade(surface, points, view, depth * rig.pixel * pixel_share, self.field)
        return display(shaded.diffuse + shaded.specular), surface.group.float()

    def _refined(self, rig: _Rig, pixels: Tensor, start: Tensor, supersample: int) -> tuple[Tensor, Tensor]:
        offsets = (torch.arange(supersample, device=self.device) + 0.5) / supersample
        dv, du = torch.meshgrid(offsets, offsets, indexing="ij")
        count = supersample * supersample
        u = (pixels % rig.width)[:, None] + du.reshape(1, -1)
        v = (pixels // rig.width)[:, None] + dv.reshape(1, -1)
        uv = torch.stack([u.reshape(-1), v.reshape(-1)])
        hits = self._march(rig, uv, start.repeat_interleave(count))
        colour = torch.zeros(3, uv.shape[1], device=self.device)
        if bool(hits.found.any()):
            colour[:, hits.found] = self._colours(rig, uv[:, hits.found], hits.depth[hits.found], 1.0 / supersample)[0]
        return colour.view(3, -1, count).mean(dim=2), hits.found.view(-1, count).float().mean(dim=1)


class _Rig:
    """A camera as tensors."""

    def __init__(self, camera: Camera, device: torch.device) -> None:
        self.width, self.height = camera.width, camera.height
        self.centre = torch.as_tensor(camera.centre, dtype=torch.float32, device=device)[:, None]
        self._camera = camera
        self._from_pixels = torch.as_tensor(camera.R.T @ np.linalg.inv(camera.K), dtype=torch.float32, device=device)
        self.pixel = float(1.0 / min(camera.K[0, 0], camera.K[1, 1]))
        """Size of a pixel at depth 1."""

    def directions(self, uv: Tensor) -> Tensor:
        """Rays with depth 1 along the optical axis."""
        return torch.addmm(self._from_pixels[:, 2:], self._from_pixels[:, :2], uv.to(torch.float32))

    def depth_range(self, bounds: Float64[np.ndarray, "2 3"]) -> tuple[float, float]:
        _, depth = project(self._camera, box_corners(bounds))
        return max(float(depth.min()) - 0.05, 0.05), float(depth.max()) + 0.05


def _contrast(colour: Tensor, depth: Tensor, group: Tensor) -> Tensor:
    """Pixels that differ from a neighbour in coverage, part, depth or colour: one ray is not enough there."""
    values = torch.cat([colour / 0.09, depth[None] / 0.04, group[None]])  # a step of 0.09 in display colour or of 4 cm counts
    edge = torch.zeros_like(depth, dtype=torch.bool)
    for dy, dx in ((0, 1), (1, 0)):
        h, w = depth.shape
        here, there = (slice(0, h - dy), slice(0, w - dx)), (slice(dy, h), slice(dx, w))
        differs = ((values[(slice(None), *here)] - values[(slice(None), *there)]).abs() > 1.0 - 1e-3).any(dim=0)  # 1e-3: groups differ by exactly 1
        edge[here] |= differs
        edge[there] |= differs
    return edge


def render_figure(camera: Camera, time: float, *, device: str = "cpu", supersample: int = 2) -> FigurePicture:
    """The figure at a time of its loop (1 equals 0), seen by any camera."""
    return Figure(time, device=device).render(camera, supersample=supersample)
