"""The surface of a frame's occupancy as faces to draw. Runs in the render thread; importing it imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Float64

if TYPE_CHECKING:
    from im4d_core.render.occupancy import Occupancy

_MOST_FACES = 60_000  # more are neither readable nor drawn in time by software; blocks of cells take their place


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """Faces between occupied and empty cells of one frame."""

    frame: int
    faces: Float32[np.ndarray, "n 4"]
    """Index of the cell along x, y, z, and which face: 0 to 5, below and above along each axis."""
    corner: Float64[np.ndarray, "3"]
    """Where the grid begins, in the world."""
    size: Float64[np.ndarray, "3"]
    """Of a cell, or of a block."""
    block: int
    """Cells along each side of what is drawn as one."""


def surface_cells(frame: int, occupancy: Occupancy) -> Cells:
    """The faces that can be seen from outside, coarser where they are too many."""
    import torch.nn.functional as F

    occupied = occupancy.occupied
    box = occupancy.box.double().numpy()
    size = (box[1] - box[0]) / np.array(occupied.shape)
    block = 1
    while True:
        faces = _faces(occupied)
        if len(faces) <= _MOST_FACES or min(occupied.shape) < 2:
            return Cells(frame=frame, faces=faces, corner=box[0], size=size * block, block=block)
        occupied = F.max_pool3d(occupied[None, None].float(), 2, ceil_mode=True)[0, 0] > 0
        block *= 2


def _faces(occupied) -> Float32[np.ndarray, "n 4"]:
    import torch

    padded = torch.nn.functional.pad(occupied, (1, 1, 1, 1, 1, 1))
    found = []
    for face in range(6):
        axis, above = divmod(face, 2)
        neighbour = padded.roll(-1 if above else 1, axis)[1:-1, 1:-1, 1:-1]
        index = (occupied & ~neighbour).nonzero()
        found.append(torch.cat([index, torch.full_like(index[:, :1], face)], dim=1))
    return torch.cat(found).float().cpu().numpy()
