"""nerfacc as the marcher: our side of it. Its kernels need a GPU and a compiler, so the library itself is stood in for by our twins of what it computes."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from untrained import write_untrained_run

from benchmarks import nerfacc_marcher
from im4d_core.geometry import resized
from im4d_core.kernels import distance_grid, lattice_samples, packed_weights
from im4d_core.opened_run import open_run
from im4d_core.render.rays import box_crossing


class Grid:
    """What is used of nerfacc's OccGridEstimator."""

    def __init__(self, roi_aabb: torch.Tensor, resolution: torch.Tensor) -> None:
        self.box = roi_aabb.reshape(2, 3)
        self.binaries = torch.zeros(1, *resolution.tolist(), dtype=torch.bool)

    def to(self, device: torch.device) -> Grid:
        return self

    def sampling(self, origins: torch.Tensor, directions: torch.Tensor, *, render_step_size: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        near, far = box_crossing(origins[None], directions[None], self.box[None])
        distance = distance_grid(self.binaries[0], 16)
        ray, depth = lattice_samples(origins, directions, near[0], far[0], distance, self.box, render_step_size)
        return ray.int(), depth - 0.5 * render_step_size, depth + 0.5 * render_step_size


def _weights(starts: torch.Tensor, ends: torch.Tensor, density: torch.Tensor, *, ray_indices: torch.Tensor, n_rays: int) -> tuple[torch.Tensor, ...]:
    count = torch.bincount(ray_indices, minlength=n_rays)
    depth = density * (ends - starts)
    weights, _ = packed_weights(depth, ray_indices, torch.cumsum(count, 0) - count, torch.ones(n_rays))
    alpha = -torch.expm1(-depth)
    return weights, weights / alpha.clamp(min=1e-12), alpha


def _accumulate(weights: torch.Tensor, values: torch.Tensor | None = None, *, ray_indices: torch.Tensor, n_rays: int) -> torch.Tensor:
    values = torch.ones(len(weights), 1) if values is None else values
    return torch.zeros(n_rays, values.shape[1]).index_add_(0, ray_indices, weights[:, None] * values)


@pytest.mark.parametrize("renormalise", [True, False])
def test_its_picture_is_that_of_the_exact_renderer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, renormalise: bool) -> None:
    stand_in: Any = SimpleNamespace(OccGridEstimator=Grid, render_weight_from_density=_weights, accumulate_along_rays=_accumulate)
    monkeypatch.setitem(sys.modules, "nerfacc", stand_in)
    renderer = open_run(write_untrained_run(tmp_path), device="cpu")
    try:
        renderer.config = replace(renderer.config, fast=replace(renderer.config.fast, steps=64, min_weight=0.002, renormalise=renormalise))
        renderer.bake_occupancy()
        camera, frame = resized(renderer.scene.cameras[5], 24, 18), 1
        exact = renderer.render(camera, frame, "exact")
        assert exact is not None and float(exact.opacity.max()) > 0.3
        background, method = torch.zeros(3), renderer.config.method
        with torch.inference_mode():
            marcher = nerfacc_marcher.NerfaccMarcher(
                renderer.method, renderer.occupancy(frame), method.times.time(frame), renderer.config.fast, background, method.pixel_offset
            )
            found = marcher.render(camera, renderer.context(frame, exact.source_views))
        torch.testing.assert_close(found, exact.rgb, atol=1e-5, rtol=0.0)  # sums in another order; no ray is opaque, so none ends earlier here or there
    finally:
        renderer.close()


@pytest.mark.skipif(importlib.util.find_spec("nerfacc") is not None, reason="nerfacc is installed here")
def test_where_it_is_not_installed_the_reason_is_given() -> None:
    nerfacc_marcher.problem.cache_clear()
    assert "No module named 'nerfacc'" in str(nerfacc_marcher.problem(torch.device("cpu")))


def test_a_compiler_that_fails_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise OSError("CUDA_HOME environment variable is not set.\nPlease set it")

    monkeypatch.setitem(sys.modules, "nerfacc", SimpleNamespace(OccGridEstimator=failing))  # pyright: ignore[reportArgumentType]
    nerfacc_marcher.problem.cache_clear()
    assert nerfacc_marcher.problem(torch.device("cuda")) == "nerfacc's kernels cannot be compiled: CUDA_HOME environment variable is not set."
    nerfacc_marcher.problem.cache_clear()
