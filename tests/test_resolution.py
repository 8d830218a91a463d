"""The automatic scale meets its rate, settles, and has limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from states import after
from uneven_scene import opened

from viewer import events as e
from viewer import resolution
from viewer.request import render_request
from viewer.resolution import SettledSize
from viewer.state import Picture


def simulate(ms_at_full: float, overhead_ms: float = 2.0, target_fps: float = 20.0, n: int = 60) -> list[float]:
    """Scales chosen while a renderer whose time goes with its pixels draws n pictures."""
    state = opened()
    state = replace(state, picture=Picture(target_fps=target_fps))
    rng, scales = np.random.default_rng(0), []
    for _ in range(n):
        state = after(state, e.Scrolled(action="dolly", steps=0.01))
        request = render_request(state, 1000, 1000)
        assert request is not None
        time_ms = (overhead_ms + ms_at_full * request.scale**2) * float(rng.uniform(0.93, 1.07))
        state = after(state, e.RenderFinished(request=request, render_ms=time_ms))
        scales.append(state.picture.scale)
    return scales


@pytest.mark.parametrize("ms_at_full", [1.0, 45.0, 60.0, 100.0, 300.0, 1000.0])
def test_the_scale_converges_and_does_not_oscillate(ms_at_full: float) -> None:
    scales = simulate(ms_at_full)
    assert len(set(scales[-30:])) == 1
    time_ms = 2.0 + ms_at_full * scales[-1] ** 2
    wanted_ms = 50.0
    # the hysteresis of 1.2 in scale is 1.44 in time
    assert time_ms <= wanted_ms * 1.5
    assert scales[-1] == 1.0 or time_ms >= wanted_ms / 1.6


def test_the_scale_has_limits_and_ignores_what_does_not_count() -> None:
    assert simulate(1e7)[-1] == 0.2
    state = after(opened(), e.Scrolled(action="dolly", steps=0.01))
    request = render_request(state, 1000, 1000)
    assert request is not None
    for _ in range(9):
        assert after(state, e.RenderFinished(request=request, render_ms=1e4, steady=False)).picture == state.picture
        assert after(state, e.RenderFinished(request=request, render_ms=0.0)).picture == state.picture
    manual = after(state, e.SetScale(scale=0.4))
    assert resolution.rescaled(manual.picture, request, 1e4, True) is manual.picture
    assert after(manual, e.SetScale(scale=None)).picture.automatic_scale
    assert after(state, e.Scrolled(action="scale", steps=-1.0)).picture.scale == pytest.approx(1 / 1.1)
    assert after(state, e.SetScale(scale=99.0)).picture.scale == 1.0


def test_a_size_counts_as_soon_as_it_rests() -> None:
    settled, dt_s = SettledSize(), resolution.CALM_S / 4

    def follow(width: int, now_s: float, *, shown: bool = True) -> int:
        return settled.follow((width, 600), now_s, shown=shown)[0]

    assert [follow(width, 10.0, shown=False) for width in (900, 800)] == [900, 800], "there is nothing to stretch"
    assert not settled.waits
    for i in range(1, 20):
        assert follow(800 + i, 11.0 + i * dt_s) == 800 and settled.waits
    assert follow(819, 11.0 + 22 * dt_s) == 800
    assert follow(819, 11.0 + 23.1 * dt_s) == 819 and not settled.waits
    assert follow(500, 20.0) == 819
    assert follow(819, 20.0 + dt_s) == 819 and not settled.waits, "there and back is no change"
