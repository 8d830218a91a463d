"""The operations that faster backends will replace, against dumb loops."""

from __future__ import annotations

import math

import pytest
import torch

from im4d_core import kernels
from im4d_core.kernels.bricks import Bricks

F32 = 1e-5  # a few roundings of float32 on values near one


def _bilinear(plane: torch.Tensor, x: float, y: float) -> torch.Tensor:
    """plane (channels, height, width) at x, y in [-1, 1], corners aligned."""
    height, width = plane.shape[1:]
    u, v = (x + 1) / 2 * (width - 1), (y + 1) / 2 * (height - 1)
    i, j = min(int(u), width - 2), min(int(v), height - 2)
    a, b = u - i, v - j
    return (1 - a) * (1 - b) * plane[:, j, i] + a * (1 - b) * plane[:, j, i + 1] + (1 - a) * b * plane[:, j + 1, i] + a * b * plane[:, j + 1, i + 1]


def test_plane_features_are_bilinear_lookups_in_the_stated_order() -> None:
    spatial = [torch.rand(3, 2, size, size) for size in (4, 7)]
    temporal = [torch.rand(3, 2, 5, size) for size in (4, 7)]
    points, time = torch.rand(10, 3) * 2 - 1, torch.rand(10) * 2 - 1
    found = kernels.plane_features(points, time, spatial, temporal)
    for row, (p, t) in enumerate(zip(points.tolist(), time.tolist(), strict=True)):
        x, y, z = p
        expected = []
        for planes, lines in zip(spatial, temporal, strict=True):
            expected += [_bilinear(planes[0], x, y), _bilinear(planes[1], y, z), _bilinear(planes[2], x, z)]
            expected += [_bilinear(lines[axis], p[axis], t) for axis in range(3)]
        assert torch.allclose(found[row], torch.cat(expected), atol=F32)


def test_plane_features_have_exact_gradients() -> None:
    spatial = [torch.rand(3, 1, 3, 3, dtype=torch.float64, requires_grad=True)]
    temporal = [torch.rand(3, 1, 2, 3, dtype=torch.float64, requires_grad=True)]
    points, time = torch.rand(4, 3, dtype=torch.float64) * 1.6 - 0.8, torch.rand(4, dtype=torch.float64) * 1.6 - 0.8
    assert torch.autograd.gradcheck(lambda a, b: kernels.plane_features(points, time, [a], [b]), (spatial[0], temporal[0]))


def test_weights_and_transmittance_make_one() -> None:
    optical_depth = torch.rand(5, 7, 20) * 2
    weights, rest = kernels.interval_weights(optical_depth)
    assert torch.allclose(weights.sum(-1) + rest, torch.ones(5, 7), atol=F32)
    assert torch.allclose(rest, torch.exp(-optical_depth.sum(-1)), atol=F32)


def test_weights_are_opacity_times_what_passes() -> None:
    optical_depth = torch.rand(12, dtype=torch.float64)
    weights, _ = kernels.interval_weights(optical_depth)
    passed = 1.0
    for depth, weight in zip(optical_depth.tolist(), weights.tolist(), strict=True):
        alpha = 1.0 - math.exp(-depth)
        assert abs(weight - passed * alpha) < 1e-12  # float64
        passed *= 1.0 - alpha


def test_packed_weights_equal_those_of_each_ray_alone() -> None:
    counts = torch.tensor([3, 0, 5, 1, 0])
    depth = torch.rand(9) * 3
    depth[4] = 1e4  # opaque: what lies behind, and the next ray, must not feel it but through transmittance
    ray = torch.repeat_interleave(torch.arange(5), counts)
    first = torch.cumsum(counts, 0) - counts
    before = torch.tensor([1.0, 1.0, 0.5, 1.0, 0.7])
    weights, through = kernels.packed_weights(depth, ray, first, before)
    for r in range(5):
        mine = depth[ray == r]
        alone, rest = kernels.interval_weights(mine)
        assert torch.allclose(weights[ray == r], alone * before[r], atol=F32)
        assert torch.allclose(through[r], rest if len(mine) else torch.tensor(1.0), atol=F32)


def _brute_lattice(origins, directions, occupied, box, step, count):
    found = []
    shape = torch.tensor(occupied.shape)
    for r in range(len(origins)):
        for k in range(count):
            point = origins[r] + (k + 0.5) * step * directions[r]
            cell = torch.floor((point - box[0]) * (shape / (box[1] - box[0]))).long()
            if ((cell >= 0) & (cell < shape)).all() and bool(occupied[tuple(cell.tolist())]):
                found.append((r, k))
    return found


