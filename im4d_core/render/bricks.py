"""Baked density: the field's raw output of one frame at the corners of its occupied cells, as bricks."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from im4d_core.config import FastConfig, MethodConfig
from im4d_core.kernels.bricks import NOTHING, SIDE, Bricks, Refine, brick_places
from im4d_core.methods.base import Method
from im4d_core.render.occupancy import Occupancy


def choose_refine(occupancy: Occupancy, method: MethodConfig, config: FastConfig) -> Refine:
    """Fine cells per occupancy cell along each axis: as configured, or as many as the finest plane of the field needs, at most four."""
    if config.refine:
        return config.refine, config.refine, config.refine
    size = (occupancy.box[1] - occupancy.box[0]).tolist()
    bounds, finest = method.bounds, max(method.field.spatial)
    chosen = []
    for axis, count in enumerate(occupancy.occupied.shape):
        cell, plane_cell = size[axis] / count, (bounds[axis + 3] - bounds[axis]) / (finest - 1)
        chosen.append(next((r for r in (1, 2) if cell <= r * plane_cell * (1 + 1e-6)), 4))  # 1e-6: the box is float32
    return chosen[0], chosen[1], chosen[2]


def bake_bricks(method: Method, time: float, occupancy: Occupancy, refine: Refine, chunk: int) -> Bricks:
    """Evaluates the field once at every corner that touches an occupied cell.

    Args:
        refine: fine cells per occupancy cell along each axis: 1, 2 or 4.
        chunk: points evaluated at once.
    """
    occupied = occupancy.occupied
    device = occupied.device
    there = brick_places(occupied, refine)
    table = torch.where(there, torch.cumsum(there.flatten(), 0).reshape(there.shape) - 1, -1).int()
    places = there.nonzero()
    lattice = [n * r + 1 for n, r in zip(occupied.shape, refine, strict=True)]
    corners, slots = [], []
    for start in range(0, len(places), max(1, chunk // (SIDE + 1) ** 3)):
        part = places[start : start + max(1, chunk // (SIDE + 1) ** 3)]
        index, wanted = _corners(occupied, refine, part)
        slot = wanted.flatten().nonzero().squeeze(-1)
        slots.append(slot + start * (SIDE + 1) ** 3)
        corners.append(index.flatten()[slot])
    values = torch.full((len(places) * (SIDE + 1) ** 3,), NOTHING, dtype=torch.float16 if device.type == "cuda" else torch.float32, device=device)
    if corners:
        once, inverse = torch.unique(torch.cat(corners), return_inverse=True)  # bricks share the corners on their faces
        spacing = (occupancy.box[1] - occupancy.box[0]) / torch.tensor([n - 1 for n in lattice], device=device)
        times = torch.tensor([time], device=device)
        logits = []
        for part in once.split(chunk):
            xyz = torch.stack([part // (lattice[1] * lattice[2]), part // lattice[2] % lattice[1], part % lattice[2]], dim=-1)
            logits.append(method.logit((occupancy.box[0] + xyz * spacing)[None], times)[0])
        largest = torch.finfo(values.dtype).max  # an infinite corner would make the interpolation between two cells not a number
        values[torch.cat(slots)] = torch.cat(logits).clamp(-largest, largest).to(values.dtype)[inverse]
    return Bricks(values=values.reshape(-1, SIDE + 1, SIDE + 1, SIDE + 1), table=table, box=occupancy.box, refine=refine)


def _corners(occupied: Bool[Tensor, "x y z"], refine: Refine, places: Int[Tensor, "brick 3"]) -> tuple[Int[Tensor, "brick 9 9 9"], Bool[Tensor, "brick 9 9 9"]]:
    """Index of each corner of some bricks in the whole lattice, x-major, and whether it touches an occupied cell."""
    shape = occupied.shape
    lattice = [n * r + 1 for n, r in zip(shape, refine, strict=True)]
    along = torch.arange(SIDE + 1, device=places.device)
    positions, cells = [], []
    for axis in range(3):
        position = places[:, axis, None] * SIDE + along
        low = torch.div(position - 1, refine[axis], rounding_mode="floor").clamp(0, shape[axis] - 1)
        high = (position // refine[axis]).clamp(max=shape[axis] - 1)
        view = [len(places), 1, 1, 1]
        view[axis + 1] = SIDE + 1
        positions.append(position.reshape(view))
        cells.append((low.reshape(view), high.reshape(view)))
    touched = torch.zeros((len(places), *([SIDE + 1] * 3)), dtype=torch.bool, device=places.device)
    for offset in range(8):
        touched |= occupied[cells[0][offset >> 2], cells[1][offset >> 1 & 1], cells[2][offset & 1]]
    inside = (positions[0] < lattice[0]) & (positions[1] < lattice[1]) & (positions[2] < lattice[2])
    return (positions[0] * lattice[1] + positions[1]) * lattice[2] + positions[2], touched & inside
