"""The camera of the window: what moves it, looking through cameras of the capture, jumps and copies."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
from states import after, press
from uneven_scene import make_scene, opened, same_view

from im4d_core.geometry import box_corners, project, unproject
from viewer import controls
from viewer import events as e
from viewer.changes import vector
from viewer.request import goal_camera, is_moving, view_camera
from viewer.state import ViewerState


def test_opening_frames_the_scene() -> None:
    state = opened()
    uv, depth = project(view_camera(state, 1280, 720), box_corners(make_scene().boxes[0]))
    assert (depth > 0).all()
    assert (uv >= 0).all()
    assert (uv <= [1280, 720]).all()
    assert state.transport.fps == 10.0


def test_a_camera_of_the_capture_is_looked_through_exactly() -> None:
    state = opened(first_view=2)
    camera = make_scene().cameras[2]
    seen = view_camera(state, 160, 120)
    np.testing.assert_allclose(seen.K, camera.K)
    np.testing.assert_allclose(seen.T_camera_world, camera.T_camera_world, atol=1e-12)


def test_moving_leaves_the_camera_of_the_capture_without_a_jump() -> None:
    state = replace(opened(first_view=2), width=300, height=300)
    before = view_camera(state, 300, 300)
    moved = after(state, e.Dragged(action="pan", dx_px=0.0, dy_px=0.0, height_px=300))
    assert moved.dataset_camera is None
    assert same_view(before, view_camera(moved, 300, 300))


def test_dataset_cameras_by_key() -> None:
    state = opened()
    assert press(state, "camera_next").dataset_camera == 1
    assert press(state, "camera_previous").dataset_camera == 3  # round the ring
    assert press(state, "camera_next", "camera_next", "camera_first").dataset_camera == 0
    assert press(state, "camera_last").dataset_camera == 3
    assert press(state, "camera_2").dataset_camera == 2
    beyond = press(state, "camera_9")
    assert beyond.dataset_camera is None
    assert "4" in beyond.notices[-1].text
    assert after(state, e.JumpToCamera(view=99)).dataset_camera == 3


def test_held_keys_move_and_coming_to_rest_ends() -> None:
    state = opened()
    start = controls.centre_of(state.navigation.T_camera_world)
    for i in range(1, 31):
        state = after(state, e.Tick(now_s=100.0 + i / 60, held=frozenset({"move_forward"})))
    moved = controls.centre_of(state.navigation.T_camera_world) - start
    assert moved @ state.navigation.T_camera_world[2, :3] > 0.2 * state.navigation.speed
    for i in range(60):
        state = after(state, e.Tick(now_s=101.0 + i / 60))
    assert state.navigation.velocity == (0.0, 0.0, 0.0)
    rested = after(state, e.Tick(now_s=103.0))
    assert rested.navigation is state.navigation
    assert not is_moving(rested)


def test_numeric_pose() -> None:
    state = after(opened(), e.SetPose(centre=(1.0, 2.0, 3.0), yaw_deg=30.0, pitch_deg=-10.0))
    pose = state.navigation.T_camera_world
    np.testing.assert_allclose(controls.centre_of(pose), [1, 2, 3])
    np.testing.assert_allclose(controls.angles(pose, np.array([0.0, 0.0, 1.0])), (30, -10), atol=1e-9)
    assert after(state, e.SetPose(centre=(math.nan, 0, 0), yaw_deg=0, pitch_deg=0)) == state


def test_pivot_fov_speed_and_reset() -> None:
    state = opened()
    assert after(state, e.PivotPicked(point=(1.0, 0.0, 0.5))).navigation.pivot == (1.0, 0.0, 0.5)
    assert after(state, e.Scrolled(action="fov", steps=1.0)).navigation.fov_y_deg < state.navigation.fov_y_deg
    assert after(state, e.SetFov(fov_y_deg=500.0)).navigation.fov_y_deg == controls.FOV_RANGE_DEG[1]
    assert press(state, "speed_up").navigation.speed > state.navigation.speed
    wandered = after(state, e.Dragged(action="orbit", dx_px=50, dy_px=20, height_px=100), e.Scrolled(action="dolly", steps=5))
    assert same_view(goal_camera(press(wandered, "reset_view"), 160, 120), view_camera(state, 160, 120))
    assert press(state, "navigation").navigation.mode == "fly"
    fly = press(state, "navigation")
    assert after(fly, e.Scrolled(action="dolly", steps=1.0)).navigation.T_camera_world is not fly.navigation.T_camera_world


def test_a_double_click_in_flight_flies_towards_the_point() -> None:
    """It stays under the mouse, the way is seen, and undo leads back."""
    state = press(opened(), "navigation")
    here = goal_camera(state, 320, 180)
    point = unproject(here, np.array([[250.0, 60.0]]), np.array([2.0]))[0]
    flown = after(state, e.PivotPicked(point=vector(point)))
    uv, depth = project(goal_camera(flown, 320, 180), point[None])
    np.testing.assert_allclose([*uv[0], depth[0]], [250.0, 60.0, 0.5], atol=1e-9)
    np.testing.assert_allclose(flown.navigation.pivot, point)
    assert flown.flight is not None and same_view(view_camera(flown, 320, 180), here)
    back = press(flown, "undo")
    assert flown.history.undo[-1].what == "flight to a point" and same_view(goal_camera(back, 320, 180), here)
    turning = after(opened(), e.PivotPicked(point=vector(point)))
    assert turning.flight is None and same_view(goal_camera(turning, 320, 180), here), "in orbit only the pivot moves"


def test_f_frames_the_selected_key_and_the_scene_where_none_is() -> None:
    state = press(opened(), "key_add")
    state = after(state, e.Dragged(action="orbit", dx_px=60, dy_px=20, height_px=100), e.Scrolled(action="dolly", steps=-6.0))
    key = state.path_editor.selected_key
    assert key is not None
    framed = press(state, "frame_selected")
    place = key.T_world_camera[:3, 3]
    np.testing.assert_allclose(framed.navigation.pivot, place, atol=1e-9)
    camera = goal_camera(framed, 640, 360)
    np.testing.assert_allclose(project(camera, place[None])[0][0], [320.0, 180.0], atol=1e-6)  # pixels: in the middle
    np.testing.assert_allclose(camera.R, goal_camera(state, 640, 360).R, atol=1e-12)  # seen from where one looked
    scene = press(state, "frame_scene")
    assert scene.navigation != framed.navigation
    for without in (after(state, e.SelectKey(key_id=None)), after(state, e.SetOverlay(name="path", shown=False))):
        assert press(without, "frame_selected").navigation == scene.navigation
    assert press(ViewerState(), "frame_selected").navigation == ViewerState().navigation


def test_camera_as_text_and_back() -> None:
    state = after(opened(), e.SetFrame(index=5), e.Dragged(action="orbit", dx_px=50, dy_px=20, height_px=100))
    copied = press(state, "copy_camera").effects[-1]
    assert isinstance(copied, e.CopyText)
    pasted = after(opened(), e.TextPasted(text=copied.text))
    assert same_view(goal_camera(pasted, 160, 120), view_camera(state, 160, 120))
    assert pasted.frame == state.frame
    for nonsense in ("", "hello", "[1, 2]", "{}", json.dumps({"format": "im4d-camera-path"})):
        refused = after(state, e.TextPasted(text=nonsense))
        assert refused.navigation == state.navigation
        assert refused.notices[-1].level == "warning"
