"""Keys moved, aimed and rolled in the view: the mathematics of the handles, then the mouse in the real window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driver import Driver

from im4d_core.camera_path import Keyframe, keyframe
from im4d_core.geometry import intrinsics, look_at, project
from im4d_core.types import Camera
from viewer import attitude
from viewer import events as e
from viewer.key_gizmo import KeyHandle, dragged, handles, ring

UP = np.array([0.0, 0.0, 1.0])
CAMERA = Camera(name="eye", K=intrinsics(200, 150, 45.0), T_camera_world=look_at(np.array([6.0, -1.0, 2.0]), np.zeros(3), UP), width=200, height=150)


def a_key() -> Keyframe:
    return keyframe(1, 0.0, np.linalg.inv(look_at(np.array([1.0, 1.5, 0.5]), np.array([-1.0, 0.0, 0.2]), UP)), 50.0)


def seen(point: object) -> np.ndarray:
    return project(CAMERA, np.array([point], dtype=float))[0][0]


def found(kind: str, axis: int = 0) -> KeyHandle:
    return next(handle for handle in handles(a_key(), CAMERA, 0.1) if (handle.kind, handle.axis) == (kind, axis))


def test_handles_have_the_same_size_at_any_distance() -> None:
    lengths = []
    for away in (1.0, 3.0):
        place = np.array([6.0, -1.0, 2.0]) + away * CAMERA.T_camera_world[2, :3] * 2
        key = keyframe(1, 0.0, np.linalg.inv(look_at(place, place + [0.0, 1.0, 0.0], UP)), 50.0)
        middle, *ends = handles(key, CAMERA, 0.1)
        lengths.append([np.linalg.norm(seen(end.point) - seen(middle.point)) for end in ends[:3]])
    np.testing.assert_allclose(lengths[0], lengths[1], rtol=0.2)  # perspective makes the nearer end of an axis a little longer


def test_no_handles_where_the_user_is_or_behind() -> None:
    here = keyframe(1, 0.0, np.linalg.inv(CAMERA.T_camera_world), 50.0)
    behind = keyframe(2, 0.0, np.linalg.inv(look_at(np.array([9.0, -2.0, 3.0]), np.zeros(3), UP)), 50.0)
    assert handles(here, CAMERA, 0.1) == handles(behind, CAMERA, 0.1) == ()


def test_the_middle_follows_the_mouse_parallel_to_the_picture() -> None:
    key, handle = a_key(), found("centre")
    u, v = seen(handle.point) + [13.0, -8.0]
    pose = dragged(key, handle, CAMERA, u, v, UP)
    np.testing.assert_allclose(seen(pose[:3, 3]), [u, v], atol=1e-9)
    depth = CAMERA.T_camera_world[2]
    assert depth @ [*pose[:3, 3], 1.0] == pytest.approx(depth @ [*key.position, 1.0])
    np.testing.assert_array_equal(pose[:3, :3], key.T_world_camera[:3, :3])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_axis_moves_along_itself_only(axis: int) -> None:
    key, handle = a_key(), found("axis", axis)
    u, v = seen(np.array(handle.point) + 0.7 * np.eye(3)[axis]).tolist()
    pose = dragged(key, handle, CAMERA, u, v, UP)
    np.testing.assert_allclose(pose[:3, 3], np.array(key.position) + 0.7 * np.eye(3)[axis], atol=1e-9)
    u, v = seen(handle.point).tolist()
    still = dragged(key, handle, CAMERA, u, v, UP)
    np.testing.assert_allclose(still, key.T_world_camera, atol=1e-9)


def test_the_aim_turns_the_key_and_leaves_its_place() -> None:
    key, handle = a_key(), found("aim")
    u, v = seen(handle.point) + [-9.0, 6.0]
    pose = dragged(key, handle, CAMERA, u, v, UP)
    np.testing.assert_allclose(pose[:3, 3], key.position, atol=1e-12)
    distance = np.linalg.norm(np.array(handle.point) - key.position)
    # The point lies in the plane parallel to the picture through the old one, so along the new direction it is a little farther or nearer.
    on_line = [np.linalg.norm(seen(pose[:3, 3] + reach * pose[:3, 2]) - [u, v]) for reach in np.linspace(0.3, 3.0, 2000) * distance]
    assert min(on_line) < 0.2
    assert pose[:3, 1] @ UP < 0  # the picture's top stays up


def test_aiming_a_rolled_key_keeps_its_roll() -> None:
    pose = np.linalg.inv(attitude.rolled(np.linalg.inv(a_key().T_world_camera), 30.0))
    key = keyframe(1, 0.0, pose, 50.0)
    handle = next(one for one in handles(key, CAMERA, 0.1) if one.kind == "aim")
    u, v = seen(handle.point) + [-9.0, 6.0]
    aimed = dragged(key, handle, CAMERA, u, v, UP)
    assert attitude.roll_deg(np.linalg.inv(aimed), UP) == pytest.approx(30.0, abs=1e-6)
    assert not np.allclose(aimed, pose)


@pytest.mark.parametrize("turn_deg", [-150.0, -40.0, 3.0, 75.0])
def test_the_ring_rolls_the_key_to_where_the_mouse_is_and_no_further(turn_deg: float) -> None:
    """The place that the top reaches by a known roll is where the mouse goes; the handle is there afterwards, and lies on the ring."""
    key, handle = a_key(), found("roll")
    before = np.linalg.inv(key.T_world_camera)
    wanted = keyframe(1, 0.0, np.linalg.inv(attitude.rolled(before, turn_deg)), 50.0)
    goal = next(one for one in handles(wanted, CAMERA, 0.1) if one.kind == "roll")
    u, v = seen(goal.point)
    pose = dragged(key, handle, CAMERA, u, v, UP)
    np.testing.assert_allclose(pose[:3, 3], key.position, atol=1e-12)
    np.testing.assert_allclose(pose[:3, 2], key.T_world_camera[:3, 2], atol=1e-9)  # it looks where it looked
    assert attitude.roll_deg(np.linalg.inv(pose), UP) == pytest.approx(turn_deg, abs=0.02)  # turns are tried every 0.0125 degrees
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1.0)
    line = ring(key, CAMERA, 0.1)
    assert np.linalg.norm(line - np.array(goal.point), axis=1).min() < 0.04 * np.linalg.norm(np.subtract(goal.point, key.position)) * np.pi
    turned = keyframe(1, 0.0, pose, 50.0)
    again = dragged(turned, next(one for one in handles(turned, CAMERA, 0.1) if one.kind == "roll"), CAMERA, u, v, UP)
    np.testing.assert_allclose(again, pose, atol=1e-9)  # a mouse that rests turns nothing


def test_a_ring_seen_from_its_edge_turns_the_shorter_way() -> None:
    eye = np.array([6.0, 0.0, 0.0])
    camera = Camera(name="eye", K=CAMERA.K, T_camera_world=look_at(eye, np.zeros(3), UP), width=200, height=150)
    key = keyframe(1, 0.0, np.linalg.inv(look_at(np.zeros(3), np.array([0.0, 3.0, 0.0]), UP)), 50.0)
    handle = next(one for one in handles(key, camera, 0.1) if one.kind == "roll")
    top, middle = (project(camera, np.array([point]))[0][0] for point in (handle.point, key.position))
    u, v = (middle + np.cos(np.radians(40.0)) * (top - middle)).tolist()
    pose = dragged(key, handle, camera, u, v, UP)
    assert abs(attitude.roll_deg(np.linalg.inv(pose), UP)) == pytest.approx(40.0, abs=4.0)  # perspective: the near half of the ring is larger
    u, v = middle.tolist()
    still = dragged(key, handle, camera, u, v, UP)
    assert abs(attitude.roll_deg(np.linalg.inv(still), UP)) <= 91.0, "never all the way round"


def test_an_axis_into_the_eye_does_not_run_away() -> None:
    eye = Camera(name="eye", K=CAMERA.K, T_camera_world=look_at(np.array([8.0, 1.5, 0.5]), np.array([1.0, 1.5, 0.5]), UP), width=200, height=150)
    handle = next(one for one in handles(a_key(), eye, 0.1) if one.kind == "axis" and one.axis == 0)
    u, v = project(eye, np.array([handle.point]))[0][0].tolist()
    pose = dragged(a_key(), handle, eye, u, v, UP)
    assert np.linalg.norm(pose[:3, 3] - a_key().position) < 1e-6


@pytest.fixture
def drive(display: str, tmp_path: Path) -> Callable[..., Driver]:
    def make(**options: Any) -> Driver:
        return Driver(tmp_path, **options)

    return make


def test_a_key_is_pressed_moved_and_brought_back_in_the_window(drive: Callable[..., Driver]) -> None:
    from imgui_bundle import imgui

    def script(d: Driver) -> None:
        scene = d.state.scene
        assert scene is not None
        keys = tuple(keyframe(i, float(i), np.linalg.inv(look_at(np.array([0.5, 1.2 * i - 1.8, 0.5]), np.array([0.0, 0.0, 0.0]), UP)), 40.0) for i in (1, 2))
        d.session.send(e.ReplacePath(path=d.state.path_editor.path.__class__(keys=keys)))
        d.session.send(e.SelectKey(key_id=1))
        d.session.send(e.SetPose(centre=(5.0, 0.0, 2.0), yaw_deg=180.0, pitch_deg=-20.0))
        d.ctx.yield_(5)
        d.until(lambda: d.shown.final and not d.session.busy)

        def place(point: object) -> tuple[float, float]:
            x, y, width, height = d.area
            camera = d.shown.request.camera
            (uv,), (depth,) = project(camera, np.array([point], dtype=float))
            assert depth > 0
            return x + float(uv[0]) * width / camera.width, y + float(uv[1]) * height / camera.height

        before = d.state.navigation.T_camera_world
        d.ctx.mouse_move_to_pos(place(keys[1].position))
        d.ctx.mouse_click(0)
        d.ctx.yield_(2)
        assert d.state.path_editor.selected == 2
        x, y = place(keys[1].position)
        d.ctx.mouse_move_to_pos((x, y))
        d.ctx.mouse_down(0)
        d.ctx.yield_()
        d.ctx.mouse_move_to_pos((x + 30.0, y - 20.0))
        d.ctx.mouse_move_to_pos((x + 60.0, y - 40.0))
        d.ctx.yield_(2)
        d.ctx.mouse_up(0)
        d.ctx.yield_(2)
        moved = d.state.path_editor.path.keys[1]
        assert np.abs(np.subtract(place(moved.position), (x + 60.0, y - 40.0))).max() < 4.0
        assert moved.rotation == pytest.approx(keys[1].rotation)
        np.testing.assert_array_equal(d.state.navigation.T_camera_world, before)  # the camera did not turn
        d.session.send(e.Triggered(action="undo"))
        d.ctx.yield_(2)
        assert d.state.path_editor.path.keys[1].position == pytest.approx(keys[1].position)

        d.until(lambda: d.shown.final and not d.session.busy)
        x, y = place(keys[1].position)
        d.ctx.mouse_move_to_pos((x, y))
        d.ctx.key_down(imgui.Key.mod_shift)
        d.ctx.mouse_down(0)
        d.ctx.yield_()
        d.ctx.mouse_move_to_pos((x + 30.0, y - 20.0))
        d.ctx.mouse_move_to_pos((x + 60.0, y - 40.0))
        d.ctx.yield_(2)
        d.ctx.mouse_up(0)
        d.ctx.key_up(imgui.Key.mod_shift)
        d.ctx.yield_(2)
        first, second, copy = d.state.path_editor.path.keys
        assert (first.position, second.position) == (keys[0].position, keys[1].position)
        assert np.abs(np.subtract(place(copy.position), (x + 60.0, y - 40.0))).max() < 4.0
        assert d.state.path_editor.selected == copy.id
        d.session.send(e.Triggered(action="undo"))
        d.ctx.yield_(2)
        assert len(d.state.path_editor.path.keys) == 2, "copy and drag are one step"

    drive().run(script)


def test_a_key_is_rolled_by_its_ring_and_brought_back_in_the_window(drive: Callable[..., Driver]) -> None:
    from imgui_bundle import imgui

    def script(d: Driver) -> None:
        looks = look_at(np.array([0.5, 0.6, 0.5]), np.array([-2.0, 0.0, 0.4]), UP)
        d.session.send(e.ReplacePath(path=d.state.path_editor.path.__class__(keys=(keyframe(1, 0.0, np.linalg.inv(looks), 40.0),))))
        d.session.send(e.SelectKey(key_id=1))
        d.session.send(e.SetPose(centre=(5.0, 0.0, 2.0), yaw_deg=180.0, pitch_deg=-20.0))
        d.ctx.yield_(5)
        d.until(lambda: d.shown.final and not d.session.busy)

        def place(point: object) -> tuple[float, float]:
            (x, y, width, height), camera = d.area, d.shown.request.camera
            (uv,), _ = project(camera, np.array([point], dtype=float))
            return x + float(uv[0]) * width / camera.width, y + float(uv[1]) * height / camera.height

        def handle() -> tuple[float, float]:
            key = d.state.path_editor.selected_key
            assert key is not None
            return place(next(one.point for one in handles(key, d.shown.request.camera, 0.1) if one.kind == "roll"))

        def roll() -> float:
            return attitude.roll_deg(np.linalg.inv(d.state.path_editor.path.keys[0].T_world_camera), UP)

        steps, camera = len(d.state.history.undo), d.state.navigation
        goal = keyframe(1, 0.0, np.linalg.inv(attitude.rolled(looks, 60.0)), 40.0)
        there = place(next(one.point for one in handles(goal, d.shown.request.camera, 0.1) if one.kind == "roll"))
        here = handle()
        d.ctx.mouse_move_to_pos(here)
        d.ctx.sleep_no_skip(1.0, 0.1)  # ImGui waits a moment before it tells
        told = imgui.internal.find_window_by_name("##Tooltip_00")
        assert told is not None and told.active, "it says what it does"
        d.ctx.mouse_down(0)
        d.ctx.yield_()
        for part in (0.3, 0.6, 1.0):
            d.ctx.mouse_move_to_pos((here[0] + part * (there[0] - here[0]), here[1] + part * (there[1] - here[1])))
            d.ctx.yield_(2)
        assert roll() == pytest.approx(60.0, abs=2.0)  # the mouse stands on whole pixels
        assert np.abs(np.subtract(handle(), there)).max() < 3.0
        d.ctx.mouse_up(0)
        d.ctx.yield_(2)
        assert len(d.state.history.undo) == steps + 1 and d.state.navigation == camera
        d.press_name("Ctrl+Z")
        assert roll() == pytest.approx(0.0, abs=1e-6)

    drive().run(script)
