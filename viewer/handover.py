"""Rendered values on their way to the window: CUDA memory that OpenGL copies, or host memory. Used by the render thread; importing it imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from viewer.interop import DevicePixels


def handed_over(values: Tensor, shares_memory: bool) -> DevicePixels | np.ndarray:
    """Colours or depths where the window wants them.

    Args:
        values: four bytes a pixel: (h, w, 4) uint8, or (h, w) float32.
        shares_memory: whether the window takes pictures in CUDA memory.
    """
    return _shared(values) if values.is_cuda and shares_memory else copied(values)


def in_host(handed: DevicePixels | np.ndarray) -> np.ndarray:
    """The same in host memory."""
    if isinstance(handed, np.ndarray):
        return handed
    owner: Any = handed.owner
    return copied(owner[0])


def _shared(values: Tensor) -> DevicePixels:
    """CUDA memory that is complete after an event on the stream that fills it."""
    import torch

    from viewer.interop import DevicePixels

    event = torch.cuda.Event()
    event.record(torch.cuda.current_stream(values.device))
    height, width = values.shape[:2]
    return DevicePixels(owner=(values, event), address=values.data_ptr(), width=width, height=height, event=event.cuda_event)


def copied(values: Tensor) -> np.ndarray:
    """Host memory, through a pinned buffer from torch's cache of them."""
    import torch

    if not values.is_cuda:
        return values.numpy()
    staging = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    staging.copy_(values, non_blocking=True)
    torch.cuda.current_stream(values.device).synchronize()  # the render thread waits, the window does not
    return staging.numpy()
