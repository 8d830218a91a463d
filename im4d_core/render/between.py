"""Moments between two frames: density at the true time, colour cross-faded from the pictures of both.

The field is continuous in time, so surfaces move; pictures exist at frames only. Density of the moment with colour of one frame would hold that frame's
pictures against surfaces that have left; two finished pictures laid over each other would show every outline twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from im4d_core import kernels
from im4d_core.kernels.bricks import Bricks
from im4d_core.kernels.packing import BlendTensors, FieldTensors
from im4d_core.methods.base import Method
from im4d_core.render.occupancy import Occupancy
from im4d_core.tensors import Context, Features, SourceView


class CrossFaded:
    """A method whose colours go over from one frame's source views to those of the next; implements `im4d_core.methods.base.Method`.

    Args:
        following: the encoded source views of the next frame; those of the frame itself are handed in by the renderer.
        onward: from 0 at the frame to 1 at the next one.
    """

    def __init__(self, method: Method, following: Context, onward: float) -> None:
        self.config = method.config
        self._method, self._following, self._onward = method, following, onward

    def density(self, points: Float[Tensor, "target *sample 3"], time: Float[Tensor, "target"]) -> Float[Tensor, "target *sample"]:
        return self._method.density(points, time)

    def logit(self, points: Float[Tensor, "target *sample 3"], time: Float[Tensor, "target"]) -> Float[Tensor, "target *sample"]:
        return self._method.logit(points, time)

    def activate(self, logit: Float[Tensor, "*sample"]) -> Float[Tensor, "*sample"]:
        return self._method.activate(logit)

    def proposal_density(self, points: Float[Tensor, "target *sample 3"], time: Float[Tensor, "target"]) -> Float[Tensor, "target *sample"]:
        return self._method.proposal_density(points, time)

    def encode(self, views: Sequence[SourceView]) -> list[Features]:
        return self._method.encode(views)

    def color(self, points: Float[Tensor, "target n 3"], directions: Float[Tensor, "target n 3"], context: Context) -> Float[Tensor, "target n 3"]:
        before, after = (self._method.color(points, directions, pictures) for pictures in (context, self._following))
        return torch.lerp(before, after, self._onward)

    def capture(self) -> None:
        self._method.capture()

    def tensors(self) -> tuple[FieldTensors, BlendTensors] | None:
        return None  # the fused kernels know one set of pictures: with two they paint twice


def union(first: Occupancy, second: Occupancy) -> Occupancy:
    """Cells of a box around two frames' boxes that either frame occupies, or a neighbour of one: what moves from one to the other passes there."""
    low, high = torch.minimum(first.box[0], second.box[0]), torch.maximum(first.box[1], second.box[1])
    cell = min(float(((grid.box[1] - grid.box[0]) / torch.tensor(grid.occupied.shape)).min()) for grid in (first, second))
    counts = [max(1, round(float(side) / cell + 0.499)) for side in high - low]  # never larger than a cell of either frame, so that none is stepped over
    middles = [low[axis] + (torch.arange(count) + 0.5) / count * (high[axis] - low[axis]) for axis, count in enumerate(counts)]
    occupied = _sampled(first, middles) | _sampled(second, middles)
    return Occupancy(occupied=kernels.dilate(occupied, 1), box=torch.stack([low, high]))


def mixed(first: Bricks, second: Bricks, onward: float) -> Bricks:
    """Baked density between two frames, from what was baked of both on the same occupancy.

    The raw output is interpolated, as it is between the corners of a cell. The field interpolates the features that it is made from, which is not quite
    the same: the demo's pictures of the two differ by 36 to 43 dB.
    """
    return replace(first, values=torch.lerp(first.values, second.values, onward))


def _sampled(grid: Occupancy, middles: Sequence[Tensor]) -> Tensor:
    """Whether points on a lattice lie in occupied cells."""
    found = grid.occupied
    for axis, values in enumerate(middles):
        count, (low, high) = grid.occupied.shape[axis], grid.box[:, axis]
        index = ((values - low) / (high - low) * count).floor().long()
        inside = ((index >= 0) & (index < count)).reshape([-1 if i == axis else 1 for i in range(3)])
        index, inside = (part.to(found.device, non_blocking=True) for part in (index.clamp(0, count - 1), inside))
        found = found.index_select(axis, index) & inside
    return found
