"""Live quality: what replaces the run's settings, what is refused, where the passes of a still picture look."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from stand_in import StandIn, as_renderer

from im4d_core.config import FastConfig, SamplingConfig
from im4d_core.geometry import look_at, project, resized
from im4d_core.quality import PASSES, Quality, jitter, shifted
from viewer import events as e
from viewer.reduce import reduce
from viewer.renders import Canvas, Renders
from viewer.request import RenderRequest
from viewer.state import ViewerState


def test_what_is_not_set_is_the_run_s() -> None:
    sampling, fast = SamplingConfig(proposal_samples=40, chunk=999, slab=True), FastConfig(steps=77, density="baked")
    assert Quality().sampling(sampling) == sampling
    assert Quality().fast(fast) == fast
    changed = Quality(fine_samples=5, min_transmittance=0.0)
    assert (changed.sampling(sampling).fine_samples, changed.sampling(sampling).slab) == (5, True)
    assert (changed.fast(fast).min_transmittance, changed.fast(fast).steps) == (0.0, 77)


@pytest.mark.parametrize(
    "wild", [Quality(proposal_samples=-3, fine_samples=10**9), Quality(steps=0, chunk=1), Quality(min_weight=math.nan, min_transmittance=9.0, passes=10**6)]
)
def test_whatever_is_sent_the_renderers_can_do(wild: Quality) -> None:
    quality = reduce(ViewerState(), e.SetQuality(quality=wild)).picture.quality
    sampling, fast = quality.sampling(SamplingConfig()), quality.fast(FastConfig())
    assert 4 <= sampling.proposal_samples <= 512 and 2 <= sampling.fine_samples <= 512 and 64 <= sampling.chunk
    assert 8 <= fast.steps <= 4096 and 0.0 <= fast.min_weight <= 0.5 and 0.0 <= fast.min_transmittance <= 0.5
    assert 1 <= quality.passes <= PASSES[-1]


def test_the_automatic_scale_learns_anew_when_quality_changes() -> None:
    state = ViewerState()
    assert reduce(state, e.SetQuality(quality=Quality(steps=64))).picture.recent_ms == ()


def test_passes_look_all_over_the_pixel() -> None:
    places = np.array([jitter(i) for i in range(PASSES[-1])])
    assert places[0].tolist() == [0.0, 0.0], "the first pass is the picture itself"
    assert np.abs(places).max() < 0.5
    assert np.abs(places.mean(axis=0)).max() < 0.05  # the mean picture is not shifted by more than a twentieth of a pixel
    assert len({(x > 0, y > 0) for x, y in places[1:5]}) >= 3  # few passes reach most quarters of the pixel already


def request(width: int = 40, **changes) -> RenderRequest:
    camera = resized(StandIn().scene.cameras[0], width, width * 3 // 4)
    return RenderRequest(camera=camera, frame=10, mode="fast", output="colour", background=(0.0, 0.0, 0.0), moving=False, scale=1.0, **changes)


def test_a_pass_looks_where_its_shift_says() -> None:
    camera = request().camera
    point = np.array([[0.2, -0.3, 0.4]])
    (before,), _ = project(camera, point)
    (after,), _ = project(shifted(camera, 3), point)
    np.testing.assert_allclose(before - after, jitter(3), atol=1e-12)  # pixel centres move by the shift, so the point moves against it


def test_source_views_stay_with_a_steady_request_only() -> None:
    """Half-way between cameras 1 and 2 of the ring, the farthest of the others changes: the one that is left out."""
    stand_in = StandIn()

    def views(renders: Renders, turn_deg: float, steady: bool) -> set[int]:
        angle = np.radians(turn_deg)
        T = look_at(np.array([3.2 * np.cos(angle), 3.2 * np.sin(angle), 1.2]), np.zeros(3), np.array([0.0, 0.0, 1.0]))
        renders.render(request_at(replace(stand_in.scene.cameras[1], T_camera_world=T), steady), lambda _: True)
        assert stand_in.asked is not None and stand_in.asked[1] is not None
        return set(stand_in.asked[1])

    renders = Renders(as_renderer(stand_in))
    before = views(renders, 88.0, False)
    assert views(renders, 92.0, True) == before
    assert views(renders, 92.0, False) != before, "what came before does not matter"


def request_at(camera, steady: bool) -> RenderRequest:
    return RenderRequest(camera=camera, frame=10, mode="fast", output="colour", background=(0.0, 0.0, 0.0), moving=False, scale=1.0, steady=steady)


def test_few_complete_pictures_are_kept() -> None:
    renders = Renders(as_renderer(StandIn()))
    made = renders.render(request(), lambda _: True)
    assert made is not None
    for width in (40, 41, 42, 43):
        renders.keep(request(width), made)
    assert renders.kept(request(40)) is None
    assert renders.kept(request(43)) is made
    renders.forget()
    assert renders.kept(request(43)) is None


def test_an_unfinished_picture_lies_over_a_smaller_draft() -> None:
    renders = Renders(as_renderer(StandIn()))
    draft, picture = renders.render(request(40), lambda _: True), renders.render(request(80), lambda _: True)
    assert draft is not None and picture is not None
    canvas = Canvas(draft)
    canvas.shown(picture, 80 * 10)
    both = canvas.shown(picture, 80 * 30)
    assert both.rgb.shape == picture.rgb.shape and both.samples.dtype == picture.samples.dtype
    assert torch.equal(both.rgb[:30], picture.rgb[:30]) and torch.equal(both.depth[:30], picture.depth[:30])
    assert torch.equal(both.depth[30::2, ::2], draft.depth[15:])  # whole depths of the draft, none between two of them
    assert (both.rgb[30:] - picture.rgb[30:]).abs().mean() < 0.02  # the draft shows the same scene, softer
    assert canvas.shown(picture, 80 * 60).rgb.equal(picture.rgb)
    assert draft.rgb.shape == (30, 40, 3), "the draft itself stays"
