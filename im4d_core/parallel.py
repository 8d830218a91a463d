"""Data-parallel processes: who this one is, and the two things they do together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Processes:
    """The place of this process among those that train together. One alone needs no set-up."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process logs and saves."""
        return self.rank == 0

    def average(self, gradients: Iterable[Tensor]) -> None:
        """Replaces gradients by their mean over the processes; every process must pass the same shapes."""
        if self.count == 1:
            return
        listed = list(gradients)
        flat = torch.cat([gradient.reshape(-1) for gradient in listed])  # one message: dozens of small ones would wait for each other
        dist.all_reduce(flat)
        flat /= self.count
        for gradient, part in zip(listed, flat.split([gradient.numel() for gradient in listed]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def agreed(self, value: int) -> int:
        """The first process's value, in every process."""
        if self.count == 1:
            return value
        box: list[int] = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def barrier(self) -> None:
        """Waits until all are here."""
        if self.count > 1:
            dist.barrier()
