"""The fast renderer against the full one, and its own short cuts against doing without them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from analytic import BOX, Ball, camera, no_context

from im4d_core.config import FastConfig, OccupancyConfig, SamplingConfig
from im4d_core.render import fast, full
from im4d_core.render.bricks import bake_bricks
from im4d_core.render.occupancy import bake_frame
from im4d_core.render.rays import all_pixels, camera_rays

EXACT = replace(FastConfig(), steps=600, min_weight=0.0, min_transmittance=0.0)
GRID = OccupancyConfig(resolution=(48,))


def _setup(method: Ball, size: int = 24):
    seen = camera(size)
    rays = camera_rays([seen], all_pixels(seen, torch.device("cpu"))[None], BOX[None], [0.0], pixel_offset=0.5, slab=False)
    return rays, bake_frame(method, 0.0, BOX, GRID, torch.device("cpu"))


def _psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10 * torch.log10((a - b).square().mean()))


def test_fast_is_full_within_a_bound() -> None:
    rays, grid = _setup(Ball())
    exact = full.trace(Ball(), rays, no_context(), replace(SamplingConfig(), fine_samples=256), background=torch.zeros(3)).traced
    quick = fast.trace(Ball(), rays, no_context(), grid, EXACT, background=torch.zeros(3))
    assert _psnr(quick.rgb, exact.rgb) > 40  # both integrate a 0.01 rim at finite steps; measured 45
    both = (quick.opacity > 0.9) & (exact.opacity > 0.9)
    assert (quick.depth - exact.depth)[both].abs().max() < 0.01


def test_stopping_early_changes_less_than_what_is_left() -> None:
    rays, grid = _setup(Ball())
    whole = fast.trace(Ball(), rays, no_context(), grid, EXACT, background=torch.zeros(3))
    method = Ball()
    stopped = fast.trace(method, rays, no_context(), grid, replace(EXACT, min_transmittance=0.01), background=torch.zeros(3))
    assert (whole.rgb - stopped.rgb).abs().max() <= 0.01 + 1e-5  # at most the transmittance at which rays stop
    assert int(stopped.samples.sum()) < 0.8 * int(whole.samples.sum())
    assert method.asked == int(stopped.samples.sum())


def test_leaving_out_light_samples_is_bounded_and_renormalised() -> None:
    rays, grid = _setup(Ball())
    whole = fast.trace(Ball(), rays, no_context(), grid, EXACT, background=torch.zeros(3))
    kept = fast.trace(Ball(), rays, no_context(), grid, replace(EXACT, min_weight=0.01), background=torch.zeros(3))
    released = fast.trace(Ball(), rays, no_context(), grid, replace(EXACT, min_weight=0.01, renormalise=False), background=torch.zeros(3))
    solid = whole.opacity > 0.99
    assert torch.allclose(kept.opacity[solid], whole.opacity[solid], atol=1e-5)
    assert _psnr(kept.rgb, whole.rgb) > _psnr(released.rgb, whole.rgb)
    assert (released.opacity <= whole.opacity + 1e-5).all()


def test_baked_density_looks_like_the_field() -> None:
    rays, grid = _setup(Ball())
    direct = fast.trace(Ball(), rays, no_context(), grid, EXACT, background=torch.zeros(3))
    close = []
    for refine in (1, 2, 4):
        bricks = bake_bricks(Ball(), 0.0, grid, (refine, refine, refine), 1 << 16)
        baked = fast.trace(Ball(), rays, no_context(), grid, EXACT, background=torch.zeros(3), bricks=bricks)
        close.append(_psnr(baked.rgb, direct.rgb))
    assert close[0] > 28  # cells of 0.025 on a rim of 0.01; measured 32
    assert close[0] < close[1] < close[2]  # a finer grid is closer


def test_nothing_occupied_is_background() -> None:
    rays, grid = _setup(Ball())
    empty = replace(grid, occupied=torch.zeros_like(grid.occupied))
    traced = fast.trace(Ball(), rays, no_context(), empty, FastConfig(), background=torch.tensor([0.2, 0.4, 0.6]))
    assert torch.allclose(traced.rgb, torch.tensor([0.2, 0.4, 0.6]).expand_as(traced.rgb))
    assert int(traced.samples.sum()) == 0 and float(traced.opacity.max()) == 0.0


@pytest.mark.parametrize("chunk", [7, 1 << 18])
def test_chunks_change_nothing(chunk: int) -> None:
    rays, grid = _setup(Ball(), 10)
    reference = fast.trace(Ball(), rays, no_context(), grid, FastConfig(), background=torch.zeros(3))
    traced = fast.trace(Ball(), rays, no_context(), grid, replace(FastConfig(), chunk=chunk), background=torch.zeros(3))
    assert torch.allclose(traced.rgb, reference.rgb, atol=1e-6)


def test_samples_say_where_the_work_is() -> None:
    rays, grid = _setup(Ball())
    traced = fast.trace(Ball(), rays, no_context(), grid, EXACT, background=torch.zeros(3))
    assert (traced.samples[traced.opacity == 0] <= np.ceil(600)).all()
    assert (traced.samples[traced.opacity > 0.9] > 0).all()
