"""The fast renderer: marches a frame's occupancy at a constant step, stops dark rays, evaluates colour only where it counts."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from im4d_core import kernels
from im4d_core.config import FastConfig
from im4d_core.methods.base import Method
from im4d_core.render.bricks import Bricks
from im4d_core.render.occupancy import Occupancy
from im4d_core.tensors import Context, Rays, Traced

_ROUND = 8
"""Samples per ray evaluated between two tests for early termination."""


def trace(
    method: Method,
    rays: Rays,
    context: Context,
    occupancy: Occupancy,
    config: FastConfig,
    *,
    background: Float[Tensor, "3"],
    bricks: Bricks | None = None,
) -> Traced:
    """Renders the rays of one target.

    Args:
        rays: a single target; near and far must be the crossings of the occupancy's box.
        bricks: the frame's baked density; None evaluates the field.

    Source: Im4D section 3.4; early termination after instant-ngp.
    """
    origins, directions = rays.origins[0], rays.directions[0]
    step = float((occupancy.box[1] - occupancy.box[0]).norm()) / config.steps
    if bricks is None:
        marched = _march(method, rays, step, config, occupancy)
    else:
        limits = config.min_weight, config.min_transmittance
        marched = kernels.march_bricks(origins, directions, rays.near[0], rays.far[0], occupancy.distance, bricks, step, *limits)
    ray, depth, weights, transmittance = marched.ray, marched.depth, marched.weight, marched.transmittance
    points = origins[ray] + depth[:, None] * directions[ray]
    parts = zip(points.split(config.chunk), directions[ray].split(config.chunk), strict=True)
    colors = torch.cat([method.color(p[None], d[None], context)[0] for p, d in parts]) if len(points) else points
    count = len(origins)
    total = weights.new_zeros(count).index_add_(0, ray, weights)
    opacity = 1.0 - transmittance if config.renormalise else total
    scale = opacity / total.clamp(min=1e-6) if config.renormalise else torch.ones_like(total)  # 1e-6: rays of which nothing was kept stay black
    rgb = colors.new_zeros(count, 3).index_add_(0, ray, weights[:, None] * colors) * scale[:, None]
    covered = torch.where(total > 0, opacity, torch.zeros_like(opacity))
    return Traced(
        rgb=(rgb + (1.0 - covered)[:, None] * background)[None],
        opacity=covered[None],
        depth=(weights.new_zeros(count).index_add_(0, ray, weights * depth) / total.clamp(min=1e-3))[None],
        samples=marched.evaluated[None],
    )


def _march(method: Method, rays: Rays, step: float, config: FastConfig, occupancy: Occupancy) -> kernels.Marched:
    """As `kernels.march_bricks`, from the field itself."""
    origins, directions = rays.origins[0], rays.directions[0]
    ray, depth = kernels.lattice_samples(origins, directions, rays.near[0], rays.far[0], occupancy.distance, occupancy.corners, step)
    count = torch.bincount(ray, minlength=len(origins))
    first = torch.cumsum(count, 0) - count
    rank = torch.arange(len(ray), device=ray.device) - first[ray]
    lengths = step * directions.norm(dim=-1)
    weights = torch.zeros_like(depth)
    transmittance = torch.ones_like(lengths)
    evaluated = torch.zeros_like(count)
    longest = int(count.max()) if len(ray) else 0
    at_once = _ROUND if config.min_transmittance > 0.0 else max(longest, 1)  # under the release's rules nobody stops
    for start in range(0, longest, at_once):
        chosen = ((rank >= start) & (rank < start + at_once) & (transmittance[ray] > config.min_transmittance)).nonzero().squeeze(-1)
        if len(chosen) == 0:
            break
        r = ray[chosen]
        points = origins[r] + depth[chosen, None] * directions[r]
        raw = torch.cat([method.logit(part[None], rays.time)[0] for part in points.split(config.chunk)])
        here = torch.bincount(r, minlength=len(origins))
        weights[chosen], through = kernels.packed_weights(method.activate(raw) * lengths[r], r, torch.cumsum(here, 0) - here, transmittance)
        transmittance = transmittance * through
        evaluated += here
    kept = weights >= config.min_weight
    return kernels.Marched(ray=ray[kept], depth=depth[kept], weight=weights[kept], transmittance=transmittance, evaluated=evaluated.int())
