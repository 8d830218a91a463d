"""Plane features on an NVIDIA GPU: one kernel forward, one backward, instead of two dozen lookups and a concatenation."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from im4d_core.kernels import nvrtc

_BLOCK = 256


def plane_features(
    points: Float[Tensor, "n 3"], time: Float[Tensor, "n"], spatial: Sequence[Tensor], temporal: Sequence[Tensor]
) -> Float[Tensor, "n features"]:
    """As `reference.plane_features`, for planes that are channels-last in memory; half precision under autocast. Points and time get no gradient."""
    half = torch.is_autocast_enabled("cuda") and torch.get_autocast_dtype("cuda") == torch.float16
    return _PlaneFeatures.apply(points.detach(), time.detach(), half, *spatial, *temporal)  # pyright: ignore[reportReturnType]


def fits(points: Tensor, spatial: Sequence[Tensor], temporal: Sequence[Tensor]) -> bool:
    """Whether the kernels can serve these tensors."""
    planes = (*spatial, *temporal)
    return (
        points.is_cuda
        and points.dtype == torch.float32
        and all(p.dtype == torch.float32 and p.shape[1] % 4 == 0 and p.is_contiguous(memory_format=torch.channels_last) for p in planes)
        and nvrtc.problem(points.device.index) is None
    )


class _PlaneFeatures(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, time: Tensor, half: bool, *planes: Tensor) -> Tensor:
        points, time = points.contiguous(), time.contiguous()
        ctx.save_for_backward(points, time)
        ctx.half, ctx.planes = half, planes
        columns = 6 * planes[0].shape[1] * (len(planes) // 2)
        out = torch.empty(len(points), columns, device=points.device, dtype=torch.float16 if half else torch.float32)
        _launch("features", planes, points, time, out, half)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        points, time = ctx.saved_tensors
        gradients = [torch.zeros_like(plane) for plane in ctx.planes]  # channels-last like the planes
        wanted = gradient.to(torch.float16 if ctx.half else torch.float32).contiguous()
        _launch("features_backward", gradients, points, time, wanted, ctx.half)
        return (None, None, None, *gradients)


def _launch(function: str, planes: Sequence[Tensor], points: Tensor, time: Tensor, values: Tensor, half: bool) -> None:
    levels, channels = len(planes) // 2, planes[0].shape[1]
    defines = (
        ("LEVELS", levels),
        ("CHANNELS", channels),
        ("SPATIAL", ",".join(str(plane.shape[-1]) for plane in planes[:levels])),
        ("TEMPORAL", ",".join(str(plane.shape[-2]) for plane in planes[levels:])),
        ("HALF", int(half)),
    )
    pointers = (ctypes.c_void_p * (2 * levels))(*(plane.data_ptr() for plane in planes))
    threads = len(points) * 6 * levels * (channels // 4)
    nvrtc.kernel("planes", function, points.device.index, defines).launch(
        -(-threads // _BLOCK),
        _BLOCK,
        pointers,
        ctypes.c_void_p(points.data_ptr()),
        ctypes.c_void_p(time.data_ptr()),
        ctypes.c_void_p(values.data_ptr()),
        ctypes.c_longlong(len(points)),
    )
