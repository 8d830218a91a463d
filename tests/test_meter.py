"""What the window measures of itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from desk import Desk
from displayed import displayed
from driver import Driver
from stand_in import stand_in_scene

from im4d_core.config import FastConfig, SamplingConfig
from viewer.asking import Asking
from viewer.events import SceneOpened
from viewer.memory_use import MemoryUse
from viewer.messages import Facts
from viewer.meter import Meter, Rate
from viewer.rectangle import Rectangle
from viewer.reduce import reduce
from viewer.request import render_request
from viewer.state import Picture, ViewerState
from viewer.stats import Cached
from viewer.worker import RenderWorker


@pytest.mark.parametrize("fps", [8, 30, 60])
def test_a_rate_is_that_of_the_last_second(fps: int) -> None:
    rate = Rate()
    for i in range(10 * fps):
        rate.count(100.0 + i / fps)
    assert rate.per_s(110.0 - 1.0 / fps) == pytest.approx(fps, abs=1.0)  # one more or less at the border of the second


def test_a_rest_does_not_count() -> None:
    """The mean over the last frames, as it was, told 6 fps after a rest of ten seconds although the window drew 60."""
    rate = Rate()
    for i in range(30):
        rate.count(100.0 + i / 60)
    for i in range(40):
        rate.count(110.0 + i / 60)
    assert rate.per_s(110.0 + 39 / 60) == 40.0


def test_at_rest_there_is_no_rate() -> None:
    rate = Rate()
    for i in range(20):
        rate.count(100.0 + 0.5 * i)
    assert rate.per_s(109.5) == 0.0
    assert rate.per_s(200.0) == 0.0


def test_what_is_cached_of_a_frame_is_told_whether_it_has_an_occupancy_or_not(desk: Desk) -> None:
    meter, scene = Meter(), desk.renderer.scene
    first = (True, False, False, False, False, False, False, False)
    meter.facts = Facts(
        device="cpu",
        model="",
        memory=(),
        in_use=MemoryUse(),
        occupied=first[::-1],
        decoded=(True, True, *first[2:]),
        ready=first,
        sampling=SamplingConfig(),
        fast=FastConfig(),
    )
    area = Rectangle(x=0.0, y=0.0, width=40.0, height=30.0, scale=1.0, density=1.0, window_height=30.0)
    stats = meter.stats(desk.worker, area, None, scene, 100.0)
    assert stats.cache == (Cached.DEVICE, Cached.HOST, *[Cached.DISK] * 6)
    assert (stats.occupied, stats.occupancy) == (first[::-1], "partial")


def test_the_first_picture_of_a_view_ends_its_latency_and_not_the_last() -> None:
    desk_scene, meter = stand_in_scene(), Meter()
    state = reduce(ViewerState(), SceneOpened(scene=desk_scene, source=Path("run")))
    request = render_request(state, 64, 48)
    assert request is not None
    draft = replace(displayed(request, np.zeros((48, 64), np.float32)), asked_s=100.0, final=False)
    told = []
    for picture, seen_s in ((draft, 100.05), (draft, 107.0), (replace(draft, final=True), 165.0), (replace(draft, asked_s=170.0), 170.02)):
        meter.showed(picture, seen_s)
        meter.swapped(seen_s)
        told.append(meter.latency_ms)
    assert told == pytest.approx([50.0, 50.0, 50.0, 20.0])


def test_a_view_that_came_to_rest_follows_from_the_inputs_before() -> None:
    """Its picture at rest is no answer to anything that was done just then."""
    asked: list[tuple[bool, float]] = []
    worker = cast(RenderWorker, SimpleNamespace(submit=lambda request, asked_s, coming: asked.append((request.moving, asked_s))))
    state = reduce(ViewerState(picture=Picture(mode="auto")), SceneOpened(scene=stand_in_scene(), source=Path("run")))
    asking = Asking()
    asking.ask(worker, replace(state, moved_s=state.now_s), 64, 48, None, 1.0)
    resting = replace(state, now_s=state.now_s + 1.0)
    asking.ask(worker, resting, 64, 48, None, 2.0)
    asking.ask(worker, replace(resting, picture=Picture(mode="fast")), 64, 48, None, 3.0)
    assert asked == [(True, 1.0), (False, 1.0), (False, 3.0)]


def test_latency_ends_when_the_picture_is_seen(drive: Callable[..., Driver]) -> None:
    """Not when it is made: what the window's own frame takes, the upload and the swap, comes after that."""
    slow_s = 0.15

    def script(d: Driver) -> None:
        draw = d.session.window.draw

        def slowly() -> None:
            draw()
            time.sleep(slow_s)  # a display that makes the window wait

        d.until(lambda: d.shown.final and not d.session.busy)
        d.session.window.draw = slowly
        before = d.shown
        d.drag_picture(40.0, 0.0)
        d.until(lambda: d.shown is not before and d.shown.final and not d.session.busy)
        d.ctx.yield_(2)
        told_ms, shown = d.session._stats.latency_ms, d.shown
        d.session.window.draw = draw
        assert told_ms >= shown.latency_ms + 1e3 * slow_s
        assert told_ms < 1e3 * (time.monotonic() - shown.asked_s)
        d.ctx.yield_(5)
        assert d.session._stats.latency_ms == told_ms, "frames that show no new picture say nothing about it"

    drive().run(script)
