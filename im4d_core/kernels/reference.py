"""The plain PyTorch twin of every kernel: tensors in, tensors out, no cameras, differentiable where the kernels are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from im4d_core.kernels.bricks import Bricks

_SPACE_AXES = ((0, 1), (1, 2), (0, 2))
"""Axes of the xy, yz and xz planes: the first lies along the width, the second along the height."""
_LOOKUPS = 1 << 18
"""Points looked up at once."""


@dataclass(frozen=True, kw_only=True)
class Marched:
    """Samples of some rays that count, sorted by ray, then depth, and what the rays came to."""

    ray: Int[Tensor, "sample"]
    depth: Float[Tensor, "sample"]
    weight: Float[Tensor, "sample"]
    transmittance: Float[Tensor, "ray"]
    """Behind the last sample."""
    evaluated: Int[Tensor, "ray"]
    """Densities looked at."""


def plane_features(
    points: Float[Tensor, "n 3"], time: Float[Tensor, "n"], spatial: Sequence[Tensor], temporal: Sequence[Tensor]
) -> Float[Tensor, "n features"]:
    """Bilinear features of the space planes (xy, yz, xz) and the space-time planes (xt, yt, zt), concatenated level by level.

    Args:
        points: in [-1, 1], outside is clamped by the caller.
        time: in [-1, 1].
        spatial: per level (3, channels, size, size).
        temporal: per level (3, channels, times, size): space along the width, time along the height.

    Source: Im4D, section 3.1; corner-aligned lookup as in the released code.
    """
    space = torch.stack([points[:, list(axes)] for axes in _SPACE_AXES]).unsqueeze(1)
    space_time = torch.stack([points.t(), time.expand(3, -1)], dim=-1).unsqueeze(1)
    columns = []
    for planes, lines in zip(spatial, temporal, strict=True):
        for stack, grid in ((planes, space), (lines, space_time)):
            looked_up = F.grid_sample(stack, grid.to(stack.dtype), mode="bilinear", padding_mode="border", align_corners=True)
            columns.append(looked_up.reshape(-1, points.shape[0]))
    return torch.cat(columns).t()


def interval_weights(optical_depth: Float[Tensor, "*ray sample"]) -> tuple[Float[Tensor, "*ray sample"], Float[Tensor, "*ray"]]:
    """Weights of the samples of each ray, in depth order, and the transmittance behind the last; together they sum to one.

    Source: Max 1995; w_i = T_i (1 - exp(-sigma_i delta_i)), T_i = exp(-sum_{j<i} sigma_j delta_j).
    """
    through = torch.exp(-torch.cumsum(optical_depth, dim=-1))
    before = torch.cat([torch.ones_like(through[..., :1]), through[..., :-1]], dim=-1)
    return before - through, torch.exp(-optical_depth.sum(dim=-1))


def packed_weights(
    optical_depth: Float[Tensor, "sample"], ray: Int[Tensor, "sample"], first: Int[Tensor, "ray"], before: Float[Tensor, "ray"]
) -> tuple[Float[Tensor, "sample"], Float[Tensor, "ray"]]:
    """`interval_weights` of packed samples (sorted by ray, then depth), behind what is in front of them already.

    Args:
        ray: ray of each sample.
        first: index of each ray's first sample; rays without samples may point anywhere.
        before: transmittance in front of each ray's first sample.

    Returns:
        The weights, and each ray's optical depth over these samples as a transmittance factor.
    """
    depth = optical_depth.clamp(max=60.0).double()  # exp(-60) is nothing; float64 so that one running sum over all rays keeps its digits
    running = torch.cumsum(depth, dim=0)
    exclusive = running - depth
    inside = (exclusive - exclusive[first[ray]]).to(optical_depth.dtype)
    weights = before[ray] * torch.exp(-inside) * -torch.expm1(-optical_depth)
    total = torch.zeros_like(before).index_add_(0, ray, depth.to(before.dtype))
    return weights, torch.exp(-total)


def lattice_samples(
    origins: Float[Tensor, "ray 3"],
    directions: Float[Tensor, "ray 3"],
    near: Float[Tensor, "ray"],
    far: Float[Tensor, "ray"],
    distance: UInt8[Tensor, "x y z"],
    box: Float[Tensor, "2 3"],
    step: float,
    nearby: int = 5,
) -> tuple[Int[Tensor, "sample"], Float[Tensor, "sample"]]:
    """Occupied samples on the lattice of midpoints (k + 1/2) * step, sorted by ray, then depth.

    Every ray is marched with the same step in depth, measured from the camera. A sample is emitted where its midpoint lies in the box, in an
    occupied cell, and not more than a step in front of near or behind far. The march goes over blocks of steps first and expands those whose
    neighbourhood holds an occupied cell: the result is that of testing every midpoint.

    Args:
        near, far: where each ray enters and leaves the box, or what of that is wanted; far <= near where it misses.
        distance: `distance_grid` of the occupied cells, reaching farther than `nearby`.
        nearby: cells around an occupied one whose blocks are expanded: wide enough for blocks of several steps, narrow enough to skip most of a box.

    Returns:
        Ray and depth of each sample.

    Source: the marching rule of nerfacc's occupancy grid (Li et al. 2023) at constant step, as an equivalent closed form.
    """
    cells = torch.tensor(distance.shape, device=origins.device)
    low, scale = box[0], cells / (box[1] - box[0])
    # as many steps as stay nearby their middle along every axis; one cell is lost to rounding, and a block of one step needs no neighbours
    farthest = step * float(directions.norm(dim=-1).max() * scale.max()) if len(directions) else 1.0
    block = max(1, int(2.0 * (nearby - 1) / farthest))
    begin, end = (near.clamp(min=0.0) / step - 0.5).long(), (far / step + 0.5).long()
    first = begin // block
    count = (end // block + 1 - first).clamp(min=0) * (far > near)
    ray = torch.repeat_interleave(torch.arange(len(near), device=near.device), count)
    k = torch.arange(len(ray), device=near.device) - torch.repeat_interleave(torch.cumsum(count, 0) - count, count) + first[ray]
    middle = (k + 0.5) * (step * block)
    # a block's middle may lie outside the box while its end reaches in: clamp it to the box, which is nearer to every point inside
    cell = ((origins[ray] + middle[:, None] * directions[ray] - low) * scale).floor().long()
    cell = torch.minimum(cell.clamp(min=0), cells - 1)
    live = distance[cell[:, 0], cell[:, 1], cell[:, 2]] <= nearby
    ray, k = ray[live], k[live]
    ray = ray.repeat_interleave(block)
    k = (k[:, None] * block + torch.arange(block, device=k.device)).reshape(-1)
    wanted = (k >= begin[ray]) & (k <= end[ray])  # a camera may stand in the box, nearer to its cells than near
    ray, k = ray[wanted], k[wanted]
    depth = (k + 0.5) * step
    cell = ((origins[ray] + depth[:, None] * directions[ray] - low) * scale).floor().long()
    inside = ((cell >= 0) & (cell < cells)).all(dim=-1)
    cell = torch.minimum(cell.clamp(min=0), cells - 1)
    keep = inside & (distance[cell[:, 0], cell[:, 1], cell[:, 2]] == 0)
    return ray[keep], depth[keep]


def dilate(occupied: Bool[Tensor, "x y z"], cells: int) -> Bool[Tensor, "x y z"]:
    """Occupied cells and their neighbours up to `cells` cells away along every axis."""
    if cells == 0:
        return occupied
    grown = occupied[None, None].to(torch.float32)
    for axis in range(3):  # three narrow windows instead of one wide: the same maximum
        size = [1, 1, 1]
        size[axis] = 2 * cells + 1
        grown = F.max_pool3d(grown, size, stride=1, padding=[s // 2 for s in size])
    return grown[0, 0] > 0


def distance_grid(occupied: Bool[Tensor, "x y z"], reach: int) -> UInt8[Tensor, "x y z"]:
    """Chebyshev distance of each cell to the nearest occupied one, in cells; `reach` where that is as far or farther."""
    grid = torch.where(occupied, 0, reach).to(torch.uint8)
    for axis in range(3):
        before, cells = grid, grid.shape[axis]
        grid = before.clone()
        for away in range(1, min(reach, cells)):  # the distance in space is the largest of those along the axes
            for here, there in ((0, away), (away, 0)):
                cut = grid.narrow(axis, here, cells - away)
                torch.minimum(cut, before.narrow(axis, there, cells - away).clamp(min=away), out=cut)
    return grid


def brick_logits(
    values: Float[Tensor, "brick 9 9 9"],
    table: Int[Tensor, "bx by bz"],
    cells: tuple[int, int, int],
    refine: tuple[int, int, int],
    box: Float[Tensor, "2 3"],
    points: Float[Tensor, "n 3"],
) -> Float[Tensor, "n"]:
    """Trilinear interpolation of values at the corners of fine cells, which lie in bricks of eight a side.

    Args:
        values: corners of each brick, x-major.
        table: brick at each place, or -1; points there get -20.
        cells: occupancy cells over the box.
        refine: fine cells per occupancy cell, powers of two: then a point is in a fine cell of just the occupancy cell that `lattice_samples` finds it in.
    """
    if len(values) == 0:
        return torch.full_like(points[:, 0], -20.0)
    fine = torch.tensor([n * r for n, r in zip(cells, refine, strict=True)], device=points.device)
    position = (points - box[0]) * (torch.tensor(cells, device=points.device) / (box[1] - box[0])) * torch.tensor(refine, device=points.device)
    cell = torch.minimum(position.floor().clamp(min=0.0), fine - 1.0)
    high = (position - cell).clamp(0.0, 1.0)
    low = 1.0 - high
    cell = cell.long()
    place, local = cell // 8, cell % 8
    brick = table[place[:, 0], place[:, 1], place[:, 2]].long()
    first = brick.clamp(min=0) * 729 + local[:, 0] * 81 + local[:, 1] * 9 + local[:, 2]
    corners = values.reshape(-1)[first[:, None] + torch.tensor([0, 1, 9, 10, 81, 82, 90, 91], device=points.device)].to(position.dtype).reshape(-1, 2, 2, 2)
    along_z = corners[..., 0] * low[:, 2, None, None] + corners[..., 1] * high[:, 2, None, None]
    along_y = along_z[..., 0] * low[:, 1, None] + along_z[..., 1] * high[:, 1, None]
    return torch.where(brick >= 0, along_y[:, 0] * low[:, 0] + along_y[:, 1] * high[:, 0], -20.0)


def march_bricks(
    origins: Float[Tensor, "ray 3"],
    directions: Float[Tensor, "ray 3"],
    near: Float[Tensor, "ray"],
    far: Float[Tensor, "ray"],
    distance: UInt8[Tensor, "x y z"],
    bricks: Bricks,
    step: float,
    min_weight: float,
    min_transmittance: float,
) -> Marched:
    """Marches rays over the samples of `lattice_samples`; density is exp(s - 1) of the raw output s that bricks hold.

    Args:
        near, far: where each ray enters and leaves the box of the bricks; far <= near where it misses.
        distance: `distance_grid` of the occupied cells.
        min_weight: lighter samples are not returned.
        min_transmittance: a ray stops behind the sample that takes it to this or below.
    """
    ray, depth = lattice_samples(origins, directions, near, far, distance, bricks.box, step)
    points = origins[ray] + depth[:, None] * directions[ray]
    x, y, z = distance.shape
    raw = torch.cat([brick_logits(bricks.values, bricks.table, (x, y, z), bricks.refine, bricks.box, part) for part in points.split(_LOOKUPS)])
    optical_depth = torch.exp(raw - 1.0) * (step * directions.norm(dim=-1))[ray]
    summed = torch.cumsum(optical_depth.clamp(max=60.0).double(), 0)  # as in `packed_weights`
    before = torch.cat([summed.new_zeros(1), summed])[:-1]
    count = torch.bincount(ray, minlength=len(origins))
    first = torch.cumsum(count, 0) - count
    alive = torch.exp(before[first[ray]] - before).float() > min_transmittance
    weight, transmittance = packed_weights(optical_depth * alive, ray, first, torch.ones_like(near))
    kept = alive & (weight >= min_weight)
    evaluated = torch.zeros_like(count).index_add_(0, ray, alive.long())
    return Marched(ray=ray[kept], depth=depth[kept], weight=weight[kept], transmittance=transmittance, evaluated=evaluated.int())
