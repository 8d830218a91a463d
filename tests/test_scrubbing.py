"""Scrubbing with a slow renderer: the newest frame wins, the last good picture stays, and what is let go of is shown in the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from driver import Driver
from stand_in import StandIn


@pytest.fixture
def drive(display: str, tmp_path: Path) -> Callable[..., Driver]:
    def make(**options: Any) -> Driver:
        return Driver(tmp_path, **options)

    return make


def test_a_drag_over_all_frames_renders_few_of_them_and_never_shows_nothing(drive: Callable[..., Driver]) -> None:
    renderer = StandIn(delay_s=4.0)  # fast pictures take 0.4 s

    def script(d: Driver) -> None:
        place = d.ctx.item_info("//**/##scene_time").rect_full
        pitch = (place.max.x - place.min.x) / 8
        y = place.min.y + 12.0
        d.until(lambda: d.shown.final and not d.session.busy)
        before = len(renderer.rendered)
        d.ctx.mouse_move_to_pos((place.min.x + 0.5 * pitch, y))
        d.ctx.mouse_down(0)
        d.ctx.yield_()
        asked = set()
        for step in (*range(8), *range(6, -1, -1), *range(1, 7)):  # there, back, and there again
            d.ctx.mouse_move_to_pos((place.min.x + (step + 0.5) * pitch, y))
            d.ctx.yield_()
            asked.add(d.state.frame)
            assert d.session.shown is not None
        d.ctx.mouse_up(0)
        assert asked == set(range(10, 18))
        d.until(lambda: d.shown.request.frame == 16 and d.shown.final)
        frames = [frame for frame, *_ in renderer.rendered[before:]]
        assert frames[-1] == 16
        assert len(frames) < 15, "frames that the playhead only passed must not pile up"
        assert d.state.displayed_frame == 16

    drive(renderer=renderer).run(script)