@pytest.mark.parametrize("nearby", [1, 2, 5])
def test_lattice_samples_are_all_occupied_midpoints(nearby: int) -> None:
    rng = torch.Generator().manual_seed(3)
    box = torch.tensor([[-0.5, -0.4, -0.6], [0.5, 0.6, 0.7]])
    occupied = torch.rand(12, 18, 10, generator=rng) < 0.04
    directions = torch.nn.functional.normalize(torch.randn(40, 3, generator=rng), dim=-1)
    origins = torch.rand(40, 3, generator=rng) * 0.4 - 1.5 * directions
    directions = directions * (1.0 + torch.rand(40, 1, generator=rng))
    origins[0], directions[0] = torch.tensor([3.0, 3.0, 3.0]), torch.tensor([1.0, 0.0, 0.0])  # misses
    safe = torch.where(directions.abs() < 1e-9, torch.full_like(directions, 1e-9), directions)
    low, high = (box[0] - origins) / safe, (box[1] - origins) / safe
    near, far = torch.minimum(low, high).amax(-1), torch.maximum(low, high).amin(-1)
    step = 0.03
    ray, depth = kernels.lattice_samples(origins, directions, near, far, kernels.distance_grid(occupied, nearby + 1), box, step, nearby)
    assert [(int(r), round(float(d) / step - 0.5)) for r, d in zip(ray, depth, strict=True)] == _brute_lattice(origins, directions, occupied, box, step, 200)
    assert len(ray) > 50


def test_lattice_of_an_empty_grid_or_no_rays_is_empty() -> None:
    box = torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]])
    none = torch.zeros(0, 3)
    assert len(kernels.lattice_samples(none, none, none[:, 0], none[:, 0], torch.zeros(2, 2, 2, dtype=torch.uint8), box, 0.1)[0]) == 0
    origin, direction = torch.tensor([[-2.0, 0.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]])
    empty = kernels.distance_grid(torch.zeros(4, 4, 4, dtype=torch.bool), 6)
    assert len(kernels.lattice_samples(origin, direction, torch.tensor([1.0]), torch.tensor([3.0]), empty, box, 0.1)[0]) == 0


def test_dilation_reaches_the_stated_neighbours() -> None:
    occupied = torch.zeros(7, 7, 7, dtype=torch.bool)
    occupied[3, 3, 0] = True
    grown = kernels.dilate(occupied, 2)
    assert grown.sum() == 5 * 5 * 3
    assert grown[1:6, 1:6, 0:3].all()
    assert torch.equal(kernels.dilate(occupied, 0), occupied)


def test_distance_grid_counts_cells_to_the_nearest_occupied_one() -> None:
    occupied = torch.rand(9, 7, 11, generator=torch.Generator().manual_seed(5)) < 0.01
    there = occupied.nonzero()
    assert len(there) > 2
    found = kernels.distance_grid(occupied, 4)
    for cell in torch.cartesian_prod(*(torch.arange(n) for n in occupied.shape)):
        assert int(found[tuple(cell)]) == min(4, int((there - cell).abs().amax(dim=1).min()))
    assert (kernels.distance_grid(occupied & False, 4) == 4).all()


def _brute_brick_logit(values, table, refine, position):
    """Value at a position in fine cells: the eight corners around it, one by one."""
    cell = [min(max(math.floor(q), 0), 8 * b - 1) for q, b in zip(position, table.shape, strict=True)]
    brick = int(table[cell[0] // 8, cell[1] // 8, cell[2] // 8])
    if brick < 0:
        return -20.0
    found = 0.0
    for corner in range(8):
        steps = [corner >> 2, corner >> 1 & 1, corner & 1]
        share = math.prod(q - c if up else 1.0 - (q - c) for q, c, up in zip(position, cell, steps, strict=True))
        found += share * float(values[(brick, *(c % 8 + up for c, up in zip(cell, steps, strict=True)))])
    return found


@pytest.mark.parametrize("refine", [(1, 1, 1), (2, 4, 1)])
def test_brick_logits_are_trilinear_lookups_in_the_brick_of_the_point(refine: tuple[int, int, int]) -> None:
    rng = torch.Generator().manual_seed(2)
    cells, box = (20, 9, 16), torch.tensor([[0.0, -1.0, 2.0], [1.0, 1.0, 5.0]])
    table = torch.full([math.ceil(n * r / 8) for n, r in zip(cells, refine, strict=True)], -1, dtype=torch.int32)
    there = torch.rand(table.shape, generator=rng) < 0.6
    table[there] = torch.arange(int(there.sum()), dtype=torch.int32)
    values = torch.randn(int(there.sum()), 9, 9, 9, generator=rng)
    points = torch.rand(300, 3, generator=rng) * (box[1] - box[0]) + box[0]
    found = kernels.brick_logits(values, table, cells, refine, box, points)
    for point, value in zip(points.double(), found.tolist(), strict=True):
        position = ((point - box[0]) / (box[1] - box[0]) * torch.tensor(cells) * torch.tensor(refine)).tolist()
        assert abs(value - _brute_brick_logit(values, table, refine, position)) < 1e-4  # positions up to 40 in float32, slopes up to a few per cell
    assert (found == -20.0).any() and (found != -20.0).any()


def test_brick_logits_in_half_precision_differ_by_its_rounding() -> None:
    box, points = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]), torch.rand(100, 3)
    values, table = torch.randn(1, 9, 9, 9), torch.zeros(1, 1, 1, dtype=torch.int32)
    whole, half = (kernels.brick_logits(v, table, (8, 8, 8), (1, 1, 1), box, points) for v in (values, values.half()))
    assert half.dtype == torch.float32
    assert 0.0 < float((whole - half).abs().max()) < 4 * 2**-11  # values up to 4, eleven bits


