"""Occupancy grids: what is occupied, and what stands on disk."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from analytic import BOX, Ball

from im4d_core.config import OccupancyConfig
from im4d_core.render.occupancy import Occupancy, OccupancyFile, bake_frame, grid_shape, unpacked, write_occupancy

CPU = torch.device("cpu")


def test_a_released_grid_probes_27_points_a_cell() -> None:
    config = OccupancyConfig(resolution=(4, 5, 6), samples=3, raw_logit=5.0, dilation=0)
    grid = bake_frame(Ball(), 0.5, BOX, config, CPU, chunk=50)
    size = (BOX[1] - BOX[0]) / np.array([4, 5, 6])
    for cell in np.ndindex(4, 5, 6):
        offsets = np.stack(np.meshgrid(*[np.linspace(0, s, 3) for s in size], indexing="ij"), -1).reshape(-1, 3)
        points = torch.tensor(BOX[0] + np.array(cell) * size + offsets, dtype=torch.float32)
        expected = bool((Ball().logit(points[None], torch.tensor([0.5])) > 5.0).any())
        assert bool(grid.occupied[cell]) == expected


def test_the_threshold_is_an_opacity_over_a_cell() -> None:
    method = Ball()
    grid = bake_frame(method, 0.0, BOX, OccupancyConfig(resolution=(30,), min_alpha=0.5, dilation=0), CPU)
    cell = 1.2 / 30
    corner_density = method.density(
        torch.tensor(BOX[0], dtype=torch.float32) + torch.stack(torch.meshgrid(*[torch.arange(31.0)] * 3, indexing="ij"), -1).reshape(1, -1, 3) * cell,
        torch.zeros(1),
    ).reshape(31, 31, 31)
    opaque = 1 - torch.exp(-corner_density * cell) > 0.5
    for cell_index in ((15, 15, 15), (0, 0, 0), (15, 15, 5), (15, 15, 4), (15, 15, 26)):
        x, y, z = cell_index
        if opaque[x : x + 2, y : y + 2, z : z + 2].any():
            assert grid.occupied[cell_index]


def test_a_lower_threshold_or_dilation_never_loses_a_cell() -> None:
    config = OccupancyConfig(resolution=(24,), min_alpha=0.2, dilation=0)
    base = bake_frame(Ball(), 0.0, BOX, config, CPU).occupied
    for other in (replace(config, min_alpha=0.01), replace(config, dilation=1)):
        grown = bake_frame(Ball(), 0.0, BOX, other, CPU).occupied
        assert (grown | ~base).all() and grown.sum() > base.sum()


def test_cells_are_nearly_cubes() -> None:
    assert grid_shape(np.array([[0.0, 0, 0], [1.0, 0.5, 2.0]]), OccupancyConfig(resolution=(200,))) == (100, 50, 200)
    with pytest.raises(ValueError, match="one number"):
        grid_shape(BOX, OccupancyConfig(resolution=(1, 2)))


def test_too_few_probes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        bake_frame(Ball(), 0.0, BOX, OccupancyConfig(samples=1), CPU)


def _grids(count: int) -> list[tuple[int, Occupancy]]:
    return [(10 + i, Occupancy(occupied=torch.rand(5, 6, 7) < 0.3, box=torch.tensor(BOX, dtype=torch.float32) + i)) for i in range(count)]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    grids = _grids(3)
    assert write_occupancy(tmp_path / "occupancy.npz", "abc", grids, 3)
    file = OccupancyFile(tmp_path / "occupancy.npz", "abc")
    assert file.frames == (10, 11, 12)
    for frame, grid in grids:
        loaded = file.load(frame, CPU)
        assert torch.equal(loaded.occupied, grid.occupied) and torch.equal(loaded.box, grid.box)
    with pytest.raises(ValueError, match="frame 5 is not baked"):
        file.load(5, CPU)


@pytest.mark.gpu
def test_a_gpu_takes_bits_apart_as_numpy_does() -> None:
    bits = np.random.default_rng(3).random(1003) < 0.4  # no multiple of eight
    found = unpacked(np.packbits(bits), len(bits), torch.device("cuda"))
    assert found.dtype == torch.bool and np.array_equal(found.cpu().numpy(), bits)


def test_cancelling_leaves_what_stood_there(tmp_path: Path) -> None:
    path = tmp_path / "occupancy.npz"
    write_occupancy(path, "old", _grids(1), 1)
    assert not write_occupancy(path, "new", _grids(3), 3, lambda done, _count: done < 2)
    assert OccupancyFile(path, "old").frames == (10,)
    assert [p.name for p in tmp_path.iterdir()] == ["occupancy.npz"]


def test_grids_of_another_model_are_refused(tmp_path: Path) -> None:
    write_occupancy(tmp_path / "occupancy.npz", "abc", _grids(1), 1)
    with pytest.raises(ValueError, match=r"baked from another model \(abc, the weights here are xyz\).*cache"):
        OccupancyFile(tmp_path / "occupancy.npz", "xyz")


def test_missing_and_damaged_files_say_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "occupancy.npz"
    with pytest.raises(FileNotFoundError, match=r"no occupancy was baked; run `python -m im4d_core cache"):
        OccupancyFile(path, "abc")
    path.write_bytes(b"not a zip")
    with pytest.raises(ValueError, match="not an occupancy file"):
        OccupancyFile(path, "abc")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("index.json", "{}")
    with pytest.raises(ValueError, match="expected im4d-occupancy version 1, found None"):
        OccupancyFile(path, "abc")
