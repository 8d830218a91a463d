"""The real window on a (virtual) display, driven by ImGui's test engine: clicks and drags on widgets and on the picture, as a person makes them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from driver import Driver, pose
from stand_in import StandIn, as_renderer

from im4d_core.scene_renderer import SceneRenderer


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
    from viewer.window import Window, glfw

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
    from dataclasses import replace

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
    from dataclasses import replace

    from imgui_bundle import imgui

    from viewer.events import SetComparison
    from viewer.window import Window, glfw

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
            d.until(lambda: d.shown.request.camera.width == d.state.width and d.shown.request.camera.height == d.state.height)
            d.until(lambda: not d.session._stats.busy)
        assert d.state.width < 700

    drive().run(script)


def test_a_failing_renderer_is_told_and_the_viewer_goes_on(drive) -> None:
    from imgui_bundle import imgui

    def script(d: Driver) -> None:
        d.renderer.failure = ValueError("frame 12: picture of camera 03 is truncated; copy the capture again")
        d.press(imgui.Key.right_arrow)
        d.until(lambda: "camera 03 is truncated" in d.notices())
        assert not d.state.notices, "once is enough"
        newest = d.session._problems._newest
        assert newest is not None
        assert "Traceback" in newest.details  # to be read and copied in a window of its own
        d.renderer.failure = None
        d.press(imgui.Key.right_arrow)
        d.until(lambda: d.shown.request.frame == 12)
        assert d.session._problems._newest is None

    drive().run(script)


def test_a_scene_that_did_not_open_is_tried_again(drive, tmp_path) -> None:
    """From the box that says why; it goes as soon as a scene opened."""
    from viewer.events import AskedFor, OpenScene

    scene = tmp_path / "scene"
    opened: list[Path] = []

    def script(d: Driver) -> None:
        opener, worker = d.session._opener, d.session._worker
        assert worker is not None

        def failing(source: Path, device: str) -> SceneRenderer:
            opened.append(source)
            if len(opened) < 3:
                raise ValueError("weights.safetensors: it is shorter than its header says; copy it again")
            return opener(source, device)

        worker._opener = failing
        d.session.send(AskedFor(effect=OpenScene(source=scene)))
        d.until(lambda: "copy it again" in d.notices())
        d.click("Try again##problem")
        d.until(lambda: len(opened) == 2)
        d.until(lambda: "copy it again" in d.notices())
        d.click("Try again##problem")
        d.until(lambda: len(opened) == 3)
        d.until(lambda: d.session._problems._newest is None)
        assert opened == [scene] * 3

    drive().run(script)


def test_a_failing_panel_leaves_the_window_usable(drive, monkeypatch) -> None:
    from imgui_bundle import imgui

    from viewer import panels
    from viewer.events import Triggered

    def broken(state, stats):
        imgui.begin_child("left open")
        imgui.push_id("too")
        raise KeyError("the panel is broken")

    monkeypatch.setattr(panels, "PANELS", (("Broken", broken), *panels.PANELS))

    # Without the test engine, which takes ImGui's own error messages for failures of the test.
    driver = drive()
    session = driver.session
    update = session._update
    frames: list[int] = []

    def watched() -> None:
        update()
        frames.append(session.state.transport.index)
        if len(frames) == 20:
            session.send(Triggered(action="play"))
        if session.state.transport.index > 2 or len(frames) > 2000:
            session.window.request_close()
        session.window.invalidate()

    session.window.params.callbacks.post_new_frame = watched
    session.run()
    assert session._problems._newest is not None
    assert "the panel is broken" in session._problems._newest.details
    assert session._problems._newest.retry is None, "nothing can be done again"
    assert frames[-1] > 2, "the scene plays on"


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


def test_the_stored_picture_is_shown_before_the_scene_is_open(display: str, tmp_path: Path) -> None:
    """The window is there, with the preview, while the renderer still opens; and an idle window hardly draws."""
    import simplejpeg

    from viewer.gl import read_framebuffer
    from viewer.session import Session
    from viewer.start import Start

    scene = tmp_path / "scene"
    scene.mkdir()
    red = np.zeros((90, 160, 3), np.uint8)
    red[..., 0] = 250
    (scene / "preview.jpg").write_bytes(simplejpeg.encode_jpeg(red, colorspace="RGB"))
    seen: list[np.ndarray] = []
    drawn: list[float] = []

    def slowly(source: Path, device: str) -> SceneRenderer:
        time.sleep(0.4)
        return as_renderer(StandIn())

    session = Session(Start(source=scene, output=tmp_path, size=(800, 500)), opener=slowly)
    update = session._update

    def watched() -> None:
        update()
        now = time.monotonic()
        drawn.append(now)
        if session._area is not None and session._area.shows_stored and len(drawn) > 1:
            session.window.before_swap(lambda: seen.append(read_framebuffer(*session.window.framebuffer_size)))
        if session.first_picture_s is not None and now > session._began_s + session.first_picture_s + 3.0:
            session.window.request_close()

    session.window.params.callbacks.post_new_frame = watched
    session.run()
    assert seen, "the preview was never on the screen"
    assert np.abs(seen[-1][200, 250].astype(int) - [250, 0, 0]).max() <= 4  # JPEG
    quiet = [moment for moment in drawn if moment > drawn[-1] - 1.5]
    assert len(quiet) <= 8, "an idle window draws at its heartbeat of 2 a second"


def _watched(session, each: Callable[[], None]) -> None:
    """Run a session without the test engine, which needs frame after frame; `each` is called in every frame."""
    update = session._update

    def watched() -> None:
        update()
        each()

    session.window.params.callbacks.post_new_frame = watched
    session.run()


def test_a_calm_window_hardly_draws_and_wakes_at_once(drive, monkeypatch) -> None:
    """At rest a frame every two seconds; an event is answered within the next few milliseconds, not at the next heartbeat."""
    import threading

    from viewer import pace
    from viewer.panels import floating

    monkeypatch.setattr(pace, "_CALM_S", 0.3)
    monkeypatch.setattr(floating, "HINT_S", 0.3)
    session = drive().session
    drawn: list[float] = []
    woken: list[float] = []

    def wake() -> None:
        woken.append(time.monotonic())
        session.window.wake()

    def each() -> None:
        drawn.append(time.monotonic())
        first = session.first_picture_s
        if first is not None and len(woken) == 0 and not session.busy and drawn[-1] > session._began_s + first + 1.0:
            woken.append(0.0)
            threading.Timer(6.0, wake).start()
        if len(woken) == 2 and drawn[-1] > woken[1] + 1.0:
            session.window.request_close()

    _watched(session, each)
    quiet = [moment for moment in drawn if woken[1] - 5.0 < moment < woken[1]]
    assert len(quiet) <= 3, "5 s at one frame in 2 s"
    answer = next(moment for moment in drawn if moment >= woken[1])
    assert answer - woken[1] < 0.5, "far below the heartbeat; a loaded machine may take its time"


def test_a_minimised_window_rests(drive, monkeypatch) -> None:
    """It waits for events instead of asking for them again and again, and goes on when it is shown again."""
    import threading

    from viewer.window import Window

    minimised = [False]
    waits: list[float] = []
    wait = Window.wait

    def counted(window: Window, timeout_s: float) -> None:
        waits.append(time.monotonic())
        wait(window, timeout_s)

    monkeypatch.setattr(Window, "minimised", property(lambda window: minimised[0]))
    monkeypatch.setattr(Window, "wait", counted)
    session = drive().session
    began: list[float] = []
    ended: list[float] = []

    def show() -> None:
        ended.append(time.monotonic())
        minimised[0] = False
        session.window.wake()

    def each() -> None:
        if session.first_picture_s is not None and not began:
            session.window.invalidate(100)  # frames that are due when it disappears
            minimised[0] = True
            began.append(time.monotonic())
            threading.Timer(2.0, show).start()
        elif ended:
            session.window.request_close()

    _watched(session, each)
    assert ended, "no frame is drawn while it is minimised"
    hidden = [moment for moment in waits if began[0] < moment < ended[0]]
    assert len(hidden) <= 20, "2 s at two waits a second, and some events of the render thread"
