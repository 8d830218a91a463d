"""What the user may prefer about mouse and keys: where the wheel moves to, and whether keys that move change to fly. Chosen and tried in the real window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from driver import Driver, pose
from states import after, opened

from viewer import events as e
from viewer.controls import centre_of
from viewer.preferences import Preferences


def _towards(before: np.ndarray, now: np.ndarray, point: tuple[float, float, float]) -> float:
    """Cosine between the way the camera went and the way to a point."""
    way, wanted = centre_of(now) - centre_of(before), np.array(point) - centre_of(before)
    return float(way @ wanted / (np.linalg.norm(way) * np.linalg.norm(wanted)))


def test_the_wheel_moves_to_the_mouse_or_to_the_pivot(drive: Callable[..., Driver]) -> None:
    def script(d: Driver) -> None:
        d.click("Display")
        x, y, width, height = d.area
        ways = []
        for to_mouse in (True, False):
            assert d.state.preferences.wheel_to_mouse == to_mouse
            before = pose(d)
            d.ctx.mouse_move_to_pos((x + 0.1 * width, y + 0.15 * height))
            d.ctx.mouse_wheel_y(2.0)
            d.ctx.yield_(3)
            ways.append(_towards(before, pose(d), d.state.navigation.pivot))
            np.testing.assert_allclose(pose(d)[:3, :3], before[:3, :3], atol=1e-9)
            if to_mouse:
                d.click("towards the mouse##wheel_to_mouse")
        assert ways[0] < 0.99 and ways[1] == pytest.approx(1.0, abs=1e-9)

    drive().run(script)


def test_keys_that_move_change_to_fly_where_the_user_wants_it(drive: Callable[..., Driver], monkeypatch: pytest.MonkeyPatch) -> None:
    from viewer.glfw_library import glfw
    from viewer.window import Window

    down: set[int] = set()
    monkeypatch.setattr(Window, "key_down", lambda self, key: key in down)
    monkeypatch.setattr(Window, "focused", property(lambda self: True))

    def script(d: Driver) -> None:
        d.click("Display")
        for wanted in ("orbit", "fly"):
            before = pose(d)
            down.add(glfw.KEY_W)
            d.until(lambda before=before: not np.allclose(pose(d), before, atol=1e-3))
            down.clear()
            d.until(lambda: not any(d.state.navigation.velocity))
            assert d.state.navigation.mode == wanted
            if wanted == "orbit":
                d.click("change to fly##keys_fly")
        centre = centre_of(pose(d))
        d.drag_picture(80.0, 10.0)
        np.testing.assert_allclose(centre_of(pose(d)), centre, atol=1e-9)  # the left button looks around now
        d.press_name("V")
        assert d.state.navigation.mode == "orbit"

    drive().run(script)


def test_other_keys_that_are_held_change_nothing() -> None:
    state = replace(opened(), preferences=Preferences(keys_fly=True))
    for held in ({"move_fast"}, {"hold_captured"}, {"move_left", "move_right"}):
        assert after(state, e.Tick(now_s=101.0, held=frozenset(held))).navigation.mode == "orbit"
    assert after(state, e.Tick(now_s=101.0, held=frozenset({"move_left"}))).navigation.mode == "fly"
