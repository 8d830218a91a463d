"""Escape during a drag: whatever is dragged, everything is as before the press, and nothing else happens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from driver import Driver, pose
from states import after, dragging, opened, press, with_path

from im4d_core.geometry import project
from viewer import events as e
from viewer.compare import Comparison
from viewer.crop import Crop, handles
from viewer.edits import edits_of
from viewer.export_queue import QueuedExport
from viewer.look import Look
from viewer.progress import Progress
from viewer.state import ViewerState

CROP = Crop(on=True, low=(-0.5, -0.5, -0.5), high=(0.5, 0.5, 0.5))
ORBIT = e.Dragged(action="orbit", dx_px=90.0, dy_px=15.0, height_px=400.0)

DRAGS: tuple[tuple[e.Event, ...], ...] = (
    (ORBIT, replace(ORBIT, action="look")),
    (replace(ORBIT, action="pan"),),
    (e.SetFrame(index=5), e.SetFrame(index=6)),
    (e.SetRange(first=2, last=None), e.SetRange(first=3, last=None)),
    (e.SelectKey(key_id=1, go_there=True), e.SetKeyTime(key_id=1, time_s=0.5), e.SetKeyTime(key_id=1, time_s=1.0)),
    (e.SelectKey(key_id=2), e.SetKeyFrame(key_id=2, scene_frame=12.0)),
    (e.CopyKey(key_id=1, time_s=7.0), e.SetKeyTime(key_id=4, time_s=8.0)),
    (e.SetPathTime(time_s=1.0), e.SetPathTime(time_s=1.5)),
    (e.SetKeyPose(key_id=2, T_world_camera=np.eye(4)),),
    (e.SetComparison(comparison=Comparison(layout="wipe", wipe=0.2)), e.SetComparison(comparison=Comparison(layout="wipe", wipe=0.3))),
    (e.SetCrop(crop=CROP), e.SetCrop(crop=replace(CROP, high=(0.5, 0.5, 0.2)))),
    (e.SetLook(look=Look(exposure=0.5)), e.SetLook(look=Look(exposure=1.0))),
    (e.SetFov(fov_y_deg=33.0), e.SetFov(fov_y_deg=36.0)),
    (e.SetPrincipalPoint(principal_point=(0.1, 0.0)), e.SetPrincipalPoint(principal_point=(0.2, -0.1))),
    (e.SetFlySpeed(speed=3.0),),
)


def begun() -> ViewerState:
    """Looking through a camera of the capture, a path of three keys with the last one selected, something to undo and to redo, an export under way."""
    state = press(with_path(opened()), "show_grid", "show_box", "undo")
    queue = (QueuedExport(number=1, file=Path("a.mp4"), progress=Progress(done=1, total=9)),)
    return replace(after(state, e.SetFrame(index=2)), export=replace(state.export, queue=queue))


@pytest.mark.parametrize("previewing", [False, True])
@pytest.mark.parametrize("drag", DRAGS, ids=lambda drag: "-".join(type(event).__name__ for event in drag))
def test_whatever_is_dragged_goes_back_to_before_the_press(drag: tuple[e.Event, ...], previewing: bool) -> None:
    before = after(begun(), e.SetPathTime(time_s=0.3)) if previewing else begun()
    dragged = after(before, dragging(7), *drag)
    assert replace(dragged, gesture=0) != before
    back = after(dragged, e.DragAbandoned(), dragging(0))
    assert replace(back, moved_s=before.moved_s) == before  # every part of the state: camera, time, path, selection, preview, history, the export's job
    assert edits_of(back) == edits_of(before) and back.path_editor.selected == before.path_editor.selected
    assert len(back.history.redo) == 1
    assert press(back, "undo").overlays == press(before, "undo").overlays


def test_only_the_drag_under_way_is_taken_back() -> None:
    first = after(begun(), dragging(7), e.SetCrop(crop=CROP), dragging(0))
    second = after(first, dragging(8), e.SetCrop(crop=replace(CROP, low=(0.0, 0.0, 0.0))), e.DragAbandoned(), dragging(0))
    assert second.crop == CROP and second.history.undo == first.history.undo
    assert after(first, e.DragAbandoned()) == first, "nothing is dragged: Escape between two frames of a drag means nothing else"


def test_what_a_key_did_during_a_drag_is_a_step_that_stays() -> None:
    """Adding keys of the path while looking around is how paths are made by hand."""
    state = after(begun(), dragging(7), ORBIT, e.Triggered(action="key_add"), ORBIT, e.DragAbandoned())
    assert len(state.path_editor.path.keys) == 4
    assert state.navigation == begun().navigation
    assert press(state, "undo").path_editor.path == begun().path_editor.path


def test_a_scene_that_plays_plays_on_as_if_nobody_had_touched_it() -> None:
    playing = press(begun(), "play")
    moved = after(playing, replace(dragging(7), now_s=100.1), e.SetFrame(index=7), replace(dragging(7), now_s=100.2))
    back = after(moved, e.DragAbandoned(), replace(dragging(0), now_s=100.2))
    assert back.transport == after(playing, replace(dragging(0), now_s=100.2)).transport


def test_another_scene_ends_the_drag() -> None:
    state = after(begun(), dragging(7), ORBIT)
    assert state.scene is not None and state.source is not None
    again = after(state, e.SceneOpened(scene=state.scene, source=state.source.with_name("OTHER")))
    assert after(again, e.DragAbandoned()) == again


def test_escape_during_a_drag_in_the_window(drive) -> None:
    """The camera, the playhead, an end of the range, a key on the ruler, a key in the view, the crop box, the border of a wipe and a slider; then the
    mouse goes on with its button down, which means nothing any more. A preview and a path's selection, which Escape would end otherwise, stay."""
    from imgui_bundle import imgui

    def script(d: Driver) -> None:
        def abandoned(place: tuple[float, float], by: tuple[float, float], changed, button: int = 0) -> None:
            """Press at a place, drag, press Escape, drag on, let go."""
            before, camera = d.state, pose(d)
            assert not changed(), "not yet"
            d.ctx.mouse_move_to_pos(place)
            d.ctx.yield_(2)
            d.ctx.mouse_down(button)
            d.ctx.yield_()
            for part in (0.4, 0.7, 1.0):
                d.ctx.mouse_move_to_pos((place[0] + part * by[0], place[1] + part * by[1]))
                d.ctx.yield_(2)
            assert changed()
            d.press(imgui.Key.escape)
            for _ in range(2):
                assert not changed()
                np.testing.assert_array_equal(pose(d), camera)
                assert edits_of(d.state) == edits_of(before) and d.state.history == before.history
                assert (d.state.path_editor, d.state.dataset_camera) == (before.path_editor, before.dataset_camera)
                assert (d.state.transport.index, d.state.asks, d.state.layout) == (before.transport.index, before.asks, before.layout)
                d.ctx.mouse_move_to_pos((place[0] - by[0], place[1] - by[1]))
                d.ctx.yield_(2)
            d.ctx.mouse_up(button)
            d.ctx.yield_(2)

        def seen(point) -> tuple[float, float]:
            (x, y, width, height), camera = d.area, d.shown.request.camera
            (uv,), _ = project(camera, np.array([point]))
            return x + float(uv[0]) / camera.width * width, y + float(uv[1]) / camera.height * height

        for view in (0, 1):
            d.session.send(e.JumpToCamera(view=view))
            d.session.send(e.Triggered(action="key_add"))
        d.session.send(e.SetKeyFrame(key_id=2, scene_frame=12.0))
        d.session.send(e.SetRange(first=2, last=None))
        d.session.send(e.SetFrame(index=4))
        d.session.send(e.Triggered(action="frame_scene"))
        d.ctx.yield_(4)
        here, frame = pose(d), d.state.transport.index

        x, y, width, height = d.area
        middle = x + 0.5 * width, y + 0.75 * height
        for button in (0, 1, 2):
            abandoned(middle, (60.0, 20.0), lambda: not np.array_equal(pose(d), here), button)
        d.session.send(e.SetPathTime(time_s=0.5))
        d.ctx.yield_(3)
        abandoned(middle, (60.0, 20.0), lambda: not d.state.path_editor.previewing)
        lane = d.ctx.item_info("//**/##scene_time").rect_full
        pitch = (lane.max.x - lane.min.x) / 8
        abandoned((lane.min.x + 4.5 * pitch, lane.min.y + 4.0), (2 * pitch, 0.0), lambda: d.state.transport.index != frame)
        abandoned((lane.min.x + 2.0 * pitch, lane.min.y + 4.0), (2 * pitch, 0.0), lambda: d.state.transport.first != 2)
        key = lane.min.x + 2.5 * pitch, lane.max.y - 4.0
        abandoned(key, (2 * pitch, 0.0), lambda: d.state.path_editor.path.keys[1].scene_frame != 12.0)
        d.press(imgui.Key.escape)
        assert not d.state.path_editor.previewing, "without a drag Escape leaves the preview"

        d.click("Render")
        slider = d.ctx.item_info("//**/##exposure").rect_full
        abandoned((slider.get_center().x, slider.get_center().y), (70.0, 0.0), lambda: d.state.picture.look.exposure != 0.0)
        d.session.send(e.SetPose(centre=(5.0, 0.0, 2.0), yaw_deg=180.0, pitch_deg=-20.0))
        far = np.eye(4)
        far[:3, 3] = 0.5, 0.8, 0.6
        d.session.send(e.SetKeyPose(key_id=2, T_world_camera=far))
        d.session.send(e.SelectKey(key_id=2))
        d.session.send(e.SetCrop(crop=CROP))
        d.ctx.yield_(4)
        d.until(lambda: d.shown.final and d.shown.request.crop is not None and not d.session.busy)
        abandoned(seen(far[:3, 3]), (50.0, -30.0), lambda: d.state.path_editor.path.keys[1].position != tuple(far[:3, 3]))
        abandoned(seen(handles(d.state.crop)[4].point), (0.0, -60.0), lambda: d.state.crop != CROP)
        d.session.send(e.SetCrop(crop=replace(CROP, on=False)))
        d.session.send(e.SetComparison(comparison=Comparison(layout="wipe", pair="fast | full")))
        d.until(lambda: d.session._stats.compared == "wipe" and d.shown.final)
        x, y, width, height = d.area
        abandoned((x + 0.5 * width, y + 0.9 * height), (80.0, 0.0), lambda: d.state.comparison.wipe != 0.5)

    drive(size=(1400, 860)).run(script)
