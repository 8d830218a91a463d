"""The principal point of the view: in the picture, under the user's hands, in keys of a path and in every file that has room for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from driver import Driver
from foreign_paths import VIEW
from states import after, opened, press

from im4d_core.camera_path import CameraPath, keyframe
from im4d_core.geometry import box_corners, intrinsics, project
from im4d_core.path_files import export_path, load_path, path_to_json, save_path
from im4d_core.path_simplify import simplified
from im4d_core.types import Camera
from viewer import events as e
from viewer import path_editor
from viewer.request import goal_camera, view_camera
from viewer.state import ViewerState

SHIFTED = (0.12, -0.3)


def _shifted(state: ViewerState) -> ViewerState:
    return after(state, e.SetPrincipalPoint(principal_point=SHIFTED))


def _path(*points: tuple[float, float]) -> CameraPath:
    poses = [np.eye(4) for _ in points]
    for i, pose in enumerate(poses):
        pose[:3, 3] = (float(i), 0.5 * i * i, -3.0)
    return CameraPath(keys=tuple(keyframe(i + 1, float(i), pose, 40.0 + i, None, point) for i, (pose, point) in enumerate(zip(poses, points))))


# ---- cameras ------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(640, 360), (101, 203), (64, 64)])
def test_it_is_the_same_at_any_size_and_shape(size: tuple[int, int]) -> None:
    camera = Camera(name="a", K=intrinsics(*size, 50.0, SHIFTED), T_camera_world=np.eye(4), width=size[0], height=size[1])
    np.testing.assert_allclose(camera.principal_point, SHIFTED, atol=1e-12)
    on_axis = project(camera, np.array([[0.0, 0.0, 2.0]]))[0][0]
    np.testing.assert_allclose(on_axis, [size[0] / 2 + 0.12 * size[1], 0.2 * size[1]], atol=1e-9)
    assert intrinsics(*size, 50.0)[:2, 2].tolist() == [size[0] / 2, size[1] / 2]


def test_the_view_has_it_and_undo_takes_it_back() -> None:
    state = after(opened(), e.Resized(width=640, height=360))
    shifted = _shifted(state)
    np.testing.assert_allclose(view_camera(shifted, 640, 360).principal_point, SHIFTED, atol=1e-12)
    np.testing.assert_array_equal(view_camera(shifted, 640, 360).T_camera_world, view_camera(state, 640, 360).T_camera_world)
    assert shifted.history.undo[-1].what == "principal point"
    assert press(shifted, "undo").navigation == state.navigation
    assert after(state, e.SetPrincipalPoint(principal_point=(9.0, float("nan")))).navigation == state.navigation
    assert after(state, e.SetPrincipalPoint(principal_point=(9.0, -9.0))).navigation.principal_point == (1.0, -1.0)


def test_a_camera_of_the_capture_that_is_moved_away_from_keeps_its_own() -> None:
    """Without that the picture would jump by as much in the first moment of a drag."""
    state = opened()
    assert state.scene is not None
    first = state.scene.cameras[1]
    real = replace(first, K=intrinsics(first.width, first.height, first.fov_y_deg, (0.05, 0.02)))
    scene = replace(state.scene, cameras=(state.scene.cameras[0], real, *state.scene.cameras[2:]))
    state = after(state, e.SceneOpened(scene=scene, source=Path("other")), e.Resized(width=640, height=360), e.JumpToCamera(view=1), e.Tick(now_s=200.0))
    looking = view_camera(state, 640, 360)
    moved = after(state, e.Dragged(action="orbit", dx_px=0.0, dy_px=0.0, height_px=360.0))
    assert moved.dataset_camera is None
    np.testing.assert_allclose(view_camera(moved, 640, 360).K, looking.K, atol=1e-9)
    key = press(state, "key_add").path_editor.path
    np.testing.assert_allclose(key.sample(0.0).camera(real.width, real.height).K, real.K, atol=1e-9)


@pytest.mark.parametrize("point", [(0.0, 0.0), SHIFTED, (-0.6, 0.4)])
def test_framing_puts_the_scene_in_the_middle_all_of_it(point: tuple[float, float]) -> None:
    state = press(after(opened(), e.Resized(width=640, height=360), e.SetPrincipalPoint(principal_point=point)), "frame_scene")
    assert state.scene is not None
    box, camera = state.scene.boxes[0], goal_camera(state, 640, 360)
    np.testing.assert_allclose(project(camera, box.mean(axis=0)[None])[0][0], [320.0, 180.0], atol=1e-6)
    uv, depth = project(camera, box_corners(box))
    assert (depth > 0).all() and (uv > 0).all() and (uv < [640, 360]).all()
    assert np.abs(uv / [320.0, 180.0] - 1.0).max() > 0.9, "no farther away than it must be"


# ---- paths --------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interpolation", ["smooth", "linear", "hold"])
def test_a_path_meets_that_of_its_keys_and_goes_between_them(interpolation) -> None:
    path = replace(_path((0.0, 0.0), (0.2, -0.1), (0.2, 0.3)), interpolation=interpolation)
    for key in path.keys:
        np.testing.assert_allclose(path.sample(key.time_s).principal_point, key.principal_point, atol=1e-9)
    between = np.array(path.sample(0.5).principal_point)
    assert np.all(between == 0.0) if interpolation == "hold" else (0.0 < between[0] < 0.2 and -0.1 < between[1] < 0.0)
    flat = [path.sample(time).principal_point[0] for time in np.linspace(1.0, 2.0, 9)]
    np.testing.assert_allclose(flat, 0.2, atol=1e-12)  # no overshoot between equal keys


def test_keys_keep_it_through_every_edit_and_a_recorded_motion_too() -> None:
    state = press(_shifted(opened()), "key_add")
    key = state.path_editor.selected_key
    assert key is not None and key.principal_point == pytest.approx(SHIFTED)
    moved = path_editor.set_key_pose(state.path_editor, key.id, np.eye(4))
    assert moved.path.keys[0].principal_point == key.principal_point
    assert path_editor.set_key_fov(state.path_editor, key.id, 33.0).path.keys[0].principal_point == key.principal_point
    assert [one.principal_point for one in press(state, "key_duplicate").path_editor.path.keys] == [key.principal_point] * 2
    centred = press(after(state, e.SetPrincipalPoint(principal_point=(0.0, 0.0))), "key_overwrite").path_editor.path.keys[0]
    assert centred.principal_point == (0.0, 0.0)
    still = replace(_path((0.0, 0.0)).keys[0], position=(0.0, 0.0, 0.0))
    poses = [replace(still, id=i + 1, time_s=float(i), principal_point=(0.02 * max(i - 10, 0), 0.0)) for i in range(30)]  # rests, then glides
    short = simplified(poses, distance=1.0)
    assert 2 < len(short.keys) < 30
    assert max(abs(short.sample(pose.time_s).principal_point[0] - pose.principal_point[0]) for pose in poses) <= 0.005 + 1e-9


def test_the_camera_as_text_has_it() -> None:
    copied = press(_shifted(opened()), "copy_camera").effects[-1]
    assert isinstance(copied, e.CopyText)
    pasted = after(opened(), e.TextPasted(text=copied.text))
    assert pasted.navigation.principal_point == pytest.approx(SHIFTED)


def test_our_own_file_keeps_it_and_older_files_are_read(tmp_path: Path) -> None:
    path = _path((0.0, 0.0), SHIFTED)
    save_path(path, tmp_path / "a.json")
    assert load_path(tmp_path / "a.json") == path
    content = path_to_json(path)
    assert content["version"] == 2
    for key in content["keys"]:
        del key["principal_point"]
    (tmp_path / "old.json").write_text(json.dumps({**content, "version": 1}))
    old = load_path(tmp_path / "old.json")
    assert [key.principal_point for key in old.keys] == [(0.0, 0.0)] * 2
    assert [replace(key, principal_point=(0.0, 0.0)) for key in path.keys] == list(old.keys)


@pytest.mark.parametrize("form", ["easymocap-keys", "easymocap-pictures"])
def test_easymocap_holds_it(tmp_path: Path, form) -> None:
    path, told = _path((0.0, 0.0), SHIFTED), list[str]()
    export_path(path, tmp_path / "cams", form, VIEW, told=told.append)
    read = load_path(tmp_path / "cams")
    for key in (read.keys[0], read.keys[-1]):
        np.testing.assert_allclose(key.principal_point, path.sample(key.time_s).principal_point, atol=1e-9)
    np.testing.assert_allclose(read.keys[-1].principal_point, SHIFTED, atol=1e-9)
    assert told == []


def test_colmap_s_is_read(tmp_path: Path) -> None:
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 160 90 100 100 98 18\n2 SIMPLE_PINHOLE 160 90 100 80 45\n")
    (tmp_path / "images.txt").write_text("1 1 0 0 0 0 0 0 1 a.jpg\n\n2 1 0 0 0 1 0 0 2 b.jpg\n\n")
    keys = load_path(tmp_path).keys
    np.testing.assert_allclose([key.principal_point for key in keys], [(0.2, -0.3), (0.0, 0.0)], atol=1e-12)


@pytest.mark.parametrize("form", ["nerfstudio", "instant-ngp"])
def test_others_say_that_they_leave_it_out(tmp_path: Path, form) -> None:
    for path, words in ((_path((0.0, 0.0), SHIFTED), 1), (_path((0.0, 0.0), (0.0, 0.0)), 0)):
        told: list[str] = []
        export_path(path, tmp_path / "path.json", form, VIEW, told=told.append)
        assert len([note for note in told if note.startswith(form) and "principal point" in note]) == words
        assert all(key.principal_point == (0.0, 0.0) for key in load_path(tmp_path / "path.json").keys)


# ---- the window ---------------------------------------------------------------------------------------------------------------------------------


def test_it_is_typed_and_put_back_in_the_window(drive: Callable[..., Driver]) -> None:
    def script(d: Driver) -> None:
        d.click("Camera")
        d.ctx.item_input_value("//Camera/##principal_point/$$0", 25.0)
        d.ctx.yield_(3)
        assert d.state.navigation.principal_point == pytest.approx((0.25, 0.0))
        d.until(lambda: d.shown.final and d.shown.request.camera.principal_point == pytest.approx((0.25, 0.0)) and not d.session.busy)
        d.press_name("K")
        assert d.state.path_editor.path.keys[0].principal_point == pytest.approx((0.25, 0.0))
        d.click("Middle##principal_middle")
        assert d.state.navigation.principal_point == (0.0, 0.0)
        d.press_name("Ctrl+Z")
        assert d.state.navigation.principal_point == pytest.approx((0.25, 0.0))

    drive().run(script)


def test_where_one_was_is_remembered_with_it(drive: Callable[..., Driver], tmp_path: Path) -> None:
    def script(d: Driver) -> None:
        d.session.send(e.SetPrincipalPoint(principal_point=SHIFTED))
        d.ctx.yield_(3)

    def later(d: Driver) -> None:
        assert d.state.navigation.principal_point == pytest.approx(SHIFTED)

    drive(settings=tmp_path / "settings").run(script)
    drive(settings=tmp_path / "settings").run(later)
