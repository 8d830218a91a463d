"""The full renderer: proposal samples, then fine samples where they matter; differentiable. Used for training and for stills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from im4d_core import kernels
from im4d_core.config import SamplingConfig
from im4d_core.methods.base import Method
from im4d_core.render.inside import Chosen, Inside
from im4d_core.tensors import Context, Rays, Traced


@dataclass(frozen=True, kw_only=True)
class Level:
    """One level of samples along rays."""

    edges: Float[Tensor, "target ray edge"]
    """In [0, 1] between near and far."""
    weights: Float[Tensor, "target ray sample"]
    opacity: Float[Tensor, "target ray"]


@dataclass(frozen=True, kw_only=True)
class FullTraced:
    """A traced batch with what the losses need of each level."""

    traced: Traced
    fine: Level
    proposal: Level


def trace(
    method: Method,
    rays: Rays,
    context: Context,
    config: SamplingConfig,
    *,
    background: Float[Tensor, "3"],
    jitter: bool = False,
    anneal: float | Float[Tensor, ""] = 1.0,
    inside: Inside | None = None,
) -> FullTraced:
    """Renders rays with the proposal field's help.

    Args:
        jitter: random samples, for training.
        anneal: exponent of the proposal weights, growing from 0 to 1 early in training.
        inside: where there may be matter: nothing is evaluated elsewhere, and fine samples are drawn there only. None looks everywhere.

    Source: Im4D sections 3.1 and 3.3; hierarchical sampling after mip-NeRF 360.
    """
    near, far = rays.near.unsqueeze(-1), torch.maximum(rays.far, rays.near).unsqueeze(-1)
    edges = uniform_edges(near.shape[:-1], config, jitter, near.device)
    coarse = _samples(rays, near, far, edges, inside, 0)
    proposal_weights = coarse.weights(method.proposal_density, rays.time)
    fine_edges = resampled_edges(edges, proposal_weights.detach(), config, jitter, anneal, coarse.reachable)
    fine = _samples(rays, near, far, fine_edges, inside, 1)
    weights = fine.weights(method.density, rays.time)
    colors = fine.colors(method, rays, context)
    opacity = weights.sum(dim=-1)
    traced = Traced(
        rgb=(weights.unsqueeze(-1) * colors).sum(dim=-2) + (1.0 - opacity).unsqueeze(-1) * background,
        opacity=opacity,
        depth=(weights * fine.depth).sum(dim=-1) / opacity.clamp(min=1e-3),  # a thousandth of a surface has no depth worth showing
        samples=coarse.count + fine.count,
    )
    return FullTraced(
        traced=traced,
        fine=Level(edges=fine_edges, weights=weights, opacity=opacity),
        proposal=Level(edges=edges, weights=proposal_weights, opacity=proposal_weights.sum(dim=-1)),
    )


def anneal_exponent(step: int, config: SamplingConfig) -> float:
    """Exponent of the proposal weights at a training step: mip-NeRF 360's bias b x / ((b - 1) x + 1)."""
    x = min(step / config.anneal_steps, 1.0)
    return config.anneal_slope * x / ((config.anneal_slope - 1.0) * x + 1.0)


def uniform_edges(shape: torch.Size, config: SamplingConfig, jitter: bool, device: torch.device) -> Float[Tensor, "target ray edge"]:
    """Edges of the proposal's intervals: evenly spaced; jittered by half an interval to both sides, inside [0, 1]."""
    count = config.proposal_samples
    edges = torch.linspace(0.0, 1.0, count + 1, device=device).expand(*shape, count + 1)
    if not jitter:
        return edges
    noise = torch.rand(edges.shape, device=device)
    if config.one_sided:
        return edges + noise / count
    return (edges + (noise - 0.5) / count).clamp(0.0, 1.0)