def _march(rng: torch.Generator, occupied: torch.Tensor, refine: tuple[int, int, int], limits: tuple[float, float]):
    """Rays of a pinhole through a box whose occupied cells have random bricks."""
    box = torch.tensor([[-0.5, -0.4, -0.6], [0.5, 0.6, 0.7]])
    table = torch.arange(math.prod(-(-n * r // 8) for n, r in zip(occupied.shape, refine, strict=True)), dtype=torch.int32)
    table = table.reshape([-(-n * r // 8) for n, r in zip(occupied.shape, refine, strict=True)])
    values = torch.randn(table.numel(), 9, 9, 9, generator=rng) * 2.0 + 2.0
    directions = torch.nn.functional.normalize(torch.randn(60, 3, generator=rng), dim=-1)
    origins = torch.rand(60, 3, generator=rng) * 0.4 - 1.5 * directions
    directions = directions * (1.0 + torch.rand(60, 1, generator=rng))
    low, high = (box[0] - origins) / directions, (box[1] - origins) / directions
    near, far = torch.minimum(low, high).amax(-1), torch.maximum(low, high).amin(-1)
    far[7] = near[7]  # misses
    return origins, directions, near, far, kernels.distance_grid(occupied, 6), Bricks(values=values, table=table, box=box, refine=refine), 0.03, *limits


def test_march_bricks_is_front_to_back_compositing() -> None:
    rng = torch.Generator().manual_seed(6)
    occupied = torch.rand(12, 18, 10, generator=rng) < 0.3
    arguments = _march(rng, occupied, (1, 2, 1), (0.02, 0.3))
    origins, directions, near, far, _, bricks, step, min_weight, min_transmittance = arguments
    box, refine = bricks.box, bricks.refine
    marched = kernels.march_bricks(*arguments)
    shape = torch.tensor(occupied.shape)
    expected, stopped = [], 0
    for r in range(len(origins)):
        passed, looked = 1.0, 0
        for k in range(200 if far[r] > near[r] else 0):
            depth = (k + 0.5) * step
            relative = (origins[r] + depth * directions[r] - box[0]) / (box[1] - box[0])
            if not (0.0 <= float(relative.min()) and float(relative.max()) < 1.0) or not bool(occupied[tuple((relative * shape).long().tolist())]):
                continue
            if passed <= min_transmittance:
                stopped += 1
                break
            looked += 1
            raw = _brute_brick_logit(bricks.values, bricks.table, refine, (relative * shape * torch.tensor(refine)).tolist())
            through = math.exp(-math.exp(raw - 1.0) * step * float(directions[r].norm()))
            if passed * (1.0 - through) >= min_weight:
                expected.append((r, k, passed * (1.0 - through)))
            passed *= through
        assert int(marched.evaluated[r]) == looked
        assert abs(float(marched.transmittance[r]) - passed) < 1e-4  # of some twenty interpolated logits in float32
    assert [(int(r), round(float(d) / step - 0.5)) for r, d in zip(marched.ray, marched.depth, strict=True)] == [(r, k) for r, k, _ in expected]
    assert torch.allclose(marched.weight, torch.tensor([weight for _, _, weight in expected]), atol=1e-4)
    assert stopped > 5 and len(expected) > 50
