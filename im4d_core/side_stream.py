"""Work beside a GPU's queue: what the host must wait for, and is short, does not wait for what was queued before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

HandOver = Callable[[Tensor], object]


class SideStream:
    """A second queue of a device, served before the others; on a CPU there is nothing beside which to work."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device, priority=-1) if device.type == "cuda" else None

    def follow(self) -> None:
        """What is done beside from now on comes after what the caller has queued so far."""
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.current_stream(self._stream.device))

    @contextmanager
    def beside(self) -> Iterator[HandOver]:
        """Queues what is done within here. What is queued by the caller afterwards waits for it, on the device.

        Gives a function that takes every tensor that is made within and used outside, so that its memory is not used again too early.
        """
        if self._stream is None:
            yield lambda tensor: tensor
            return
        queue = torch.cuda.current_stream(self._stream.device)
        with torch.cuda.stream(self._stream):
            yield lambda tensor: tensor.record_stream(queue)
        queue.wait_stream(self._stream)
