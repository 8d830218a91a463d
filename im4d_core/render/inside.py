"""Evaluating only what lies in the visual hulls: which samples of a batch do, side by side, and back to where they stand."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from im4d_core.hulls import Hulls

_SPARE = 1.4  # times what was wanted so far: a subject near its camera fills more of a batch
_STEP = 1024


@dataclass(frozen=True, kw_only=True)
class Room:
    """How many samples of a target have a place: shapes must stand before a captured step is replayed. What finds none counts as empty."""

    samples: tuple[int, int]
    """Of the proposal, and of the fine field."""
    most: tuple[int, int]
    """All samples of a target."""
    wanted: Int[Tensor, "2"]
    """The most that any batch would have needed."""

    @classmethod
    def for_all(cls, most: tuple[int, int], device: torch.device) -> Room:
        """Place for every sample, while it is not known how many lie inside."""
        return cls(samples=most, most=most, wanted=torch.zeros(2, dtype=torch.int64, device=device))

    def refitted(self) -> Room:
        """Room for what batches wanted and some more; itself where that fits. Waits for the device."""
        wanted = self.wanted.tolist()
        if self.samples != self.most and wanted[0] <= self.samples[0] and wanted[1] <= self.samples[1]:
            return self
        least = (1, 1) if self.samples == self.most else self.samples
        fitting = [min(max(-(-int(_SPARE * count) // _STEP) * _STEP, low), high) for count, low, high in zip(wanted, least, self.most, strict=True)]
        return self if tuple(fitting) == self.samples else replace(self, samples=(fitting[0], fitting[1]), wanted=torch.zeros_like(self.wanted))


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Some samples of each target."""

    inside: Bool[Tensor, "target sample"]
    index: Int[Tensor, "target place"]
    """Of the sample at each place; one past the last where the place is empty."""

    def take(self, values: Float[Tensor, "target sample 3"]) -> Float[Tensor, "target place 3"]:
        """The chosen samples' values; any at empty places."""
        return values.gather(1, self.index.clamp(max=values.shape[1] - 1).unsqueeze(-1).expand(-1, -1, 3))

    def spread(self, values: Float[Tensor, "target place *channel"]) -> Float[Tensor, "target sample *channel"]:
        """Values of the chosen samples, and zero at all others."""
        targets, samples = self.inside.shape
        index = self.index.reshape(*self.index.shape, *[1] * (values.dim() - 2)).expand(values.shape)
        return values.new_zeros(targets, samples + 1, *values.shape[2:]).scatter(1, index, values)[:, :samples]


@dataclass(frozen=True, kw_only=True)
class Inside:
    """Where the rays of a batch may meet matter."""

    hulls: Hulls
    row: Int[Tensor, "target"]
    """The hull of each target's frame."""
    room: Room | None = None
    """None takes as many samples as there are, which waits for the device."""

    def choose(self, points: Float[Tensor, "target ray sample 3"], level: int) -> Chosen:
        """The samples that lie in the hulls.

        Args:
            level: 0 for the proposal's samples, 1 for the fine ones.
        """
        within = self.hulls.contain(points, self.row)
        of_ray = within.cumsum(dim=-1, dtype=torch.int32)
        behind = of_ray[..., -1].cumsum(dim=1)  # the sum over all samples of a target at once would run on a single block of a GPU
        rank = (of_ray + (behind - of_ray[..., -1]).unsqueeze(-1)).flatten(1)
        inside = within.flatten(1)
        most = behind[:, -1].amax()
        places = max(int(most), 1) if self.room is None else self.room.samples[level]  # 1: not every method takes no points at all
        if self.room is not None:
            self.room.wanted[level].copy_(torch.maximum(self.room.wanted[level], most))
        targets, samples = inside.shape
        place = torch.where(inside & (rank <= places), rank - 1, places)
        numbers = torch.arange(samples, device=points.device).expand(targets, -1)
        index = torch.full((targets, places + 1), samples, device=points.device).scatter(1, place, numbers)[:, :places]
        return Chosen(inside=inside, index=index)
