"""How often the real window draws: the first picture at once, seldom at rest, not at all while it is minimised."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from stand_in import StandIn, as_renderer

from im4d_core.scene_renderer import SceneRenderer
from viewer.events import SetPreferences


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


def test_a_window_that_moves_keeps_to_its_cap(drive) -> None:
    """The scene plays, and nothing else holds frames back: neither the display nor the renderer."""
    session = drive(play=True, vsync=False).session
    session.send(SetPreferences(preferences=replace(session.state.preferences, max_fps=20.0)))
    drawn: list[float] = []

    def each() -> None:
        if session.state.transport.playing:
            drawn.append(time.monotonic())
        if drawn and drawn[-1] > drawn[0] + 2.5:
            session.window.request_close()

    _watched(session, each)
    later = [moment for moment in drawn if drawn[0] + 0.5 < moment <= drawn[0] + 2.5]
    assert len(later) <= 42, "2 s at 20 a second, and one on either side; without a cap there are hundreds"
    assert len(later) > 10, "and it goes on moving, on a loaded machine too"
