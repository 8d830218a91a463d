"""State and reduce: what events do, and the requests that follow."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
from states import after, press
from uneven_scene import make_scene, opened, with_path

from viewer import events as e
from viewer.look import OUTPUTS
from viewer.request import render_request
from viewer.state import ExportSettings, Mode, Overlays, ViewerState, placed, scene_timing
from viewer.transport import played_range

# ---- requests -----------------------------------------------------------------------------------------------------------------------------------


def test_no_request_without_scene_or_area() -> None:
    assert render_request(ViewerState(), 100, 100) is None
    assert render_request(opened(), 0, 100) is None


def test_requests_compare_by_picture() -> None:
    state = opened()
    a, b = render_request(state, 320, 240), render_request(state, 320, 240)
    assert a is not None
    assert a == b
    assert hash(a) == hash(b)
    assert len({a: 1, b: 2}) == 1
    for other in (
        after(state, e.SetFrame(index=3)),
        after(state, e.SetOutput(output="depth")),
        after(state, e.SetMode(mode="full")),
        after(state, e.SetBackground(colour=(1.0, 1.0, 1.0))),
        after(state, e.Dragged(action="orbit", dx_px=3, dy_px=0, height_px=240)),
    ):
        assert render_request(other, 320, 240) != a
    assert render_request(state, 321, 240) != a
    assert render_request(after(state, e.SetOverlay(name="box", shown=True), e.SetFps(fps=7.0)), 320, 240) == a


def test_request_has_frame_size_and_intrinsics() -> None:
    state = after(opened(), e.SetFrame(index=3), e.SetScale(scale=0.5))
    request = render_request(state, 321, 241)
    assert request is not None
    assert (request.frame, request.camera.width, request.camera.height, request.scale) == (13, 160, 120, 0.5)
    assert request.camera.fov_y_deg == pytest.approx(state.navigation.fov_y_deg)


def test_auto_is_fast_while_moving_and_full_when_still() -> None:
    state = after(opened(), e.SetMode(mode="auto"), e.Tick(now_s=110.0))

    def mode(state: ViewerState) -> str:
        request = render_request(state, 100, 100)
        assert request is not None
        return request.mode

    assert mode(state) == "full"
    state = after(state, e.Scrolled(action="dolly", steps=1.0))
    assert mode(state) == "fast"
    assert mode(after(state, e.Tick(now_s=110.1))) == "fast"
    assert mode(after(state, e.Tick(now_s=110.2))) == "full"
    assert mode(after(state, e.Triggered(action="play"), e.Tick(now_s=120.0))) == "fast"
    fixed: tuple[Mode, ...] = ("fast", "full")
    for chosen in fixed:
        assert mode(after(state, e.SetMode(mode=chosen))) == chosen


def test_automatic_scale_serves_motion_only() -> None:
    state = after(opened(), e.Tick(now_s=110.0))
    state = replace(state, picture=replace(state.picture, scale=0.5))
    still, moving = render_request(state, 200, 100), render_request(after(state, e.Scrolled(action="dolly", steps=1.0)), 200, 100)
    assert still is not None
    assert moving is not None
    assert (still.scale, still.moving, moving.scale, moving.moving) == (1.0, False, 0.5, True)


# ---- time ---------------------------------------------------------------------------------------------------------------------------------------


def test_space_plays_and_scrubbing_goes_on_from_there() -> None:
    state = after(press(opened(), "play"), e.Tick(now_s=100.35))
    assert (state.transport.index, state.frame) == (3, 13)
    state = after(state, e.SetFrame(index=6), e.Tick(now_s=100.46))
    assert state.transport.index == 7
    assert not press(state, "play").transport.playing
    assert press(state, "frame_forward").transport.index == 0
    assert press(state, "frame_last").transport.index == 7
    assert press(state, "frames_back").transport.index == 5  # ten back in a loop of eight
    assert press(state, "loop_next").transport.loop == "ping-pong"


def test_frames_are_clamped() -> None:
    assert after(opened(), e.SetFrame(index=-4)).transport.index == 0
    assert after(opened(), e.SetFrame(index=400)).transport.index == 7


# ---- jobs, notices, window ----------------------------------------------------------------------------------------------------------------------


def test_export_job() -> None:
    state = with_path(opened())
    assert press(opened(), "export_start").notices[-1].level == "warning"
    started = after(state, e.SetExport(settings=ExportSettings(file="a.mp4")), e.Triggered(action="export_start"))
    assert started.effects[-1] == e.StartExport(number=1, path=state.path_editor.path, timing=scene_timing(state), settings=ExportSettings(file="a.mp4"))
    running = after(started, e.ExportQueued(number=1, file=Path("a.mp4")), e.Tick(now_s=103.0))
    running = after(running, *(event for done in (0, 3) for event in (e.JobProgress(job="export", number=1, done=done, total=9), e.Tick(now_s=105.0))))
    job = running.export.job
    assert job is not None
    assert (job.done, job.total, job.started_s) == (3, 9, 103.0)
    assert press(running, "quit").asks == e.Quit()
    assert press(running, "cancel").effects[-1] == e.CancelExport(number=1)
    done = after(running, e.JobEnded(job="export", number=1, file=Path("a.mp4")))
    assert (done.export.job, done.export.finished, done.notices[-1].path) == (None, Path("a.mp4"), Path("a.mp4"))
    failed = after(running, e.JobEnded(job="export", number=1, error="disk full"))
    assert (failed.export.job, failed.notices[-1].level) == (None, "error")
    cancelled = after(running, e.JobEnded(job="export", number=1, cancelled=True))
    assert (cancelled.export.queue, cancelled.notices[-1].level) == ((), "info")


def test_a_video_is_as_fast_as_its_scene_until_the_user_says_otherwise() -> None:
    state = opened()
    assert state.scene is not None
    assert state.export.settings.fps == state.scene.fps != ExportSettings().fps
    chosen = after(state, e.SetExport(settings=replace(state.export.settings, fps=60.0)))
    again = after(chosen, e.SceneOpened(scene=state.scene, source=state.source or Path()))
    assert again.export.settings.fps == 60.0  # the same scene, read again
    other = after(chosen, e.SceneOpened(scene=replace(state.scene, fps=12.0), source=Path("elsewhere")))
    assert other.export.settings.fps == 12.0


def test_a_job_is_seen_to_wait_and_its_time_begins_with_it() -> None:
    state = opened()
    waiting = after(state, e.JobProgress(job="occupancy", done=0, total=0)).occupancy_job
    assert waiting is not None
    assert waiting.waits
    begun = after(state, e.JobProgress(job="occupancy", done=0, total=0), e.Tick(now_s=300.0), e.JobProgress(job="occupancy", done=1, total=8)).occupancy_job
    assert begun is not None
    assert not begun.waits
    assert (begun.started_s, begun.found) == (300.0, 1)


@pytest.mark.parametrize("name", ["~nobody-is-called-so/path.json", "~", "~/path.json", "a/b.json"])
def test_a_file_name_that_is_half_typed_breaks_nothing(name: str) -> None:
    file = placed(replace(opened(), output=Path("/output")), name)
    home = Path.home()
    assert file in (Path("/output") / name, home, home / "path.json")
    assert ("nobody" not in name) or file == Path("/output") / name


def test_occupancy_job() -> None:
    state = press(opened(), "occupancy_build")
    assert state.effects == (e.BuildOccupancy(),)
    running = after(state, e.JobProgress(job="occupancy", done=1, total=8))
    assert press(running, "occupancy_build").effects == running.effects
    assert press(running, "quit").asks == e.Quit()
    assert press(running, "cancel").effects[-1] == e.CancelOccupancy()
    assert after(running, e.JobEnded(job="occupancy")).occupancy_job is None


def test_quitting_asks_only_when_something_is_lost() -> None:
    assert press(opened(), "quit").effects == (e.Quit(),)
    asked = press(with_path(opened()), "quit")
    assert asked.asks == e.Quit()
    assert press(asked, "agree").effects[-1] == e.Quit()
    assert press(opened(), "path_record", "quit").asks == e.Quit()
    assert press(asked, "cancel").asks is None
    assert press(asked, "decline").asks is None


def test_escape_never_quits() -> None:
    state = press(opened(), "cancel")
    assert state.effects == ()
    assert not press(opened(), "help", "cancel").layout.help


def test_a_warning_stays_until_it_was_read() -> None:
    state = after(opened(), e.Notified(level="warning", text="no occupancy"), e.Notified(level="info", text="saved"), e.Tick(now_s=1e6))
    assert [notice.text for notice in state.notices] == ["no occupancy"]


def test_notices_are_batched_and_errors_stay() -> None:
    state = after(opened(), *[e.Notified(level="error", text="broken")] * 3, e.Notified(level="info", text="saved"))
    assert [(notice.text, notice.count) for notice in state.notices] == [("broken", 3), ("saved", 1)]
    later = after(state, e.Tick(now_s=1e6))
    assert [notice.text for notice in later.notices] == ["broken"]
    assert after(later, e.DismissNotice(notice_id=later.notices[0].id)).notices == ()
    assert len({notice.id for notice in state.notices}) == 2


def test_effects_are_taken_in_order() -> None:
    state = press(opened(), "screenshot", "fullscreen", "open")
    assert state.effects == (e.TakeScreenshot(), e.ToggleFullscreen(), e.ChooseFile(purpose="open"))
    assert after(state, e.EffectsTaken(count=2)).effects == (e.ChooseFile(purpose="open"),)


def test_chosen_and_dropped_files() -> None:
    def effect(purpose: e.FilePurpose, name: str) -> e.Effect:
        return after(opened(), e.FileChosen(purpose=purpose, path=Path(name))).effects[-1]

    assert effect("open", "runs/a") == e.OpenScene(source=Path("runs/a"))
    assert effect("open", "runs/a/config.json") == e.OpenScene(source=Path("runs/a"))
    assert effect("open", "my_path.json") == e.LoadPath(file=Path("my_path.json"))
    assert effect("open_path", "odd.txt") == e.LoadPath(file=Path("odd.txt"))
    assert isinstance(effect("save_path", "new.json"), e.SavePath)
    assert after(opened(), e.FileChosen(purpose="export", path=Path("v.mp4"))).export.settings.file == "v.mp4"


def test_another_scene_starts_over_with_a_path_of_its_own() -> None:
    state = after(with_path(opened()), e.SetFrame(index=7), e.SetPathTime(time_s=1.0), e.SetExport(settings=ExportSettings(file="videos/turn.mp4")))
    scene = replace(make_scene(n_frames=2, first=0), name="other")
    other = after(state, e.SceneOpened(scene=scene, source=Path("B")))
    assert (other.transport.index, other.frame, other.dataset_camera, other.path_editor.previewing) == (0, 0, None, False)
    assert other.path_editor.empty
    assert (other.history.undo, other.path_editor.file, other.path_editor.unsaved) == ((), "other_path.json", False)
    assert other.export.settings.file == "videos/other.mp4"
    assert other.source == Path("B")


def test_a_scene_that_is_read_again_stays_as_it_is() -> None:
    state = after(
        with_path(opened()),
        e.SetRange(first=2, last=6),
        e.SetSpeed(speed=0.5),
        e.SetFps(fps=12.0),
        e.SetFrame(index=4),
        e.JumpToCamera(view=2),
        e.SetPathTime(time_s=1.0),
    )
    state = after(state, e.SetCrop(crop=replace(state.crop, on=True, high=(0.5, 0.5, 0.5))), e.Triggered(action="path_record"))
    again = after(state, e.SceneOpened(scene=make_scene(), source=Path("RUN").absolute()))
    for part in ("navigation", "transport", "crop", "path_editor", "dataset_camera", "export", "recording", "history"):
        assert state.history.undo
        assert getattr(again, part) == getattr(state, part), part
    fewer = after(state, e.SceneOpened(scene=make_scene(n_frames=3), source=Path("RUN")))
    assert (fewer.transport.index, played_range(fewer.transport, 3)) == (2, (2, 2)), "what is no longer there is left out"


def test_opening_asks_only_while_a_job_runs() -> None:
    assert press(opened(), "reload").effects == (e.OpenScene(source=Path("RUN")),)
    for job in (e.ExportQueued(number=1, file=Path("a.mp4")), e.JobProgress(job="occupancy", done=1, total=9)):
        busy = after(opened(), job)
        for asked in (
            press(busy, "reload"),
            after(busy, e.FileChosen(purpose="open", path=Path("B"))),
            after(busy, e.AskedFor(effect=e.OpenScene(source=Path("B")))),
        ):
            assert isinstance(asked.asks, e.OpenScene)
            assert asked.effects == ()
            assert press(asked, "decline").effects == ()
            assert press(asked, "agree").effects == (asked.asks,)
            assert press(asked, "agree").asks is None
    assert press(opened(), "agree", "decline") == opened()


def test_overlays_and_layout() -> None:
    state = opened()
    for field in fields(Overlays):
        assert getattr(after(state, e.SetOverlay(name=field.name, shown=True)).overlays, field.name)
    assert after(state, e.SetOverlay(name="nothing", shown=True)) == state
    assert press(state, "show_box").overlays.box
    assert not press(state, "panels").layout.panels
    assert press(state, "export_panel").effects == (e.FocusPanel(name="Export"),)
    for output in OUTPUTS:
        assert press(state, f"output_{output}").picture.output == output
    assert press(state, "mode").picture.mode == "full"
    assert press(state, "mode_auto").picture.mode == "auto"
