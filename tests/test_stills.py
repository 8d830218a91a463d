"""A picture of any size, the screen recorded, an export left and gone on with: what the state asks for, and all of it in the real window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driver import Driver
from states import after, opened, press

from im4d_core.export_settings import ExportSettings
from viewer import events as e
from viewer.consent import question
from viewer.request import view_camera
from viewer.state import ViewerState


@pytest.fixture
def drive(display: str, tmp_path: Path) -> Callable[..., Driver]:
    def make(**options: Any) -> Driver:
        return Driver(tmp_path, **options)

    return make


def test_a_picture_of_any_size_shows_the_view_whatever_the_window_does() -> None:
    state = after(opened(), e.SetExport(settings=ExportSettings(width=4001, height=1999, mode="full")), e.SetScale(scale=0.3), e.SetFrame(index=3))
    asked = press(after(state, e.Dragged(action="orbit", dx_px=30.0, dy_px=0.0, height_px=600.0)), "picture_save")
    effect = asked.effects[-1]
    assert isinstance(effect, e.SavePictureOf)
    request = effect.request
    assert (request.camera.width, request.camera.height, request.mode, request.frame) == (4001, 1999, "full", 13)
    assert (request.moving, request.steady, effect.size_name) == (False, False, "4001x1999")
    np.testing.assert_array_equal(request.camera.T_camera_world, view_camera(asked, 4001, 1999).T_camera_world)
    assert press(ViewerState(), "picture_save").effects == ()
    done = after(asked, e.JobEnded(job="picture", file=Path("a.png")))
    assert (done.notices[-1].path, done.export.finished) == (Path("a.png"), None)


def test_a_picture_on_its_way_is_a_job_like_the_others() -> None:
    """It has progress, is left by Escape and by its button, and quitting or opening another scene asks."""
    waiting = after(press(opened(), "picture_save"), e.JobProgress(job="picture", done=0, total=0))
    assert waiting.picture_job is not None and waiting.picture_job.waits
    running = after(waiting, e.Tick(now_s=110.0), e.JobProgress(job="picture", done=0, total=100), e.Tick(now_s=120.0))
    running = after(running, e.JobProgress(job="picture", done=25, total=100))
    job = running.picture_job
    assert job is not None and (job.done, job.total, job.left_s(running.now_s)) == (25, 100, 30.0)
    assert (running.export.job, running.occupancy_job) == (None, None)
    assert press(running, "picture_save").effects == running.effects, "one at a time"
    assert press(running, "cancel").effects[-1] == press(running, "picture_cancel").effects[-1] == e.CancelPicture()
    for event, effect in ((e.Triggered(action="quit"), e.Quit()), (e.Triggered(action="reload"), e.OpenScene(source=Path("RUN")))):
        asked = after(running, event)
        assert asked.asks == effect
        assert question(asked, effect).losses == ("A picture is being made and would be cancelled.",)
    for ended in (e.JobEnded(job="picture", cancelled=True), e.JobEnded(job="picture", error="disk full"), e.JobEnded(job="picture", file=Path("a.png"))):
        assert after(running, ended).picture_job is None
        assert press(after(running, ended), "quit").asks is None


def test_a_picture_is_cancelled_half_way_in_the_window(drive: Callable[..., Driver], tmp_path: Path) -> None:
    """By the button, then by Escape; quitting asks meanwhile, and no file is left."""

    def script(d: Driver) -> None:
        d.session.send(e.SetExport(settings=ExportSettings(width=64, height=48, mode="full")))
        d.until(lambda: d.session._worker is not None and not d.session._worker.busy)
        d.renderer.delay_s = 4.0  # fast pictures of the window take a tenth
        d.click("Export")

        def begun() -> None:
            d.click("Picture of this size##picture_save")
            d.until(lambda: d.state.picture_job is not None and d.state.picture_job.done >= 10)

        begun()
        d.session.send(e.Triggered(action="quit"))
        d.until(lambda: d.state.asks is not None)
        d.press_name("Escape")
        d.until(lambda: d.state.asks is None)
        d.click("Cancel##picture_cancel")
        d.until(lambda: d.state.picture_job is None)
        begun()
        d.press_name("Escape")
        d.until(lambda: d.state.picture_job is None)
        assert [notice.count for notice in d.state.notices if notice.text == "The picture was cancelled"] == [2]
        d.renderer.delay_s = 0.0

    drive().run(script)
    assert not list((tmp_path / "output").rglob("*"))


def test_recording_the_screen_is_begun_and_ended_by_one_key() -> None:
    begun = press(opened(), "live")
    assert begun.effects[-1] == e.StartLive()
    assert begun.live_since_s == 100.0
    ending = press(begun, "live")
    assert ending.effects[-1] == e.StopLive()
    ended = after(ending, e.LiveEnded(file=Path("a.mp4"), left_out=3))
    assert ended.live_since_s is None
    assert "3 pictures" in ended.notices[-1].text
    assert after(begun, e.LiveEnded()).live_since_s is None
    assert press(ViewerState(), "live").effects == ()


def test_both_in_the_window(drive: Callable[..., Driver], tmp_path: Path) -> None:
    import imageio.v3 as iio

    def script(d: Driver) -> None:
        d.session.send(e.SetExport(settings=ExportSettings(width=333, height=77)))
        d.click("Export")
        d.click("Picture of this size##picture_save")
        d.until(lambda: "333x77" in d.notices())
        d.click("###live")
        d.until(lambda: d.state.live_since_s is not None)
        d.drag_picture(120.0, 0.0)
        d.ctx.yield_(20)
        d.click("###live")
        d.until(lambda: d.state.live_since_s is None)
        assert "mp4" in d.notices()
        size[:] = [round(side) for side in d.area[2:]]

    size: list[int] = []
    drive().run(script)
    pictures = list((tmp_path / "output").glob("stand-in_*_333x77.png"))
    assert len(pictures) == 1
    assert iio.imread(pictures[0]).shape == (77, 333, 3)
    import av

    (video,) = (tmp_path / "output").glob("*.mp4")
    with av.open(video) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) > 2
    assert frames[0].shape[:2] == tuple(side + side % 2 for side in reversed(size))
    assert np.abs(frames[0].astype(int) - frames[-1]).max() > 60  # the camera moved


def test_an_export_of_pictures_is_cancelled_half_way_and_goes_on(drive: Callable[..., Driver], tmp_path: Path) -> None:
    """By the buttons; the scene plays meanwhile."""
    folder = tmp_path / "output" / "frames"

    def script(d: Driver) -> None:
        d.session.send(e.Triggered(action="path_orbit"))
        d.session.send(e.SetExport(settings=ExportSettings(width=64, height=48, fps=4.0, format="png", file="frames", mode="full")))
        d.session.send(e.Triggered(action="play"))
        d.renderer.delay_s = 0.2
        d.click("Export")
        d.click("###export_start")
        d.until(lambda: d.state.export.job is not None and d.state.export.job.done >= 3)
        d.click("Cancel##export_cancel")
        d.until(lambda: d.state.export.job is None)
        d.until(lambda: "cancelled" in d.notices())
        there.update((file.name, file.stat().st_mtime_ns) for file in folder.glob("*.png"))
        assert 3 <= len(there) < 32
        d.renderer.delay_s = 0.0
        d.click("###export_start")
        d.until(lambda: d.state.export.finished is not None)

    there: dict[str, int] = {}
    drive().run(script)
    after_all = {file.name: file.stat().st_mtime_ns for file in folder.glob("*.png")}
    assert sorted(after_all) == [f"{i:06d}.png" for i in range(32)]  # a whole turn of 8 s at 4 pictures a second
    assert there.items() <= after_all.items()  # what was there was not made again
