"""What fails is told in the real window, tried again where that makes sense, and leaves the window usable."""

from __future__ import annotations

from pathlib import Path

from driver import Driver

from im4d_core.scene_renderer import SceneRenderer


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
