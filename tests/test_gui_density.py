"""The window on a screen of twice the usual density: text and widgets are twice as large, clicks land, the picture has every pixel, sizes are kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from driver import Driver, pose

from viewer.gl import read_framebuffer

SIZE = (900, 560)


def _measured(d: Driver) -> dict[str, Any]:
    from imgui_bundle import imgui

    d.until(lambda: not d.session.busy and d.state.width == round(d.area[2]))  # panels have the width that they keep, and the picture the rest
    play = d.ctx.item_info("//**/###play").rect_full
    return {
        "font": imgui.get_font_size(),
        "button": (play.max.x - play.min.x, play.max.y - play.min.y),
        "rounding": imgui.get_style().frame_rounding,
        "framebuffer": d.session.window.framebuffer_size,
        "picture": (d.state.width, d.state.height),
    }


def test_everything_is_twice_as_large(drive, dense_display: str, monkeypatch) -> None:
    dense: list[dict[str, Any]] = []
    drive(size=SIZE).run(lambda d: dense.append(_measured(d)))
    monkeypatch.undo()  # back to the usual display
    usual: list[dict[str, Any]] = []
    drive(size=SIZE).run(lambda d: usual.append(_measured(d)))
    (a,), (b,) = dense, usual
    assert b["framebuffer"] == SIZE and a["framebuffer"] == (2 * SIZE[0], 2 * SIZE[1])
    assert a["font"] == 2 * b["font"] and a["rounding"] == 2 * b["rounding"]
    np.testing.assert_allclose(a["button"], 2 * np.array(b["button"]), atol=1.0)  # widgets begin at whole pixels
    np.testing.assert_allclose(a["picture"], 2 * np.array(b["picture"]), atol=4)  # and so do the borders of four panels


def test_clicks_land_and_the_picture_has_every_pixel(drive, dense_display: str) -> None:
    from imgui_bundle import imgui

    seen: list[np.ndarray] = []

    def script(d: Driver) -> None:
        window = d.session.window
        d.click("###play")
        assert d.state.transport.playing
        d.click("###play")
        d.press_name("Home")
        d.ctx.mouse_move("//**/##scene_time")
        d.ctx.item_drag_with_delta("//**/##scene_time", (600.0, 0.0))
        d.ctx.yield_(2)
        assert d.state.transport.index > 3, "a drag on the ruler"
        before = pose(d)
        d.drag_picture(150.0, 0.0)
        assert not np.allclose(pose(d), before)

        d.until(lambda: d.shown.final and not d.session.busy and d.shown.request.frame == d.state.frame)
        rows, columns = np.nonzero(np.asarray(d.shown.depth) > 0)
        row, column = int(rows[len(rows) // 2]), int(columns[len(columns) // 2])
        x, y, width, height = d.area
        assert d.shown.request.camera.width == d.state.width == round(width) > SIZE[0], "a pixel of the picture for each of the screen"
        pivot = d.state.navigation.pivot
        imgui.get_io().mouse_single_click_delay = 6.0  # must be the longer one
        imgui.get_io().mouse_double_click_time = 5.0  # seconds: so many pixels take long by software
        d.ctx.mouse_move_to_pos((x + column + 0.5, y + row + 0.5))
        d.ctx.mouse_double_click(0)
        d.ctx.yield_(3)
        d.until(lambda: d.state.navigation.pivot != pivot)
        camera = d.shown.request.camera
        at = camera.T_camera_world[:3, :3] @ np.array(d.state.navigation.pivot) + camera.T_camera_world[:3, 3]
        pixel = camera.K @ at
        np.testing.assert_allclose(pixel[:2] / pixel[2], (column + 0.5, row + 0.5), atol=1.5)  # the mouse stands at whole pixels

        d.ctx.mouse_move("//**/###play")  # its cursor is drawn
        d.until(lambda: d.shown.final and not d.session.busy)
        window.before_swap(lambda: seen.append(read_framebuffer(*window.framebuffer_size)))
        d.until(lambda: seen)
        middle = slice(round(0.4 * height), round(0.6 * height)), slice(round(0.4 * width), round(0.6 * width))  # nothing floats there
        whole, pixels = seen[0][round(y) :, round(x) :], d.shown.host_pixels()[..., :3]
        assert pixels[middle].max() > 100, "something is to be seen"
        np.testing.assert_array_equal(whole[middle], pixels[middle])

    drive(size=SIZE).run(script)


def test_the_size_that_is_remembered_does_not_grow(drive, dense_display: str, tmp_path: Path) -> None:
    settings = tmp_path / "settings"
    for start in ({"size": SIZE}, {"size": None}, {"size": None}):
        drive(settings=settings, **start).run(lambda d: None)
        stored = json.loads((settings / "settings.json").read_text())
        assert (stored["width"], stored["height"]) == SIZE


def _sizes() -> dict[str, float]:
    """All sizes of widgets, and the size of text."""
    from imgui_bundle import imgui

    style = imgui.get_style()
    sizes = {name: value for name in dir(style) if not name.startswith("_") and isinstance(value := getattr(style, name), float)}
    sizes |= {f"{name}_{axis}": getattr(getattr(style, name), axis) for name in ("frame_padding", "item_spacing", "window_padding") for axis in "xy"}
    return sizes | {"font": imgui.get_font_size()}


def test_a_window_that_moves_to_a_monitor_of_another_density_follows_it(drive, dense_display: str, monkeypatch) -> None:
    """As if it had been opened there. X has one density for all monitors: GLFW is made to say that it changed."""
    from viewer.glfw_library import glfw

    dense: list[dict[str, float]] = []
    drive(size=SIZE).run(lambda d: dense.append(_sizes()))
    monkeypatch.undo()  # back to the usual display

    def script(d: Driver) -> None:
        window = d.session.window
        before, measured = _sizes(), _measured(d)
        content_scale, handle = glfw.get_window_content_scale, window._handle
        installed = glfw.set_window_content_scale_callback(handle, None)
        glfw.set_window_content_scale_callback(handle, installed)
        assert installed is not None
        for density in (2.0, 1.5, 2.0):
            monkeypatch.setattr(glfw, "get_window_content_scale", lambda handle, density=density: (density, density))
            installed(handle, density, density)
            d.ctx.yield_(3)
            assert window.picture_rectangle().density == density
        assert _sizes() == dense[0]
        assert _measured(d)["button"] == (2 * measured["button"][0], 2 * measured["button"][1])
        monkeypatch.setattr(glfw, "get_window_content_scale", content_scale)
        installed(handle, 1.0, 1.0)
        d.ctx.yield_(3)
        assert _sizes() == before
        assert window.size == SIZE

    drive(size=SIZE).run(script)


def _sizes_alone() -> dict[str, float]:
    """Without the factors that they are made of."""
    return {name: size for name, size in _sizes().items() if not name.startswith("font_scale")}


def test_the_users_factor_scales_widgets_as_the_density_does(drive, dense_display: str, monkeypatch) -> None:
    """From the start, and when it is chosen in the Display panel."""
    from viewer.events import SetPreferences

    dense: list[dict[str, float]] = []
    usual: list[dict[str, float]] = []
    drive(size=SIZE).run(lambda d: dense.append(_sizes_alone()))
    monkeypatch.undo()  # back to the usual display
    drive(size=SIZE).run(lambda d: usual.append(_sizes_alone()))

    def script(d: Driver) -> None:
        assert _sizes_alone() == dense[0]
        for scale, sizes in ((1.0, usual[0]), (2.0, dense[0])):
            d.session.send(SetPreferences(preferences=replace(d.state.preferences, ui_scale=scale)))
            d.until(lambda scale=scale: d.state.preferences.ui_scale == scale)
            d.ctx.yield_(3)
            assert _sizes_alone() == sizes

    drive(size=SIZE, ui_scale=2.0).run(script)


def test_the_monitor_that_is_filled_is_the_one_that_most_of_the_window_is_on() -> None:
    from viewer.fullscreen import most_covered

    primary, right, above = (0, 0, 1920, 1080), (1920, 0, 2560, 1440), (0, -1080, 1920, 1080)
    monitors = [primary, right, above]
    for window, index in (
        ((100, 100, 800, 600), 0),
        ((1600, 100, 800, 600), 1),
        ((1500, 100, 800, 600), 0),
        ((3000, 20, 800, 600), 1),
        ((50, -500, 800, 600), 2),
    ):
        assert most_covered(window, monitors) == index
    assert most_covered((9000, 0, 800, 600), monitors) == 0, "one that is nowhere"


def test_fullscreen_covers_the_screen_and_comes_back(drive) -> None:
    from viewer.glfw_library import glfw

    def script(d: Driver) -> None:
        window = d.session.window
        mode = glfw.get_video_mode(glfw.get_primary_monitor())
        before = (*glfw.get_window_pos(window._handle), *glfw.get_window_size(window._handle))
        d.press_name("F11")
        d.until(lambda: window.framebuffer_size == (mode.size.width, mode.size.height))
        assert window.is_fullscreen and glfw.get_window_pos(window._handle) == (0, 0)
        d.until(
            lambda: d.area_size[0] > SIZE[0],
        )
        d.press_name("F11")
        d.until(lambda: (*glfw.get_window_pos(window._handle), *glfw.get_window_size(window._handle)) == before)
        assert not window.is_fullscreen

    drive(size=SIZE).run(script)
