"""The real window on a (virtual) display, driven by ImGui's test engine: clicks and drags on widgets and on the picture, as a person makes them."""

from __future__ import annotations

import numpy as np
import pytest
from driver import Driver, pose


def test_play_scrub_and_step(drive) -> None:
    from imgui_bundle import imgui

    def script(d: Driver) -> None:
        d.click("###play")
        assert d.state.transport.playing
        d.until(lambda: d.state.transport.index > 1)
        d.until(lambda: d.shown.request.frame > 10)  # the picture follows
        d.click("###play")
        assert not d.state.transport.playing
        d.press(imgui.Key.home)
        assert d.state.transport.index == 0
        d.press(imgui.Key.right_arrow)
        assert d.state.transport.index == 1
        d.ctx.mouse_move("//**/##scene_time")
        d.ctx.item_drag_with_delta("//**/##scene_time", (300.0, 0.0))
        d.ctx.yield_(2)
        index = d.state.transport.index
        assert index > 4
        d.until(lambda: d.shown.request.frame == d.state.frame)

    drive().run(script)


def test_fast_full_and_auto(drive) -> None:
    from imgui_bundle import imgui

    def script(d: Driver) -> None:
        assert d.shown.request.mode == "fast"
        d.click("Full##transport_full")
        d.until(lambda: d.shown.request.mode == "full")
        d.press(imgui.Key.x)
        assert d.state.picture.mode == "fast"
        d.until(lambda: d.shown.request.mode == "fast")
        d.press(imgui.Key.mod_shift, imgui.Key.x)
        assert d.state.picture.mode == "auto"
        d.until(lambda: d.shown.request.mode == "full" and d.shown.final)

    drive().run(script)


def test_mouse_moves_the_camera_over_the_picture_only(drive) -> None:
    def script(d: Driver) -> None:
        before = pose(d)
        d.drag_picture(120.0, 40.0)
        orbited = pose(d)
        assert not np.allclose(before, orbited)
        centre = -orbited[:3, :3].T @ orbited[:3, 3]
        distance = np.linalg.norm(centre - d.state.navigation.pivot)
        first = -before[:3, :3].T @ before[:3, 3]
        assert distance == pytest.approx(np.linalg.norm(first - d.state.navigation.pivot), rel=1e-6)  # an orbit keeps the distance
        d.until(lambda: np.allclose(d.shown.request.camera.T_camera_world, orbited))

        d.ctx.mouse_wheel_y(2.0)
        d.ctx.yield_(2)
        dollied = pose(d)
        centre = -dollied[:3, :3].T @ dollied[:3, 3]
        assert np.linalg.norm(centre - d.state.navigation.pivot) < distance

        d.ctx.mouse_move("//**/##scene_time")
        d.ctx.mouse_wheel_y(2.0)
        d.ctx.yield_(2)
        np.testing.assert_array_equal(pose(d), dollied)  # the wheel over a panel leaves the camera alone
        d.drag_picture(60.0, 0.0, button=1)
        looked = pose(d)
        centre_after = -looked[:3, :3].T @ looked[:3, 3]
        np.testing.assert_allclose(centre_after, centre, atol=1e-9)  # looking around stays in place
        assert not np.allclose(looked, dollied)

    drive().run(script)


