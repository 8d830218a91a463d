"""What lies over, beside and around the picture in the real window: overlays, values, the crop box, comparing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from driver import Driver, pose

from viewer.events import SetBackground, SetExport, SetOverlay, Triggered
from viewer.gl import read_framebuffer


def test_overlays_come_with_the_picture_and_go(drive) -> None:
    from imgui_bundle import imgui

    def script(d: Driver) -> None:
        d.press(imgui.Key.o)
        d.until(lambda: d.shown.cells is not None)
        d.press(imgui.Key.g)
        assert d.state.overlays.grid
        d.press(imgui.Key.right_arrow)
        d.until(lambda: d.shown.request.frame == 11)
        assert d.shown.cells is not None and d.shown.cells.frame == 11
        d.press(imgui.Key.t)
        d.until(lambda: len(d.session._stats.thumbnails) == 2)
        d.ctx.yield_(3)
        window = d.ctx.get_window_by_ref("//##sources")
        d.ctx.mouse_move_to_pos((window.pos.x + 0.25 * window.size.x, window.pos.y + 0.5 * window.size.y))
        d.ctx.mouse_click(0)
        d.until(lambda: d.state.dataset_camera == 1)
        d.press(imgui.Key.o)
        d.until(lambda: d.shown.cells is None)
        d.press(imgui.Key.t)
        d.ctx.yield_(3)

    drive().run(script)


def test_what_an_export_cuts_off_is_dim_while_its_panels_are_in_front(drive) -> None:
    """And along a path that is previewed, whichever panel is."""

    def script(d: Driver) -> None:
        def row() -> np.ndarray:
            """Brightness along the middle of the picture area."""
            seen: list[np.ndarray] = []
            d.ctx.yield_(3)
            d.session.window.before_swap(lambda: seen.append(read_framebuffer(*d.session.window.framebuffer_size)))
            d.until(lambda: seen)
            x, y, width, height = (round(value) for value in d.area)
            return seen[0][y + height // 2, x : x + width, :3].astype(float).sum(axis=-1)

        def strips(now: np.ndarray, before: np.ndarray) -> tuple[float, float]:
            """How bright the sides and the middle are, over what they were."""
            edge = (len(now) - d.area[3] * 720 / 1280) / 2
            side, inside = slice(0, int(edge) - 2), slice(int(edge) + 3, len(now) // 2)
            return float(now[side].sum() / before[side].sum()), float(now[inside].sum() / before[inside].sum())

        d.session.send(SetExport(settings=replace(d.state.export.settings, width=720, height=1280)))
        white = (1.0, 1.0, 1.0)
        d.session.send(SetBackground(colour=white))
        d.session.send(Triggered(action="stats"))
        d.until(lambda: d.shown.request.background == white and d.shown.final and not d.session.busy)
        before = row()
        assert before.min() > 0.0
        for panel in ("Path", "Export"):
            d.click(panel)
            side, inside = strips(row(), before)
            assert side == pytest.approx(0.7, abs=0.02) and inside == pytest.approx(1.0, abs=0.01), panel  # bytes are rounded
        d.session.send(SetOverlay(name="frame", shown=False))
        d.until(lambda: not d.state.overlays.frame)
        assert strips(row(), before) == pytest.approx((1.0, 1.0), abs=0.01)
        d.session.send(SetOverlay(name="frame", shown=True))
        d.click("Camera")
        assert strips(row(), before) == pytest.approx((1.0, 1.0), abs=0.01)

    drive().run(script)


def test_the_values_under_the_mouse_are_shown(drive) -> None:
    from imgui_bundle import imgui

    def script(d: Driver) -> None:
        d.until(lambda: d.shown.final)
        x, y, width, height = d.area
        depth = np.asarray(d.shown.depth)
        rows, columns = np.nonzero(depth > 0)
        row, column = rows[len(rows) // 2], columns[len(rows) // 2]
        d.ctx.mouse_move_to_pos((x + (column + 0.5) / depth.shape[1] * width, y + (row + 0.5) / depth.shape[0] * height))
        d.ctx.yield_(3)
        found = d.session._stats.pointed
        assert found is not None and found.depth == pytest.approx(float(depth[row, column]), rel=0.05)  # mouse positions are rounded
        assert found.colour == tuple(d.shown.host_pixels()[found.row, found.column, :3].tolist())
        d.ctx.mouse_move("//**/##scene_time")
        d.ctx.yield_(3)
        assert d.session._stats.pointed is None, "a panel has no depth"
        d.press(imgui.Key._5)
        d.until(lambda: d.shown.request.output == "normals")

    drive().run(script)


def test_a_side_of_the_crop_box_is_dragged(drive) -> None:
    from im4d_core.geometry import project
    from viewer.crop import handles
    from viewer.events import SetCrop

    def script(d: Driver) -> None:
        d.session.send(SetCrop(crop=replace(d.state.crop, on=True, low=(-0.6, -0.6, -0.6), high=(0.6, 0.6, 0.6))))
        d.until(lambda: d.shown.request.crop is not None and d.shown.final)
        x, y, width, height = d.area
        camera, before = d.shown.request.camera, pose(d)
        handle = handles(d.state.crop)[5]  # the upper side
        (uv,), _ = project(camera, np.array([handle.point]))
        place = (x + uv[0] / camera.width * width, y + uv[1] / camera.height * height)
        d.ctx.mouse_move_to_pos(place)
        d.ctx.mouse_down(0)
        d.ctx.yield_()
        d.ctx.mouse_move_to_pos((place[0], place[1] + 40.0))
        d.ctx.yield_(2)
        d.ctx.mouse_up(0)
        d.ctx.yield_(2)
        assert 0.0 < d.state.crop.high[2] < 0.55
        assert d.state.crop.low == (-0.6, -0.6, -0.6)
        np.testing.assert_array_equal(pose(d), before)
        d.until(lambda: d.renderer.crop is not None and d.renderer.crop[1, 2] == d.state.crop.high[2])

    drive().run(script)


def test_comparing_with_the_capture(drive, monkeypatch) -> None:
    from imgui_bundle import imgui

    from viewer.events import SetComparison
    from viewer.glfw_library import glfw
    from viewer.window import Window

    down: set[int] = set()
    monkeypatch.setattr(Window, "key_down", lambda self, key: key in down)
    monkeypatch.setattr(Window, "focused", property(lambda self: True))

    def script(d: Driver) -> None:
        d.press(imgui.Key.right_bracket)
        d.press(imgui.Key.m)
        d.until(lambda: d.shown.other is not None and d.session._stats.compared == "wipe")
        d.session.send(SetComparison(comparison=replace(d.state.comparison, pair="fast | captured")))
        d.until(lambda: d.shown.request.against == "captured" and d.shown.psnr_db is not None)
        assert d.shown.request.hidden == d.state.dataset_camera == 1

        x, y, width, height = d.area
        before = pose(d)
        d.ctx.mouse_move_to_pos((x + 0.5 * width, y + 0.3 * height))
        d.ctx.mouse_down(0)
        d.ctx.yield_()
        d.ctx.mouse_move_to_pos((x + 0.2 * width, y + 0.3 * height))
        d.ctx.yield_()
        d.ctx.mouse_up(0)
        d.ctx.yield_(2)
        assert d.state.comparison.wipe == pytest.approx(0.2, abs=0.01)  # a pixel or so
        np.testing.assert_array_equal(pose(d), before)  # the border takes the mouse, the camera stays

        for layout in ("split", "difference", "off"):
            d.press(imgui.Key.m)
            assert d.state.comparison.layout == layout
        d.until(lambda: d.session._stats.compared == "off" and d.shown.request.against is None)
        down.add(glfw.KEY_0)
        d.until(lambda: d.session._stats.compared == "other")
        down.clear()
        d.until(lambda: d.session._stats.compared == "off")

    drive().run(script)
