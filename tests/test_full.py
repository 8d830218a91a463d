"""The full renderer: sampling oracles, and a ball with a known picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from analytic import BOX, Ball, camera, no_context

from im4d_core.config import SamplingConfig
from im4d_core.render.full import anneal_exponent, resampled_edges, trace, uniform_edges
from im4d_core.render.rays import all_pixels, camera_rays

RELEASED = SamplingConfig(slab=True, one_sided=True)
BLACK = torch.zeros(3)


def _rays(size: int = 32, *, slab: bool = False):
    seen = camera(size)
    return seen, camera_rays([seen], all_pixels(seen, torch.device("cpu"))[None], BOX[None], [0.0], pixel_offset=0.5, slab=slab)


def test_released_resampling_of_a_flat_histogram() -> None:
    edges = torch.linspace(0, 1, 65).expand(1, 1, 65)
    found = resampled_edges(edges, torch.full((1, 1, 64), 1 / 64), RELEASED, jitter=False, anneal=1.0)[0, 0]
    assert torch.allclose(found, torch.arange(33) / 33, atol=1e-5)  # k / 33: the last thirty-third is never covered


def test_released_resampling_of_two_peaks() -> None:
    weights = torch.zeros(1, 1, 64)
    weights[..., 30:32] = 0.5
    found = resampled_edges(torch.linspace(0, 1, 65).expand(1, 1, 65), weights, RELEASED, jitter=False, anneal=1.0)[0, 0]
    spread = torch.diff(found)
    assert torch.allclose(spread[:5], torch.full((5,), 0.0777), atol=1e-3)  # the specification gives three digits
    assert int(((found >= 0.466) & (found <= 0.5)).sum()) == 20
    assert abs(float(found[-1]) - 0.922) < 1e-3


def test_our_resampling_is_centred() -> None:
    edges = torch.linspace(0, 1, 65).expand(1, 1, 65)
    found = resampled_edges(edges, torch.full((1, 1, 64), 1 / 64), SamplingConfig(), jitter=False, anneal=1.0)[0, 0]
    assert torch.allclose(found + found.flip(0), torch.ones(33), atol=1e-5)


def test_jittered_edges_stay_sorted_and_centred_on_the_plain_ones() -> None:
    shape = torch.Size((1, 4000))
    plain, jittered = (uniform_edges(shape, SamplingConfig(), jitter, torch.device("cpu")) for jitter in (False, True))
    assert (jittered.diff(dim=-1) >= 0).all()
    assert jittered.min() >= 0 and jittered.max() <= 1
    # mean of 4000 uniform numbers of width 1/64: standard error 7e-5
    assert (jittered.mean(dim=1) - plain[:, 0])[0, 1:-1].abs().max() < 5e-4
    released = uniform_edges(shape, RELEASED, True, torch.device("cpu"))
    assert abs(float((released - plain).mean()) - 0.5 / 64) < 5e-4


def test_resampling_follows_the_histogram() -> None:
    weights = torch.rand(1, 3, 64)
    config = replace(SamplingConfig(), padding=0.0, fine_samples=4000)
    edges = torch.linspace(0, 1, 65).expand(1, 3, 65)
    found = resampled_edges(edges, weights, config, jitter=False, anneal=1.0)
    for ray in range(3):
        counts = torch.histc(found[0, ray], bins=64, min=0, max=1) / 4001
        assert torch.allclose(counts, weights[0, ray] / weights[0, ray].sum(), atol=1e-3)  # one sample of 4000 to each side


def test_annealing_flattens_early_and_ends_at_one() -> None:
    config = SamplingConfig()
    exponents = [anneal_exponent(step, config) for step in (0, 100, 500, 1000, 5000)]
    assert exponents == sorted(exponents)
    assert exponents[0] == 0.0 and exponents[-1] == exponents[-2] == 1.0
    weights = torch.zeros(1, 1, 64)
    weights[..., 5] = 1.0
    found = resampled_edges(torch.linspace(0, 1, 65).expand(1, 1, 65), weights, config, jitter=False, anneal=0.0)[0, 0]
    assert torch.allclose(found.diff(), found.diff().mean().expand(32), atol=1e-4)


def test_a_ball_is_seen_where_it_is() -> None:
    seen, rays = _rays()
    traced = trace(Ball(), rays, no_context(), replace(SamplingConfig(), fine_samples=128), background=torch.ones(3)).traced
    distance = np.linalg.norm(seen.centre)
    along = rays.directions[0] / rays.directions[0].norm(dim=-1, keepdim=True)
    closest = (rays.origins[0] - (rays.origins[0] * along).sum(-1, keepdim=True) * along).norm(dim=-1)
    assert (traced.opacity[0][closest < 0.35] > 0.99).all()
    assert (traced.opacity[0][closest > 0.48] < 0.02).all()
    middle = 16 * 32 + 16
    assert abs(float(traced.depth[0, middle]) - (distance - 0.4)) < 0.04  # a rim of 0.01 and a mean free path of e^-5 = 0.007 behind it
    surface = rays.origins[0, middle] + traced.depth[0, middle] * rays.directions[0, middle]
    assert torch.allclose(traced.rgb[0, middle], surface * 0.5 + 0.5, atol=0.02)
    assert torch.allclose(traced.rgb[0][traced.opacity[0] < 1e-6], torch.ones(3))


def test_the_background_shows_through_by_what_is_left() -> None:
    _, rays = _rays(8)
    thin = Ball(peak=1.0)
    black = trace(thin, rays, no_context(), SamplingConfig(), background=BLACK).traced
    white = trace(thin, rays, no_context(), SamplingConfig(), background=torch.ones(3)).traced
    assert torch.allclose(white.rgb - black.rgb, (1 - black.opacity).unsqueeze(-1).expand_as(black.rgb), atol=1e-5)


def test_near_and_far_cover_the_box_by_slab_and_by_crossing() -> None:
    _, crossing = _rays()
    _, slab = _rays(slab=True)
    hit = crossing.far > crossing.near
    assert hit.any() and not hit.all()
    assert (slab.near <= crossing.near)[hit].all() and (slab.far >= crossing.far)[hit].all()
    assert slab.near.unique().numel() == 1
    entry = crossing.origins + crossing.near.unsqueeze(-1) * crossing.directions
    assert (entry[hit].abs().amax(dim=-1) - 0.6).abs().max() < 1e-5  # on the box's surface
