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
    """Fine cells per occupancy cell along each axis: as configured, or as many as the finest plane of the field needs, at most four.

    On a CPU one is taken by itself: finer cells take seconds to bake there, and lose less than they cost.
    """
    fixed = config.refine or (1 if occupancy.occupied.device.type == "cpu" else 0)
    if fixed:
        return fixed, fixed, fixed
    return needed_refine(occupancy, method)


def needed_refine(occupancy: Occupancy, method: MethodConfig) -> Refine:
    """Fine cells per occupancy cell along each axis, so that none is larger than a cell of the finest plane; two at least, four at most.

    Between the texels of a plane the MLP is not linear: two where the planes need one take the demo from 36 to 41 dB of what is not baked.
    """
    size = (occupancy.box[1] - occupancy.box[0]).tolist()
    bounds, finest = method.bounds, max(method.field.spatial)
    chosen = []
    for axis, count in enumerate(occupancy.occupied.shape):
        cell, plane_cell = size[axis] / count, (bounds[axis + 3] - bounds[axis]) / (finest - 1)
        chosen.append(2 if cell <= 2 * plane_cell * (1 + 1e-6) else 4)  # 1e-6: the box is float32
    return chosen[0], chosen[1], chosen[2]


def bake_bricks(method: Method, time: float, occupancy: Occupancy, refine: Refine, chunk: int) -> Bricks:
    """Evaluates the field at every corner that touches an occupied cell: once, but where bricks meet at an edge or a corner only.

    Args:
        refine: fine cells per occupancy cell along each axis: 1, 2 or 4.
        chunk: points evaluated at once, about.
    """
    occupied, box = occupancy.occupied, occupancy.box
    device = occupied.device
    there = brick_places(occupied, refine)
    table = torch.where(there, torch.cumsum(there.flatten(), 0).reshape(there.shape) - 1, -1).int()
    places = there.nonzero()
    neighbours = _neighbours(table, places)
    values = torch.full((len(places), *[SIDE + 1] * 3), torch.nan, dtype=torch.float16 if device.type == "cuda" else torch.float32, device=device)
    largest = torch.finfo(values.dtype).max  # an infinite corner would make the interpolation between two cells not a number
    spacing = (box[1] - box[0]) / torch.tensor([n * r for n, r in zip(occupied.shape, refine, strict=True)], device=device)
    times = torch.tensor([time], device=device)
    for part in torch.arange(len(places), device=device).split(max(1, chunk // (SIDE + 1) ** 3)):
        wanted = _touching(occupied, refine, places[part])
        for axis in range(3):  # a neighbour's first corners are its own
            wanted.select(axis + 1, SIDE).logical_and_((neighbours[axis][part] < 0)[:, None, None])
        brick, *corner = wanted.nonzero(as_tuple=True)
        points = box[0] + (places[part][brick] * SIDE + torch.stack(corner, dim=-1)) * spacing
        if len(points):
            values[(part[brick], *corner)] = method.logit(points[None], times)[0].clamp(-largest, largest).to(values.dtype)
    for axis in (0, 1, 2) * 3:  # thrice, since a corner of the brick may come from its neighbour's neighbour's neighbour, by axes in any order
        mine = (neighbours[axis] >= 0).nonzero().squeeze(-1)
        face, found = values.select(axis + 1, SIDE), values.select(axis + 1, 0)[neighbours[axis][mine]]
        face[mine] = torch.where(face[mine].isnan(), found, face[mine])
    values.nan_to_num_(nan=NOTHING)
    return Bricks(values=values, table=table, box=box, refine=refine)


def _neighbours(table: Int[Tensor, "bx by bz"], places: Int[Tensor, "brick 3"]) -> list[Int[Tensor, "brick"]]:
    """The next brick of each along x, y and z; -1 where there is none."""
    padded = torch.nn.functional.pad(table.long(), (0, 1, 0, 1, 0, 1), value=-1)
    x, y, z = places.t()
    return [padded[x + 1, y, z], padded[x, y + 1, z], padded[x, y, z + 1]]


def _touching(occupied: Bool[Tensor, "x y z"], refine: Refine, places: Int[Tensor, "brick 3"]) -> Bool[Tensor, "brick 9 9 9"]:
    """Which corners of some bricks touch an occupied cell."""
    along = torch.arange(SIDE + 1, device=places.device)
    cells, inside = [], []
    for axis in range(3):
        count, view = occupied.shape[axis], [len(places), 1, 1, 1]
        view[axis + 1] = SIDE + 1
        position = (places[:, axis, None] * SIDE + along).reshape(view)
        low = torch.div(position - 1, refine[axis], rounding_mode="floor").clamp(0, count - 1)
        cells.append((low, (position // refine[axis]).clamp(max=count - 1)))
        inside.append(position <= count * refine[axis])
    touched = torch.zeros((len(places), *[SIDE + 1] * 3), dtype=torch.bool, device=places.device)
    for offset in range(8):
        touched |= occupied[cells[0][offset >> 2], cells[1][offset >> 1 & 1], cells[2][offset & 1]]
    return touched & inside[0] & inside[1] & inside[2]