def resampled_edges(
    edges: Float[Tensor, "target ray edge"],
    weights: Float[Tensor, "target ray bin"],
    config: SamplingConfig,
    jitter: bool,
    anneal: float | Float[Tensor, ""],
    reachable: Bool[Tensor, "target ray bin"] | None = None,
) -> Float[Tensor, "target ray fine_edge"]:
    """Edges of the fine intervals, drawn from the proposal's histogram by its inverse cdf.

    Args:
        reachable: bins that may hold matter; no edge is drawn from the others. None for all.
    """
    if isinstance(anneal, Tensor) or anneal != 1.0:
        weights = weights.clamp(min=1e-12) ** anneal  # 1e-12: 0 ** 0 would make empty bins full ones at the first step
    weights = weights + config.padding
    if reachable is not None:
        weights = weights * reachable
    weights = weights / weights.sum(dim=-1, keepdim=True).clamp(min=1e-5)  # only without padding can the sum vanish
    cdf = torch.cat([torch.zeros_like(weights[..., :1]), torch.cumsum(weights, dim=-1).clamp(max=1.0)], dim=-1)
    count = config.fine_samples + 1
    u = (torch.arange(count, device=edges.device) + (0.0 if config.one_sided else 0.5)) / count
    if jitter:
        u = u + (torch.rand(*cdf.shape[:-1], count, device=edges.device) - (0.0 if config.one_sided else 0.5)) / count
    else:
        u = u.expand(*cdf.shape[:-1], count)
    u = u.contiguous()
    above = torch.searchsorted(cdf.contiguous(), u, right=True).clamp(1, cdf.shape[-1] - 1)
    cdf_low, cdf_high = cdf.gather(-1, above - 1), cdf.gather(-1, above)
    low, high = edges.gather(-1, above - 1), edges.gather(-1, above)
    inside = ((u - cdf_low) / (cdf_high - cdf_low).clamp(min=1e-12)).clamp(0.0, 1.0)  # empty bins have no inside
    return low + inside * (high - low)


@dataclass(frozen=True, kw_only=True)
class _Samples:
    """Samples in the middle of intervals along rays."""

    depth: Float[Tensor, "target ray sample"]
    length: Float[Tensor, "target ray sample"]
    """Of the intervals, in world units."""
    points: Float[Tensor, "target all 3"]
    """Ray by ray."""
    chosen: Chosen | None
    """Those that are evaluated; None for all."""

    @property
    def count(self) -> Int[Tensor, "target ray"]:
        """Samples evaluated on each ray."""
        if self.chosen is None:
            return torch.full_like(self.depth[..., 0], self.depth.shape[-1], dtype=torch.int32)
        return self.chosen.inside.unflatten(1, self.depth.shape[1:]).sum(dim=-1, dtype=torch.int32)

    @property
    def reachable(self) -> Bool[Tensor, "target ray sample"] | None:
        """Intervals that may hold matter: the evaluated ones and their neighbours, since what is thinner than an interval may lie beside its middle."""
        if self.chosen is None:
            return None
        return F.max_pool1d(self.chosen.inside.unflatten(1, self.depth.shape[1:]).float(), 3, stride=1, padding=1) > 0

    def weights(self, density: Callable[[Tensor, Tensor], Tensor], time: Float[Tensor, "target"]) -> Float[Tensor, "target ray sample"]:
        """Weights along the rays."""
        if self.chosen is None:
            sigma = density(self.points, time)
        else:
            sigma = self.chosen.spread(density(self.chosen.take(self.points), time))
        optical_depth = sigma.unflatten(1, self.depth.shape[1:]) * self.length
        weights, _ = kernels.interval_weights(torch.where(self.length > 1e-6, optical_depth, torch.zeros_like(optical_depth)))  # 1e-6: no sample
        return weights

    def colors(self, method: Method, rays: Rays, context: Context) -> Float[Tensor, "target ray sample 3"]:
        """What the source views show at the samples."""
        directions = rays.directions.unsqueeze(-2).expand(*self.depth.shape, 3).flatten(1, 2)
        if self.chosen is None:
            colors = method.color(self.points, directions, context)
        else:
            colors = self.chosen.spread(method.color(self.chosen.take(self.points), self.chosen.take(directions), context))
        return colors.unflatten(1, self.depth.shape[1:])


def _samples(rays: Rays, near: Tensor, far: Tensor, edges: Tensor, inside: Inside | None, level: int) -> _Samples:
    depths = near + (far - near) * edges
    middle = 0.5 * (depths[..., 1:] + depths[..., :-1])
    points = rays.origins.unsqueeze(-2) + middle.unsqueeze(-1) * rays.directions.unsqueeze(-2)
    lengths = (depths[..., 1:] - depths[..., :-1]) * rays.directions.norm(dim=-1, keepdim=True)
    return _Samples(depth=middle, length=lengths, points=points.flatten(1, 2), chosen=None if inside is None else inside.choose(points, level))
