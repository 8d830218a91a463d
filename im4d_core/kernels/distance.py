"""Distances to matter on an NVIDIA GPU: one kernel an axis."""

from __future__ import annotations

import ctypes

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from im4d_core.kernels import nvrtc

_BLOCK = 256


def serves(occupied: Tensor) -> bool:
    """Whether the kernel can serve a grid."""
    return occupied.is_cuda and nvrtc.problem(occupied.device.index) is None


def distance_grid(occupied: Bool[Tensor, "x y z"], reach: int) -> UInt8[Tensor, "x y z"]:
    """As `reference.distance_grid`."""
    x, y, z = occupied.shape
    kernel = nvrtc.kernel("distance", "pass", occupied.device.index, (("REACH", reach),))
    grids = occupied.to(torch.uint8).contiguous(), torch.empty(occupied.shape, dtype=torch.uint8, device=occupied.device)
    for number, axis in enumerate((2, 1, 0)):
        source, target = grids[number % 2], grids[1 - number % 2]
        kernel.launch(
            -(-source.numel() // _BLOCK),
            _BLOCK,
            ctypes.c_void_p(source.data_ptr()),
            ctypes.c_void_p(target.data_ptr()),
            *(ctypes.c_int(number) for number in (x, y, z, axis, int(axis == 2))),
        )
    return grids[1]
