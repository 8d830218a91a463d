"""Rendered values on their way to the window: CUDA memory that OpenGL copies, or host memory. Used by the render thread; importing it imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

if TYPE_CHECKING:
    from torch import Tensor

    from viewer.interop import DevicePixels


def handed_over(rgba: UInt8[Tensor, "h w 4"], shares_memory: bool) -> DevicePixels | UInt8[np.ndarray, "h w 4"]:
    """Four bytes a pixel where the window wants them.

    Args:
        shares_memory: whether the window takes pictures in CUDA memory.
    """
    if not rgba.is_cuda:
        return rgba.numpy()
    return _shared(rgba) if shares_memory else copied(rgba)


def _shared(rgba: UInt8[Tensor, "h w 4"]) -> DevicePixels:
    """CUDA memory that is complete after an event on the stream that fills it."""
    import torch

    from viewer.interop import DevicePixels

    event = torch.cuda.Event()
    event.record(torch.cuda.current_stream(rgba.device))
    height, width = rgba.shape[:2]
    return DevicePixels(owner=(rgba, event), address=rgba.data_ptr(), width=width, height=height, event=event.cuda_event)


def copied(values: Tensor) -> np.ndarray:
    """Host memory, through a pinned buffer from torch's cache of them."""
    import torch

    if not values.is_cuda:
        return values.numpy()
    staging = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    staging.copy_(values, non_blocking=True)
    torch.cuda.current_stream(values.device).synchronize()  # the render thread waits, the window does not
    return staging.numpy()
