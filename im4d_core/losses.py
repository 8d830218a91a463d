"""Training losses as pure functions: tensors in, a scalar out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

_MSE_PER_PSNR = -10.0  # PSNR of a picture in [0, 1] is -10 log10(MSE)


def color_loss(rgb: Float[Tensor, "*batch 3"], target: Float[Tensor, "*batch 3"]) -> Float[Tensor, ""]:
    """Mean squared colour error over pixels and channels."""
    return torch.mean(torch.square(rgb - target))


def mask_loss(opacity: Float[Tensor, "*batch"], mask: Float[Tensor, "*batch"]) -> Float[Tensor, ""]:
    """Mean squared difference between a ray's opacity and the mask of its pixel."""
    return torch.mean(torch.square(opacity - mask))


def psnr_of_mse(mse: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """Peak signal-to-noise ratio in dB of a mean squared error of colours in [0, 1]."""
    return _MSE_PER_PSNR * torch.log10(mse)


def outer_weights(
    edges: Float[Tensor, "*batch fine_edges"], outer_edges: Float[Tensor, "*batch outer_edges"], outer: Float[Tensor, "*batch outer_bins"]
) -> Float[Tensor, "*batch fine_bins"]:
    """For each interval of one histogram, the weight of all intervals of another that overlap it.

    Both lists of edges are sorted; an interval that only touches counts on the upper side. What lies outside the outer edges meets its first or last bin.

    Source: mip-NeRF 360 (Barron et al. 2022), equation 12.
    """
    cumulative = torch.cat([torch.zeros_like(outer[..., :1]), torch.cumsum(outer, dim=-1)], dim=-1)
    last = outer_edges.shape[-1] - 1
    position = torch.searchsorted(outer_edges.detach().contiguous(), edges.detach().contiguous(), right=True)
    first_bin = (position[..., :-1] - 1).clamp(0, last - 1)
    end_bin = position[..., 1:].clamp(1, last)
    return torch.gather(cumulative, -1, end_bin) - torch.gather(cumulative, -1, first_bin)


def interlevel_loss(
    weights: Float[Tensor, "*batch fine_bins"],
    edges: Float[Tensor, "*batch fine_edges"],
    proposal_weights: Float[Tensor, "*batch proposal_bins"],
    proposal_edges: Float[Tensor, "*batch proposal_edges"],
    *,
    into_fine: bool = False,
) -> Float[Tensor, ""]:
    """How far the proposal histogram fails to bound the fine one: mean of max(0, w - w_outer)^2 / (w + 1e-7).

    Args:
        into_fine: let the gradient reach the fine weights as well, as the released Im4D does; mip-NeRF 360 stops it.
    """
    inner = weights if into_fine else weights.detach()
    bound = outer_weights(edges, proposal_edges, proposal_weights)
    return torch.mean(torch.square(torch.clamp(inner - bound, min=0.0)) / (inner + 1e-7))  # 1e-7: the published guard of empty intervals


def plane_tv(planes: Sequence[Float[Tensor, "3 channels _height _width"]]) -> Float[Tensor, ""]:
    """Total variation of feature planes: mean squared forward difference along height plus that along width, summed over levels."""
    total = planes[0].new_zeros(())
    for level in planes:
        total = total + torch.mean(torch.square(level[..., 1:, :] - level[..., :-1, :])) + torch.mean(torch.square(level[..., 1:] - level[..., :-1]))
    return total


def time_smoothness(planes: Sequence[Float[Tensor, "3 channels _time _width"]]) -> Float[Tensor, ""]:
    """Mean squared second difference along time of the space-time planes, summed over levels; 0 for levels with fewer than three cells."""
    total = planes[0].new_zeros(())
    for level in planes:
        if level.shape[-2] > 2:
            total = total + torch.mean(torch.square(level[..., 2:, :] - 2.0 * level[..., 1:-1, :] + level[..., :-2, :]))
    return total
