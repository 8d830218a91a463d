"""Baked density: which corners are evaluated, where they are kept, and how fine the grid is."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from analytic import Ball

from im4d_core import kernels
from im4d_core.config import FastConfig, FieldConfig, MethodConfig
from im4d_core.render.bricks import NOTHING, Bake, Bricks, bake_bricks, choose_refine, needed_refine
from im4d_core.render.occupancy import Occupancy

_BOX = torch.tensor([[-0.6, -0.5, -0.4], [0.6, 0.7, 0.8]])


class _Linear(Ball):
    """A field that trilinear interpolation reproduces; counts its evaluations."""

    def logit(self, points: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        self.asked += points[..., 0].numel()
        return points @ torch.tensor([1.0, 2.0, -3.0]) + time.reshape(-1, 1)


def _grid(shape: tuple[int, int, int] = (13, 8, 9), share: float = 0.1) -> Occupancy:
    return Occupancy(occupied=torch.rand(shape, generator=torch.Generator().manual_seed(4)) < share, box=_BOX)


def _shape(grid: Occupancy) -> tuple[int, int, int]:
    x, y, z = grid.occupied.shape
    return x, y, z


def _touched(grid: Occupancy, refine: tuple[int, int, int]) -> set[tuple[int, int, int]]:
    """Corners of all fine cells of all occupied cells."""
    corners = set()
    for cell in grid.occupied.nonzero().tolist():
        ranges = [range(c * r, (c + 1) * r + 1) for c, r in zip(cell, refine, strict=True)]
        corners.update((i, j, k) for i in ranges[0] for j in ranges[1] for k in ranges[2])
    return corners


@pytest.mark.parametrize("refine", [(1, 1, 1), (2, 1, 4), (4, 4, 4)])
@pytest.mark.parametrize("chunk", [300, 1 << 16])
def test_every_corner_of_an_occupied_cell_is_evaluated_once_and_no_other(refine: tuple[int, int, int], chunk: int) -> None:
    grid, method = _grid(), _Linear()
    bricks = bake_bricks(method, 0.5, grid, refine, chunk)
    touched = _touched(grid, refine)
    assert len(touched) <= method.asked < 1.02 * len(touched)  # a few twice, where bricks meet at an edge or a corner only
    spacing = (_BOX[1] - _BOX[0]) / (torch.tensor(_shape(grid)) * torch.tensor(refine))
    number = 0
    for place in torch.cartesian_prod(*(torch.arange(n) for n in bricks.table.shape)).tolist():  # x-major, as bricks are numbered
        inside = {corner: tuple(p * 8 + c for p, c in zip(place, corner, strict=True)) for corner in itertools.product(range(9), repeat=3)}
        cells = [range(p * 8 // r, min((p + 1) * 8 // r, n)) for p, r, n in zip(place, refine, _shape(grid), strict=True)]
        occupied = any(bool(grid.occupied[a, b, c]) for a in cells[0] for b in cells[1] for c in cells[2])
        assert int(bricks.table[tuple(place)]) == (number if occupied else -1)
        if not occupied:
            continue
        for corner, lattice in inside.items():
            expected = float(method.logit((_BOX[0] + torch.tensor(lattice) * spacing)[None, None], torch.tensor([0.5]))) if lattice in touched else NOTHING
            assert abs(float(bricks.values[(number, *corner)]) - expected) < 1e-5  # float32 on values up to four
        number += 1
    assert len(bricks.values) == number and bricks.table.dtype == torch.int32


@pytest.mark.parametrize("refine", [(1, 1, 1), (1, 2, 4)])
def test_lookups_in_occupied_cells_reproduce_a_linear_field(refine: tuple[int, int, int]) -> None:
    grid = _grid()
    bricks = bake_bricks(_Linear(), 0.25, grid, refine, 1 << 16)
    cells = grid.occupied.nonzero()
    points = _BOX[0] + (cells + torch.rand(len(cells), 3)) / torch.tensor(_shape(grid)) * (_BOX[1] - _BOX[0])
    found = kernels.brick_logits(bricks.values, bricks.table, _shape(grid), bricks.refine, bricks.box, points)
    assert torch.allclose(found, _Linear().logit(points[None], torch.tensor([0.25]))[0], atol=1e-5)  # a few roundings of float32 on values up to four


def test_bricks_that_meet_at_an_edge_or_a_corner_agree() -> None:
    occupied = torch.zeros(24, 24, 24, dtype=torch.bool)
    for cell in ((7, 7, 7), (8, 8, 7), (8, 8, 8), (15, 15, 15), (16, 16, 16), (16, 15, 16)):
        occupied[cell] = True
    grid = replace(_grid(), occupied=occupied)
    bricks = bake_bricks(_Linear(), 0.0, grid, (1, 1, 1), 1 << 16)
    touched = _touched(grid, (1, 1, 1))
    spacing = (_BOX[1] - _BOX[0]) / 24
    for place in (bricks.table >= 0).nonzero().tolist():
        for corner in itertools.product(range(9), repeat=3):
            lattice = tuple(p * 8 + c for p, c in zip(place, corner, strict=True))
            point = _BOX[0] + torch.tensor(lattice) * spacing
            expected = float(_Linear().logit(point[None, None], torch.tensor([0.0]))) if lattice in touched else NOTHING
            assert abs(float(bricks.values[(int(bricks.table[tuple(place)]), *corner)]) - expected) < 1e-5  # float32 on values up to four


def test_nothing_occupied_needs_no_brick() -> None:
    grid = replace(_grid(), occupied=torch.zeros(13, 8, 9, dtype=torch.bool))
    method = _Linear()
    bricks = bake_bricks(method, 0.0, grid, (2, 2, 2), 1 << 16)
    assert len(bricks.values) == 0 and method.asked == 0 and (bricks.table == -1).all()
    assert (kernels.brick_logits(bricks.values, bricks.table, _shape(grid), bricks.refine, bricks.box, _BOX) == NOTHING).all()


def test_an_infinite_field_bakes_to_finite_values() -> None:
    class Infinite(Ball):
        def logit(self, points: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
            return torch.full(points.shape[:-1], torch.inf)

    assert torch.isfinite(bake_bricks(Infinite(), 0.0, _grid(), (1, 1, 1), 1 << 16).values).all()


def test_the_grid_is_as_fine_as_the_finest_plane_along_each_axis() -> None:
    grid = _grid((12, 12, 12))  # cells of 0.1
    method = replace(MethodConfig(), bounds=(-0.5, -0.5, -0.5, 0.5, 1.5, 3.5), field=FieldConfig(spatial=(5, 21), temporal=(2, 2)))
    assert needed_refine(grid, method) == (2, 2, 2)  # plane cells of 0.05, 0.1, 0.2; never less than two
    assert needed_refine(grid, replace(method, field=FieldConfig(spatial=(41,), temporal=(2,)))) == (4, 2, 2)  # 0.025, 0.05, 0.1
    finer = replace(method, field=FieldConfig(spatial=(101,), temporal=(2,)))
    assert needed_refine(grid, finer) == (4, 4, 4)  # 0.01, 0.02 and 0.04 would need more than four: never more
    assert choose_refine(grid, finer, FastConfig(refine=2)) == (2, 2, 2)
    assert choose_refine(grid, finer, FastConfig()) == (1, 1, 1)  # a CPU


def test_bytes_are_those_of_both_tensors() -> None:
    bricks = Bricks(values=torch.zeros(3, 9, 9, 9), table=torch.zeros(2, 2, 2, dtype=torch.int32), box=_BOX, refine=(1, 1, 1))
    assert bricks.bytes == 3 * 729 * 4 + 8 * 4


def test_a_bake_that_is_stopped_goes_on_where_it_was() -> None:
    """Stopped after each chunk: the bricks that are baked at once, no corner evaluated twice, and none to be seen before the last."""
    grid, at_once, in_turns = _grid(), _Linear(), _Linear()
    whole = bake_bricks(at_once, 0.5, grid, (2, 1, 4), 3000)
    bake = Bake(in_turns, 0.5, grid, (2, 1, 4), 3000)
    turns, bricks = 0, None
    while bricks is None:
        before = in_turns.asked
        bricks, turns = bake.bricks(lambda: False), turns + 1
        assert in_turns.asked - before <= 3000
    assert turns > 5
    assert in_turns.asked == at_once.asked
    assert torch.equal(bricks.values, whole.values) and torch.equal(bricks.table, whole.table)
    assert bake.bricks(lambda: False) is bricks, "nothing is left to be asked for"


def test_a_bake_may_be_finished_while_it_is_asked_for() -> None:
    """A job's picture is baked, and the window's picture of the same frame comes in between."""
    bake = Bake(_Linear(), 0.5, _grid(), (2, 1, 4), 729)
    between: list[Bricks | None] = []
    bricks = bake.bricks(lambda: between.append(bake.bricks()) is None)
    assert bricks is not None and between[0] is bricks
    assert torch.equal(bricks.values, bake_bricks(_Linear(), 0.5, _grid(), (2, 1, 4), 729).values)


def test_a_chunk_that_fails_is_not_done() -> None:
    method, grid = _Linear(), _grid()
    bake = Bake(method, 0.5, grid, (2, 1, 4), 729)
    assert bake.bricks(lambda: False) is None
    logit, method.logit = method.logit, _out_of_memory  # type: ignore[method-assign]
    with pytest.raises(torch.OutOfMemoryError):
        bake.bricks()
    method.logit = logit  # type: ignore[method-assign]
    bricks = bake.bricks()
    assert bricks is not None and torch.equal(bricks.values, bake_bricks(_Linear(), 0.5, grid, (2, 1, 4), 729).values)


def _out_of_memory(_points: torch.Tensor, _time: torch.Tensor) -> torch.Tensor:
    raise torch.OutOfMemoryError("no room")


def test_a_chunk_is_small_enough_to_stop_at_once_on_a_cpu() -> None:
    method, most = _Linear(), 0
    bake, grid = Bake(method, 0.0, _grid((64, 64, 64), 0.5), (1, 1, 1), 1 << 18), None
    while grid is None:
        before = method.asked
        grid = bake.bricks(lambda: False)
        most = max(most, method.asked - before)
    assert 0 < most <= 1 << 14
