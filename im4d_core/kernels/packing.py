"""Tensors in the order in which the kernels' lanes want them (`mma.cuh` says which). Plain PyTorch on any device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float16
from torch import Tensor

SEEN = 11
"""Colour and features of a source view's texel."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A linear layer."""

    weight: Float[Tensor, "_out _in"]
    bias: Float[Tensor, "_out"]


@dataclass(frozen=True, kw_only=True)
class FieldTensors:
    """A density field: planes over a box, then an MLP whose last hidden layer may see the encoding again."""

    spatial: Sequence[Float[Tensor, "3 channels _size _size"]]
    temporal: Sequence[Float[Tensor, "3 channels _times _size"]]
    trunk: Sequence[Layer]
    joined: Layer | None
    """Inputs: the last hidden layer, then the encoding."""
    out: Layer
    bounds: Float[Tensor, "2 3"]


@dataclass(frozen=True, kw_only=True)
class BlendTensors:
    """The blending network; see `methods/blocks.BlendNet` for what its layers see."""

    statistics: Layer
    attention: Layer
    pooled: Layer
    spread: Layer
    compare: Layer
    score: Layer
    least_score: float


def fragments(weight: Float[Tensor, "_out _in"]) -> Float16[Tensor, "steps tiles 32 4"]:
    """A layer's weights for 16 x 8 tensor-core products: per 16 inputs, per 8 outputs, the four numbers of each lane."""
    outputs, inputs = weight.shape
    tiles = _by_lanes(weight.reshape(outputs // 8, 8, inputs // 16, 16))  # lane 4 g + t has output g
    return tiles.permute(2, 0, 1, 3).reshape(inputs // 16, outputs // 8, 32, 4).half().contiguous()


def in_lane_order(texels: Float[Tensor, "*place channels"]) -> Float16[Tensor, "*place channels"]:
    """Channels so that a lane's share of a texel is contiguous: sixteen are interleaved, eight stand as they are."""
    return _by_lanes(texels).half().contiguous()


def packed_planes(planes: Float[Tensor, "3 channels height width"]) -> Float16[Tensor, "3 height width channels"]:
    return in_lane_order(planes.permute(0, 2, 3, 1))


def packed_temporal(planes: Float[Tensor, "3 channels times size"]) -> Float[Tensor, "times 3 size channels"]:
    """Space-time planes so that lines of a time are few steps away: a new frame wants all of them."""
    return _by_lanes(planes.permute(2, 0, 3, 1)).contiguous()


def lines_at(packed: Float[Tensor, "times 3 size channels"], time: float) -> Float16[Tensor, "3 size channels"]:
    """Space-time planes at one time in [0, 1]: at a fixed time a lookup needs one coordinate.

    Args:
        packed: of `packed_temporal`.
    """
    at = min(max(time, 0.0), 1.0) * (len(packed) - 1)
    first = min(int(at), max(len(packed) - 2, 0))
    return torch.lerp(packed[first], packed[min(first + 1, len(packed) - 1)], at - first).half()


def packed_mlp(field: FieldTensors) -> tuple[Float16[Tensor, "numbers"], Float[Tensor, "biases"]]:
    """Weights in the order of their use, and biases: first layer, skip, hidden layers, output weights, output bias.

    The first layer and the part of the skip that sees the encoding take turns, 16 inputs at a time, since both use a feature while it is at hand.
    """
    width = field.out.weight.shape[1]
    first = fragments(field.trunk[0].weight)
    if field.joined is None:
        seen, biases = first, [field.trunk[0].bias]
    else:
        seen = torch.stack([first, fragments(field.joined.weight[:, width:])], dim=1)
        biases = [field.trunk[0].bias, field.joined.bias]
    hidden = [fragments(layer.weight) for layer in field.trunk[1:]]
    last = [] if field.joined is None else [fragments(field.joined.weight[:, :width])]
    weights = torch.cat([part.reshape(-1) for part in (seen, *hidden, *last)])
    biases += [layer.bias for layer in field.trunk[1:]]
    return weights, torch.cat([*biases, field.out.weight.reshape(-1), field.out.bias]).float()


def packed_blend(blend: BlendTensors) -> tuple[Float16[Tensor, "numbers"], Float[Tensor, "biases"]]:
    """Weights of the blending network, split into what each view and what all share, and its biases. What a layer does not see meets zeros."""
    per_view, variance, mean = (_padded(part) for part in blend.statistics.weight.split(SEEN, dim=1))
    shared = blend.spread.weight.shape[0] + blend.spread.weight.shape[1]
    parts = (
        per_view,
        torch.cat([variance, mean], dim=1),
        blend.pooled.weight,
        blend.spread.weight,
        blend.compare.weight[:, :shared],
        _padded(blend.compare.weight[:, shared:]),
    )
    biases = (
        blend.statistics.bias,
        blend.pooled.bias,
        blend.spread.bias,
        blend.compare.bias,
        blend.attention.weight.reshape(-1),
        blend.attention.bias,
        blend.score.weight.reshape(-1),
        blend.score.bias,
    )
    return torch.cat([fragments(part).reshape(-1) for part in parts]), torch.cat(biases).float()


def packed_texels(texels: Float[Tensor, "source 11 height width"]) -> Float16[Tensor, "source height width 16"]:
    """Source views channels-last, filled up to 16 channels."""
    padded = texels.new_zeros(*texels.shape[:1], *texels.shape[2:], 16)
    padded[..., :SEEN] = texels.permute(0, 2, 3, 1)
    return in_lane_order(padded)


def _by_lanes(values: Float[Tensor, "*place channels"]) -> Float[Tensor, "*place channels"]:
    """Sixteen numbers as four lanes have them: lane t has 2t, 2t+1, 2t+8, 2t+9; eight as they are. By shape alone: an index would be copied to the device."""
    if values.shape[-1] == 8:
        return values
    return values.unflatten(-1, (2, 4, 2)).transpose(-3, -2).flatten(-3)


def _padded(weight: Tensor) -> Tensor:
    return torch.nn.functional.pad(weight, (0, 16 - weight.shape[1]))
