"""The networks of Im4D: plane field, image network, blending network."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from im4d_core import kernels
from im4d_core.config import FieldConfig
from im4d_core.kernels.packing import BlendTensors, FieldTensors, Layer


class _TruncExp(torch.autograd.Function):
    """exp in float32 whose gradient cannot overflow."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cuda", cast_inputs=torch.float32)
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.exp(x)

    @staticmethod
    @torch.amp.custom_bwd(device_type="cuda")
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        (x,) = ctx.saved_tensors
        return grad * torch.exp(x.clamp(-15.0, 15.0))  # e^15: beyond it a step would leave float16


def density_of(logit: Float[Tensor, "*sample"]) -> Float[Tensor, "*sample"]:
    """sigma = exp(s - 1)."""
    return _TruncExp.apply(logit.float() - 1.0)  # pyright: ignore[reportReturnType]


class PlaneField(nn.Module):
    """A 4D density field: feature planes over space and space-time, decoded by an MLP with one skip (Im4D, section 3.1)."""

    bounds: Tensor

    def __init__(self, config: FieldConfig, bounds: Float[Tensor, "2 3"]) -> None:
        super().__init__()
        if len(config.spatial) != len(config.temporal):
            raise ValueError(f"a field needs as many spatial as temporal levels, got {config.spatial} and {config.temporal}")
        self.register_buffer("bounds", bounds)
        self.spatial = nn.ParameterList([_planes(config.channels, size, size) for size in config.spatial])
        self.temporal = nn.ParameterList([_planes(config.channels, times, size) for size, times in zip(config.spatial, config.temporal, strict=True)])
        width, encoded = config.width, 6 * config.channels * len(config.spatial)
        self.trunk = nn.ModuleList([nn.Linear(encoded if i == 0 else width, width) for i in range(config.depth)])
        self.joined = nn.Linear(width + encoded, width) if config.skip else None
        self.out = nn.Linear(width, 1)

    def forward(self, points: Float[Tensor, "n 3"], time: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
        """Raw output at world points; points outside the bounds take the value at the border."""
        low, high = self.bounds
        relative = ((points - low) / (high - low)).clamp(0.0, 1.0) * 2.0 - 1.0
        encoding = kernels.plane_features(relative, time * 2.0 - 1.0, list(self.spatial), list(self.temporal))
        hidden = encoding
        for layer in self.trunk:
            hidden = F.relu(layer(hidden))
        if self.joined is not None:
            hidden = F.relu(self.joined(torch.cat([hidden, encoding], dim=-1)))
        return self.out(hidden).squeeze(-1).float()

    def tensors(self) -> FieldTensors:
        """What kernels need of the field."""
        return FieldTensors(
            spatial=[planes.detach() for planes in self.spatial],
            temporal=[planes.detach() for planes in self.temporal],
            trunk=[_layer(layer) for layer in self.trunk],
            joined=None if self.joined is None else _layer(self.joined),
            out=_layer(self.out),
            bounds=self.bounds,
        )


def _layer(linear: nn.Module) -> Layer:
    assert isinstance(linear, nn.Linear)
    return Layer(weight=linear.weight.detach(), bias=linear.bias.detach())


def _planes(channels: int, height: int, width: int) -> Tensor:
    """Three planes as they begin; channels-last in memory, so that a lookup reads its channels together."""
    return torch.empty(3, channels, height, width).uniform_(-0.1, 0.1).to(memory_format=torch.channels_last)


class _ConvNorm(nn.Module):
    """Convolution without bias, instance normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(normalised(self.conv(x)))


def normalised(x: Float[Tensor, "n channels h w"]) -> Float[Tensor, "n channels h w"]:
    """Instance normalisation. PyTorch's own uses one block of a GPU for a channel, of which there are eight: a network of it takes 1.1 ms for 512 x 512 pixels,
    of this 0.7, and 5.2 against 2.0 for 1024 x 1024 (H100). On a CPU PyTorch's own is faster."""
    return Normalised.apply(x) if x.is_cuda else F.instance_norm(x)  # pyright: ignore[reportReturnType]


class Normalised(torch.autograd.Function):
    """`torch.nn.functional.instance_norm` from reductions and sums that use a whole GPU. Statistics are in single precision at least."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x.to(torch.promote_types(x.dtype, torch.float32)), dim=(2, 3), correction=0, keepdim=True)
        scale = (variance + 1e-5).rsqrt()  # 1e-5: as there
        y = torch.addcmul((-mean * scale).to(x.dtype), x, scale.to(x.dtype))
        ctx.save_for_backward(y, scale)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """x = y / scale + mean, so dx = scale (dy - mean(dy) - y mean(y dy))."""
        y, scale = ctx.saved_tensors
        mean = gradient.mean(dim=(2, 3), keepdim=True, dtype=scale.dtype)
        along = (gradient.to(scale.dtype) * y).mean(dim=(2, 3), keepdim=True)  # in half precision a scaled gradient might overflow
        part = torch.addcmul((-mean * scale).to(y.dtype), gradient, scale.to(y.dtype))
        return torch.addcmul(part, y, (-along * scale).to(y.dtype))


class ImageNet(nn.Module):
    """Features of a source picture at its own resolution: a small pyramid with instance normalisation (the image network of ENeRF and Im4D)."""

    channels = 8

    def __init__(self) -> None:
        super().__init__()
        self.conv0 = nn.Sequential(_ConvNorm(3, 8, 3), _ConvNorm(8, 8, 3))
        self.conv1 = nn.Sequential(_ConvNorm(8, 16, 5, 2), _ConvNorm(16, 16, 3))
        self.conv2 = nn.Sequential(_ConvNorm(16, 32, 5, 2), _ConvNorm(32, 32, 3))
        self.top = nn.Conv2d(32, 32, 1)
        self.lateral1 = nn.Conv2d(16, 32, 1)
        self.lateral0 = nn.Conv2d(8, 32, 1)
        self.smooth0 = nn.Conv2d(32, self.channels, 3, padding=1)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 8 h w"]:
        """Args: images in [-1, 1]."""
        fine = self.conv0(images)
        middle = self.conv1(fine)
        coarse = self.top(self.conv2(middle))
        middle = self.lateral1(middle) + _upsampled(coarse, middle)
        return self.smooth0(self.lateral0(fine) + _upsampled(middle, fine))


def _upsampled(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=True)


class BlendNet(nn.Module):
    """Blending weights of the source views at a point, from what they show there (the colour network of ENeRF and Im4D).

    The first layers are split into a part shared by the views and a part of each view: the same function with half the arithmetic.

    Args:
        least_score: scores below it count as it.
    """

    def __init__(self, features: int = ImageNet.channels, *, least_score: float = 0.0) -> None:
        super().__init__()
        self.seen = 3 + features
        self.least_score = least_score
        self.statistics = nn.Linear(3 * self.seen, 32)
        self.attention = nn.Linear(32, 1)
        self.pooled = nn.Linear(32, 16)
        self.spread = nn.Linear(16, 64)
        self.compare = nn.Linear(64 + 16 + self.seen + 4, 64)
        self.score = nn.Linear(64, 1)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(
        self,
        seen: Float[Tensor, "target source n seen"],
        direction: Float[Tensor, "target source n 4"],
        visible: Bool[Tensor, "target source n"] | None,
    ) -> Float[Tensor, "target n 3"]:
        """Colour of each point, a convex combination of what its source views show.

        Args:
            seen: colour (3), then features, of the point's pixel in each source view.
            direction: difference between the target's and the source's direction, and their cosine.
            visible: views to leave out where False; points that no view sees use all. None uses all everywhere.
        """
        views = seen.shape[1]
        if visible is None:
            mean = seen.mean(dim=1)
            variance = seen.var(dim=1) if views > 1 else torch.zeros_like(mean)
            barred = None
        else:
            used = (visible | ~visible.any(dim=1, keepdim=True)).unsqueeze(-1)
            barred = ~used
            share = used.to(seen.dtype)
            count = share.sum(dim=1)
            mean = (seen * share).sum(dim=1) / count
            variance = ((seen - mean.unsqueeze(1)).square() * share).sum(dim=1) / (count - 1).clamp(min=1.0)
        hidden = F.relu(
            F.linear(seen, self.statistics.weight[:, : self.seen])
            + F.linear(torch.cat([variance, mean], dim=-1), self.statistics.weight[:, self.seen :], self.statistics.bias).unsqueeze(1)
        )
        attention = _softmax_over_views(self.attention(hidden).clamp(min=self.least_score), barred)
        pooled = F.relu(self.pooled((attention * hidden).sum(dim=1)))
        shared = torch.cat([F.relu(self.spread(pooled)), pooled], dim=-1)
        split = shared.shape[-1]
        compared = F.relu(
            F.linear(shared, self.compare.weight[:, :split], self.compare.bias).unsqueeze(1)
            + F.linear(torch.cat([seen, direction], dim=-1), self.compare.weight[:, split:])
        )
        weights = _softmax_over_views(self.score(compared).clamp(min=self.least_score), barred)
        return (weights * seen[..., :3]).sum(dim=1).float()

    def tensors(self) -> BlendTensors:
        """What kernels need of the network."""
        return BlendTensors(
            statistics=_layer(self.statistics),
            attention=_layer(self.attention),
            pooled=_layer(self.pooled),
            spread=_layer(self.spread),
            compare=_layer(self.compare),
            score=_layer(self.score),
            least_score=self.least_score,
        )


def _softmax_over_views(logits: Tensor, barred: Tensor | None) -> Tensor:
    if barred is not None:
        logits = logits.masked_fill(barred, -1e4)  # e^-1e4 is zero, and -1e4 fits float16
    return torch.softmax(logits.float(), dim=1)
