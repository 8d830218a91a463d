"""Bricks: values of one frame at the corners of fine cells, kept where the frame's box is occupied."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

SIDE = 8
"""Fine cells along the side of a brick."""
NOTHING = -20.0
"""Raw output where nothing was evaluated; exp(-21) is no density."""

Refine = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Bricks:
    """The raw output of a field over one frame's box, sparse.

    Every cell of the frame's occupancy is split into `refine` fine cells per axis. A brick holds the corners of 8 fine cells a side; those on its
    faces are repeated in its neighbours, so that a lookup touches one brick. Interpolating the raw output and activating afterwards keeps surfaces
    sharper than interpolating density.
    """

    values: Float[Tensor, "brick 9 9 9"]
    """x-major; float16 on CUDA, float32 on a CPU. `NOTHING` at corners that touch no occupied cell."""
    table: Int[Tensor, "bx by bz"]
    """int32: the brick at each place, x-major, or -1 where no fine cell lies in an occupied cell."""
    box: Float[Tensor, "2 3"]
    refine: Refine

    @property
    def bytes(self) -> int:
        """Held in memory."""
        return self.values.nbytes + self.table.nbytes


@dataclass(frozen=True, kw_only=True)
class BrickPlaces:
    """Where bricks are that hold an occupied cell."""

    table: Int[Tensor, "bx by bz"]
    """As `Bricks.table`."""
    flat: Int[Tensor, "brick"]
    """int32: the place of each brick in the flattened table."""


def brick_places(occupied: Bool[Tensor, "x y z"], refine: Refine) -> BrickPlaces:
    """Finds them. Waits once for the device, for their number."""
    window = [SIDE // r for r in refine]  # occupancy cells of a brick
    there = F.max_pool3d(occupied[None, None].float(), window, stride=window, ceil_mode=True)[0, 0] > 0
    table = torch.where(there, torch.cumsum(there.flatten(), 0).reshape(there.shape) - 1, -1).int()
    return BrickPlaces(table=table, flat=there.flatten().nonzero().squeeze(-1).int())