def test_a_double_click_moves_the_pivot_to_the_surface(drive) -> None:
    def script(d: Driver) -> None:
        x, y, width, height = d.area
        d.until(lambda: d.shown.final)
        depth = np.asarray(d.shown.depth)
        rows, columns = np.nonzero(depth > 0)
        row, column = rows[len(rows) // 2], columns[len(rows) // 2]
        place = (x + (column + 0.5) / depth.shape[1] * width, y + (row + 0.5) / depth.shape[0] * height)
        before = d.state.navigation.pivot
        d.ctx.mouse_move_to_pos(place)
        d.ctx.mouse_double_click(0)
        d.ctx.yield_(3)
        assert d.state.navigation.pivot != before
        camera = d.shown.request.camera
        in_camera = camera.T_camera_world[:3, :3] @ np.array(d.state.navigation.pivot) + camera.T_camera_world[:3, 3]
        assert in_camera[2] == pytest.approx(float(depth[row, column]), rel=0.05)  # the pixel under a mouse position that is rounded

    drive().run(script)


def test_keys_held_move_the_camera_and_stop_without_focus(drive, monkeypatch) -> None:
    from viewer.glfw_library import glfw
    from viewer.window import Window

    down: set[int] = set()
    focus = [True]
    monkeypatch.setattr(Window, "key_down", lambda self, key: key in down)
    monkeypatch.setattr(Window, "focused", property(lambda self: focus[0]))

    def script(d: Driver) -> None:
        before = pose(d)
        down.add(glfw.KEY_W)
        d.until(lambda: not np.allclose(pose(d), before, atol=1e-3))
        focus[0] = False  # the key is never released where the window could see it
        d.until(lambda: not any(d.state.navigation.velocity))
        rest = pose(d)
        d.ctx.yield_(5)
        np.testing.assert_array_equal(pose(d), rest)

    drive().run(script)


def test_a_path_is_made_exported_and_cancelled(drive, tmp_path) -> None:
    from dataclasses import replace

    from imgui_bundle import imgui

    from viewer.events import SetExport

    def script(d: Driver) -> None:
        d.press(imgui.Key.k)
        d.drag_picture(150.0, 0.0)
        d.press(imgui.Key.k)
        assert len(d.state.path_editor.path.keys) == 2
        d.press(imgui.Key.mod_ctrl, imgui.Key.z)
        assert len(d.state.path_editor.path.keys) == 1
        d.press(imgui.Key.mod_ctrl, imgui.Key.y)
        assert len(d.state.path_editor.path.keys) == 2

        settings = replace(d.state.export.settings, width=64, height=48, fps=10.0, file="small.mp4")
        d.session.send(SetExport(settings=settings))
        d.click("Export")
        d.click("###export_start")
        d.until(lambda: d.state.export.finished is not None)
        assert (d.folder / "output" / "small.mp4").stat().st_size > 0

        d.renderer.delay_s = 5.0
        d.session.send(SetExport(settings=replace(settings, file="long.mp4", mode="full")))
        d.ctx.yield_(3)
        d.click("###export_start")
        d.until(lambda: d.state.export.job is not None)
        d.click("Cancel##export_cancel")
        d.until(lambda: d.state.export.job is None)
        d.until(lambda: "cancelled" in d.notices())
        assert sorted(file.name for file in (d.folder / "output").iterdir()) == ["small.mp4", "small.mp4.json"]
        d.session.send(SetExport(settings=replace(settings, file="long.mp4")))
        d.renderer.delay_s = 0.0

    drive().run(script)
    import av

    with av.open(tmp_path / "output" / "small.mp4") as video:
        assert (video.streams.video[0].width, video.streams.video[0].height) == (64, 48)


def test_screenshots_of_picture_and_window(drive) -> None:
    import imageio.v3 as imageio
    from imgui_bundle import imgui

    def script(d: Driver) -> None:
        d.press(imgui.Key.p)  # a draft may be on the screen still: the picture itself is saved
        d.until(lambda: "Saved" in d.notices())
        saved = imageio.imread(next((d.folder / "output").glob("stand-in_000010_*.png")))
        np.testing.assert_array_equal(saved, d.shown.host_pixels()[..., :3])
        d.press(imgui.Key.mod_shift, imgui.Key.p)
        d.until(lambda: list((d.folder / "output").glob("window_*.png")))
        window = imageio.imread(next((d.folder / "output").glob("window_*.png")))
        assert window.shape == (700, 1100, 3)
        # What is on the screen is the picture, upright: compared where neither figures nor notices lie over it.
        x, y, width, height = (round(value) for value in d.area)
        shown = window[y : y + height, x : x + width]
        assert shown.shape == saved.shape
        part = (slice(height // 4, height // 2), slice(width // 3, 2 * width // 3))
        assert np.abs(shown[part].astype(int) - saved[part]).max() <= 1

    drive().run(script)


def test_resizing_renders_at_the_new_size(drive) -> None:
    def script(d: Driver) -> None:
        window, sizes = d.session.window, []
        for width, height in ((900, 640), (1301, 777), (700, 500)):
            window.before_swap(lambda size=(width, height): window.resize(*size))  # GLFW belongs to the main thread, this script has another
            while sizes[-1:] != [(width, height)]:
                window.before_swap(lambda: sizes.append(window.size))
                d.ctx.yield_(2)
            d.ctx.yield_(3)
            d.until(lambda: d.shown_size == d.area_size)
            d.until(lambda: not d.session._stats.busy)
        assert d.state.width < 700

    drive().run(script)


def test_while_the_window_is_resized_the_last_picture_is_stretched(drive, monkeypatch) -> None:
    """A size a frame, as a dragged edge gives them; then one picture, of the last size."""
    from viewer import resolution
    from viewer.present import Presenter

    monkeypatch.setattr(resolution, "CALM_S", 1.0)  # longer than a frame takes here
    places: list[tuple[int, int]] = []
    draw = Presenter.draw

    def drawn(self, x: int, y: int, width: int, height: int, *more) -> None:
        places.append((width, height))
        draw(self, x, y, width, height, *more)

    monkeypatch.setattr(Presenter, "draw", drawn)

    def script(d: Driver) -> None:
        d.until(lambda: d.shown.final and d.shown_size == d.area_size and not d.session.busy)
        window, before, made, areas = d.session.window, d.shown_size, len(d.renderer.rendered), set()
        places.clear()
        for i in range(1, 26):
            window.before_swap(lambda i=i: window.resize(1100 + 8 * i, 700 + 5 * i))
            d.ctx.yield_()
            areas.add(d.area_size)
        assert len(areas) > 10 and len(set(places)) > 10, "the picture fills whatever there is"
        assert d.renderer.rendered[made:] == [] and d.shown_size == before
        d.until(lambda: d.shown.final and d.shown_size == d.area_size)
        assert {(width, height) for _, _, width, height in d.renderer.rendered[made:]} == {d.shown_size} != {before}

    drive().run(script)


def test_typing_in_a_field_moves_nothing(drive) -> None:
    def script(d: Driver) -> None:
        d.click("Path")
        before, mode = pose(d), d.state.picture.mode
        d.ctx.item_click("//**/##path_file")
        d.ctx.key_chars_replace("xkvp.json")
        d.ctx.yield_(2)
        np.testing.assert_array_equal(pose(d), before)
        assert d.state.picture.mode == mode
        assert d.state.path_editor.path.keys == ()
        assert d.state.path_editor.file == "xkvp.json"

    drive().run(script)


def test_start_options_and_dropped_files(drive, tmp_path) -> None:
    from im4d_core.path_files import save_path
    from im4d_core.path_generators import orbit

    path = orbit(centre=(0.0, 0.0, 0.0), radius=3.0, up=(0.0, 0.0, 1.0), n_keys=5)
    save_path(path, tmp_path / "circle.json")

    def script(d: Driver) -> None:
        d.until(lambda: d.shown.request.frame == 14)
        assert d.state.dataset_camera == 2
        assert d.state.picture.mode == "full"
        d.session.window._drop(None, [str(tmp_path / "circle.json")])
        d.until(lambda: len(d.state.path_editor.path.keys) == 5)
        d.session.window._drop(None, [str(tmp_path / "absent.json")])
        d.until(lambda: "absent.json" in d.notices())

    drive(frame=14, camera="02", mode="full").run(script)
