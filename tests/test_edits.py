"""One undo for everything that is edited in the window: each kind of edit, what is one step, and what is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stand_in import stand_in_scene
from states import after, dragging, opened, press, with_path

from im4d_core.export_settings import ExportSettings
from im4d_core.quality import Quality
from viewer import events as e
from viewer.compare import Comparison
from viewer.crop import Crop
from viewer.edits import edits_of, view_of
from viewer.history import BURST_S, MAX_STEPS
from viewer.look import Look
from viewer.request import RenderRequest, render_request, view_camera
from viewer.restoring import place_of
from viewer.state import Taken, ViewerState

CROP = Crop(on=True, low=(-0.5, -0.5, -0.5), high=(0.5, 0.5, 0.5))

# Every kind of edit, on a scene with a path of three keys, and what undo calls it.
EDITS: tuple[tuple[e.Event, str], ...] = (
    (e.Triggered(action="key_add"), "add a key at the playhead of the path"),
    (e.Triggered(action="path_clear"), "cleared path"),
    (e.Triggered(action="path_new"), "new path"),
    (e.SetKeyTime(key_id=2, time_s=2.5), "time of a key"),
    (e.SetTension(tension=0.7), "tension of the path"),
    (e.RenamePath(name="walk"), "name of the path"),
    (e.Triggered(action="range_out"), "the range that plays ends here"),
    (e.SetRange(first=2, last=5), "range that plays"),
    (e.SetFps(fps=12.0), "rate of the scene"),
    (e.SetSpeed(speed=-1.0), "speed of playback"),
    (e.SetLoop(loop="ping-pong"), "end of playback"),
    (e.SetEveryFrame(on=True), "every frame, or by the clock"),
    (e.SetBetween(on=True), "moments between frames"),
    (e.Triggered(action="between"), "moments between frames, interpolated"),
    (e.SetMode(mode="full"), "renderer"),
    (e.Triggered(action="mode"), "fast or full renderer"),
    (e.SetOutput(output="depth"), "what is shown"),
    (e.SetScale(scale=0.5), "resolution"),
    (e.Scrolled(action="scale", steps=-2.0), "resolution"),
    (e.SetTargetFps(fps=30.0), "target rate"),
    (e.SetBackground(colour=(0.1, 0.2, 0.3)), "background"),
    (e.SetQuality(quality=Quality(steps=100, passes=4)), "quality"),
    (e.SetLook(look=Look(exposure=1.0, depths=(1.0, 3.0))), "look"),
    (e.SetOverlay(name="path", shown=False), "what lies over the picture"),
    (e.Triggered(action="show_grid"), "grid on the floor"),
    (e.SetCrop(crop=CROP), "crop box"),
    (e.SetClip(clip=(1.0, 4.0)), "near and far"),
    (e.SetComparison(comparison=Comparison(layout="split", pair="full | captured")), "comparison"),
    (e.Triggered(action="compare_next"), "compare: off, wipe, split, difference"),
    (e.SetExport(settings=ExportSettings(width=99)), "export settings"),
    (e.SetTaken(taken=Taken(background=True, cut=False)), "what an export takes along"),
    (e.FileChosen(purpose="export", path=Path("v.mp4")), "export settings"),
    (e.JumpToCamera(view=4), "camera of the capture"),
    (e.Triggered(action="frame_scene"), "frame the scene"),
    (e.Triggered(action="frame_selected"), "frame the selected camera or key of the path, else the scene"),
    (e.SetPose(centre=(1.0, 2.0, 0.5), yaw_deg=10.0, pitch_deg=0.0), "position of the camera"),
    (e.SetFov(fov_y_deg=33.0), "field of view"),
    (e.SetRoll(roll_deg=20.0), "roll of the camera"),
    (e.SetUp(up=(0.0, 1.0, 0.0)), "direction of up"),
)


def begun() -> ViewerState:
    """A path of three keys, nothing to undo, and the camera somewhere of its own."""
    state = after(with_path(opened()), e.Dragged(action="orbit", dx_px=80.0, dy_px=20.0, height_px=400.0))
    return replace(state, history=type(state.history)())


@pytest.mark.parametrize(("edit", "what"), EDITS, ids=[type(edit).__name__ + str(getattr(edit, "action", "")) for edit, _ in EDITS])
def test_each_edit_is_one_step_there_and_back(edit: e.Event, what: str) -> None:
    before = begun()
    edited = after(before, edit)
    assert [step.what for step in edited.history.undo] == [what]
    undone = press(edited, "undo")
    assert (edits_of(undone), view_of(undone)) == (edits_of(before), view_of(before))
    assert undone.path_editor.selected == before.path_editor.selected
    assert [step.what for step in undone.history.redo] == [what]
    redone = press(undone, "redo")
    assert (edits_of(redone), view_of(redone)) == (edits_of(edited), view_of(edited))
    assert len(redone.history.undo) == 1 and redone.history.redo == ()
    assert after(edited, edit).history.undo[:1] == edited.history.undo  # the same again adds at most a step of its own


NO_EDITS: tuple[e.Event, ...] = (
    e.Tick(now_s=101.0, held=frozenset(("move_forward",))),
    e.Dragged(action="orbit", dx_px=50.0, dy_px=5.0, height_px=400.0),
    e.Scrolled(action="dolly", steps=2.0),
    e.Scrolled(action="fov", steps=1.0),
    e.PivotPicked(point=(0.1, 0.1, 0.1)),
    e.SetFrame(index=3),
    e.Triggered(action="play"),
    e.Triggered(action="frame_forward"),
    e.SetPathTime(time_s=1.0),
    e.SelectKey(key_id=2, go_there=True),
    e.Triggered(action="roll_left"),
    e.Resized(width=300, height=200),
    e.Notified(level="info", text="x"),
    e.SetMode(mode="fast"),
    e.SetOverlay(name="path", shown=True),
)


@pytest.mark.parametrize("event", NO_EDITS, ids=lambda event: type(event).__name__ + str(getattr(event, "action", "")))
def test_moving_about_and_what_changes_nothing_are_no_steps(event: e.Event) -> None:
    assert after(begun(), event).history.undo == ()


def test_the_automatic_scale_goes_its_own_way() -> None:
    state = after(begun(), e.SetLook(look=Look(exposure=1.0)))
    request = render_request(replace(state, moved_s=state.now_s), 320, 240)
    assert isinstance(request, RenderRequest)
    slow = after(state, *(e.RenderFinished(request=request, render_ms=500.0) for _ in range(8)))
    assert slow.picture.scale < 1.0 and slow.history == state.history
    undone = press(slow, "undo")
    assert undone.picture.look == Look()
    assert undone.picture.scale == slow.picture.scale, "no edit, so nothing to take back"


def test_a_drag_is_one_step_and_the_next_drag_another() -> None:
    state = begun()
    for gesture, times in ((7, (2.1, 2.2, 2.3)), (0, ()), (8, (2.5, 2.6))):
        state = after(state, dragging(gesture), *(e.SetKeyTime(key_id=2, time_s=time_s) for time_s in times))
    assert len(state.history.undo) == 2
    assert press(state, "undo").path_editor.path.keys[1].time_s == 2.3
    assert press(state, "undo", "undo").path_editor.path == begun().path_editor.path
    crop = after(begun(), dragging(9), *(e.SetCrop(crop=replace(CROP, high=(0.5, 0.5, 0.1 * i))) for i in range(1, 5)))
    assert len(crop.history.undo) == 1
    assert press(crop, "undo").crop == begun().crop


def test_a_key_pressed_during_a_drag_is_a_step_of_its_own() -> None:
    state = after(begun(), dragging(7), e.SetTension(tension=0.2), e.Triggered(action="show_grid"), e.SetTension(tension=0.3))
    assert [step.what for step in state.history.undo] == ["tension of the path", "grid on the floor", "tension of the path"]
    clicks = after(begun(), dragging(0), e.SetOverlay(name="box", shown=True), e.SetOverlay(name="grid", shown=True))
    assert len(clicks.history.undo) == 2, "two clicks are two edits"


def test_turns_of_the_wheel_and_a_key_that_repeats_are_one_step_each() -> None:
    state = begun()
    for i in range(5):
        state = after(state, e.Tick(now_s=100.0 + 0.5 * BURST_S * i), e.Scrolled(action="scale", steps=-1.0))
    assert len(state.history.undo) == 1
    state = after(state, e.Tick(now_s=120.0), e.Scrolled(action="scale", steps=-1.0))
    assert len(state.history.undo) == 2
    walked = press(begun(), *["camera_next"] * 4)
    assert len(walked.history.undo) == 1
    assert view_of(press(walked, "undo")) == view_of(begun())
    assert len(press(begun(), "show_box", "show_box").history.undo) == 2, "switches are pressed one by one"


def test_undo_of_a_jump_leads_to_where_it_began_and_is_seen() -> None:
    state = begun()
    jumped = after(state, e.JumpToCamera(view=2), e.Dragged(action="orbit", dx_px=90.0, dy_px=0.0, height_px=400.0))
    elsewhere = view_of(jumped)
    undone = press(jumped, "undo")
    assert view_of(undone) == view_of(state)
    assert undone.flight is not None
    start = view_camera(undone, 320, 240)
    np.testing.assert_allclose(start.T_camera_world, jumped.navigation.T_camera_world, atol=1e-9)  # the flight begins where one was
    assert view_of(press(undone, "redo")) == elsewhere, "and redo goes back to where one had moved on to"
    moved = after(state, e.SetLook(look=Look(exposure=1.0)), e.Dragged(action="look", dx_px=90.0, dy_px=0.0, height_px=400.0))
    assert view_of(press(moved, "undo")) == view_of(moved), "undoing something else leaves the camera alone"
    assert press(moved, "undo").flight is None


def test_undo_does_not_disturb_what_plays() -> None:
    state = after(begun(), e.SetLook(look=Look(exposure=1.0)), e.Triggered(action="play"), e.Tick(now_s=100.25))
    undone = press(state, "undo")
    assert undone.transport == state.transport
    faster = after(state, e.SetSpeed(speed=2.0), e.Tick(now_s=100.5))
    assert press(faster, "undo").transport.index == faster.transport.index, "another speed from here on"
    assert press(faster, "undo").transport.playing


def test_undo_does_not_move_time() -> None:
    """Neither to another frame nor from a moment between two frames to one of them."""
    state = after(begun(), e.SetBetween(on=True), e.SetFrame(index=3, onward=0.5))
    for edit in (e.SetLoop(loop="once"), e.SetFps(fps=7.0), e.SetSpeed(speed=2.0), e.SetRange(first=1, last=6), e.SetLook(look=Look(exposure=1.0))):
        undone = press(after(state, edit), "undo")
        assert (undone.transport.index, undone.transport.onward) == (3, 0.5), type(edit).__name__
    whole = after(state, e.SetBetween(on=False))
    assert (whole.transport.index, whole.transport.onward) == (3, 0.0), "there is no such moment without them"
    assert after(state, e.SetEveryFrame(on=True)).transport.onward == 0.0
    for moved in (e.SetFrame(index=5), e.Triggered(action="frames_forward"), e.Triggered(action="frame_last"), e.Triggered(action="play")):
        assert after(begun(), moved).history.undo == (), "going about in time is no edit"


def test_an_edit_ends_redo_and_the_history_is_bounded() -> None:
    state = press(begun(), "show_box", "undo")
    assert len(state.history.redo) == 1
    assert press(state, "show_grid").history.redo == ()
    state = begun()
    for _ in range(MAX_STEPS + 20):
        state = press(state, "show_grid")
    assert len(state.history.undo) == MAX_STEPS
    assert press(begun(), "undo", "redo") == begun()


def test_another_scene_has_another_history() -> None:
    state = press(begun(), "show_box")
    assert after(state, e.SceneOpened(scene=stand_in_scene(), source=Path("OTHER"))).history.undo == ()
    place = place_of(press(state, "show_grid"))
    assert place is not None
    assert after(begun(), e.Restored(place=place)).history.undo == ()


def test_the_path_that_a_scene_comes_with_is_no_edit() -> None:
    path = with_path(opened()).path_editor.path
    comes = e.PathLoaded(path=path, file=Path("/scene/path.json"))
    state = after(opened(), comes)
    assert not state.history.undo
    loaded = after(state, replace(comes, path=replace(path, tension=0.5)))
    assert loaded.history.undo[-1].what == "loaded path"


def test_random_edits_of_all_kinds_lead_back_to_the_start_and_forward_to_the_end() -> None:
    rng = np.random.default_rng(5)
    state = begun()
    choices = [*(edit for edit, _ in EDITS), *NO_EDITS]
    visited = [edits_of(state)]
    for i in range(300):
        before = state
        state = after(state, e.Tick(now_s=200.0 + 2.0 * i), choices[int(rng.integers(len(choices)))])
        if state.history != before.history:
            visited.append(edits_of(state))
    visited = visited[-MAX_STEPS - 1 :]
    assert len(visited) > 100
    for edits in reversed(visited[:-1]):
        state = press(state, "undo")
        assert edits_of(state) == edits
        assert state.path_editor.selected is None or state.path_editor.selected_key is not None
    for edits in visited[1:]:
        state = press(state, "redo")
        assert edits_of(state) == edits
