"""Baked density: the field's raw output of one frame at the corners of its occupied cells, as bricks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from im4d_core.config import FastConfig, MethodConfig
from im4d_core.kernels.bricks import NOTHING, SIDE, Bricks, Refine
from im4d_core.methods.base import Method
from im4d_core.render.occupancy import Occupancy

_CPU_POINTS = 1 << 14
"""Evaluated at once on a CPU: some 30 ms of a field of the published size, so that a bake stops when it is not wanted any more. More are not faster."""


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


class Bake:
    """The density of a frame in the making: it goes on where it was stopped, and nobody sees bricks that are not finished.

    Every corner that touches an occupied cell is evaluated once, but where bricks meet at an edge or a corner only.

    Args:
        refine: fine cells per occupancy cell along each axis: 1, 2 or 4.
        chunk: points evaluated at once, about; fewer on a CPU.
    """

    def __init__(self, method: Method, time: float, occupancy: Occupancy, refine: Refine, chunk: int) -> None:
        self._method, self._occupied, self._refine, self._box = method, occupancy.occupied, refine, occupancy.corners
        device = self._occupied.device
        self._times = torch.tensor([time], device=device)
        places = occupancy.bricks(refine)
        self._table = places.table
        self._places = torch.stack(torch.unravel_index(places.flat.long(), places.table.shape), dim=-1)
        self._neighbours = _neighbours(self._table, self._places)
        dtype = torch.float16 if device.type == "cuda" else torch.float32
        self._values = torch.full((len(self._places), *[SIDE + 1] * 3), torch.nan, dtype=dtype, device=device)
        at_once = max(1, (min(chunk, _CPU_POINTS) if device.type == "cpu" else chunk) // (SIDE + 1) ** 3)
        self._left = list(torch.arange(len(self._places), device=device).split(at_once)) if len(self._places) else []
        self._finished: Bricks | None = None

    @property
    def bytes(self) -> int:
        return self._values.nbytes + self._table.nbytes

    def bricks(self, wanted: Callable[[], bool] = lambda: True) -> Bricks | None:
        """The bricks; None where it was stopped before they were finished.

        Args:
            wanted: asked after each chunk; returns False to stop. It may call this, too.
        """
        while self._left:
            self._evaluate(self._left[-1])
            self._left.pop()  # now, since what fails is not done
            if not wanted():
                return None
        if self._finished is None:
            self._stitch()
            self._finished = Bricks(values=self._values, table=self._table, box=self._box, refine=self._refine)
            self._neighbours = []
        return self._finished

    def _evaluate(self, part: Int[Tensor, "part"]) -> None:
        """The field at the corners that some bricks have for themselves."""
        box, values, places = self._box, self._values, self._places[part]
        spacing = (box[1] - box[0]) / torch.tensor([n * r for n, r in zip(self._occupied.shape, self._refine, strict=True)], device=box.device)
        wanted = _touching(self._occupied, self._refine, places)
        for axis in range(3):  # a neighbour's first corners are its own
            wanted.select(axis + 1, SIDE).logical_and_((self._neighbours[axis][part] < 0)[:, None, None])
        brick, *corner = wanted.nonzero(as_tuple=True)
        points = box[0] + (places[brick] * SIDE + torch.stack(corner, dim=-1)) * spacing
        if len(points):
            largest = torch.finfo(values.dtype).max  # an infinite corner would make the interpolation between two cells not a number
            values[(part[brick], *corner)] = self._method.logit(points[None], self._times)[0].clamp(-largest, largest).to(values.dtype)

    def _stitch(self) -> None:
        """Copies the corners that bricks have of their neighbours."""
        values = self._values
        for axis in (0, 1, 2) * 3:  # thrice, since a corner of the brick may come from its neighbour's neighbour's neighbour, by axes in any order
            mine = (self._neighbours[axis] >= 0).nonzero().squeeze(-1)
            face, found = values.select(axis + 1, SIDE), values.select(axis + 1, 0)[self._neighbours[axis][mine]]
            face[mine] = torch.where(face[mine].isnan(), found, face[mine])
        values.nan_to_num_(nan=NOTHING)


def bake_bricks(method: Method, time: float, occupancy: Occupancy, refine: Refine, chunk: int) -> Bricks:
    """The bricks of a `Bake`, at once."""
    bricks = Bake(method, time, occupancy, refine, chunk).bricks()
    assert bricks is not None
    return bricks


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
