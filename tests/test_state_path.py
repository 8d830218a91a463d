"""The camera path in the state: preview, playing, keys, orbits, saving."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from states import after, press
from uneven_scene import make_scene, opened, same_view, with_path

from im4d_core.camera_path import CameraPath, keyframe
from im4d_core.geometry import project, unproject
from viewer import controls
from viewer import events as e
from viewer.edited_path import OrbitSettings
from viewer.panels.frame import composed, frame
from viewer.request import is_moving, render_request, view_camera
from viewer.state import scene_timing


def test_preview_shows_the_path_and_escape_the_users_camera() -> None:
    state = with_path(opened())
    state = after(state, e.Dragged(action="orbit", dx_px=50, dy_px=20, height_px=100))
    shown = after(state, e.SetPathTime(time_s=2.0))
    assert np.allclose(view_camera(shown, 160, 120).centre, make_scene().cameras[1].centre)
    assert shown.frame == 15
    back = press(shown, "cancel")
    assert back.navigation == state.navigation
    assert back.frame == state.frame


def test_touching_the_camera_in_a_preview_takes_it_over() -> None:
    shown = after(with_path(opened()), e.SetPathTime(time_s=2.0))
    taken = after(shown, e.Dragged(action="look", dx_px=0, dy_px=0, height_px=100))
    assert not taken.path_editor.previewing
    assert same_view(view_camera(taken, shown.width, shown.height), view_camera(shown, shown.width, shown.height))
    assert taken.frame == shown.frame


def test_scrubbing_scene_time_in_a_preview_keeps_the_place() -> None:
    shown = after(with_path(opened()), e.SetPathTime(time_s=1.0))
    scrubbed = after(shown, e.SetFrame(index=7))
    assert scrubbed.frame == 17
    assert same_view(view_camera(scrubbed, shown.width, shown.height), view_camera(shown, shown.width, shown.height))


def test_preview_is_the_export() -> None:
    """Every picture of the video is the request of the window at that time of the path."""
    state = after(with_path(opened()), e.SetFps(fps=3.0))
    for shot in state.path_editor.path.shots(scene_timing(state), 10.0):
        request = render_request(after(state, e.SetPathTime(time_s=shot.time_s)), 160, 120)
        assert request is not None
        assert request.frame == shot.frame
        np.testing.assert_array_equal(request.camera.T_camera_world, shot.sample.camera(160, 120).T_camera_world)


@pytest.mark.parametrize(("width", "height"), [(300, 600), (600, 300), (1280, 720)])
def test_a_window_of_any_shape_shows_all_of_the_export(width: int, height: int) -> None:
    state = after(with_path(opened()), e.SetPathTime(time_s=0.5))
    exported = state.path_editor.path.sample(0.5).camera(1280, 720)
    corners = unproject(exported, np.array([[0.0, 0.0], [1280.0, 720.0]]), np.array([2.0, 2.0]))
    (left, top), (right, bottom) = project(view_camera(state, width, height), corners)[0]
    across, down = frame((0.0, 0.0, width, height), 1280, 720)[:2]
    np.testing.assert_allclose([left, top, right, bottom], [across, down, width - across, height - down], atol=1e-9)
    assert down == pytest.approx(0.0) or across == pytest.approx(0.0)
    key = press(state, "key_add").path_editor.selected_key
    assert key is not None
    assert key.fov_y_deg == pytest.approx(exported.fov_y_deg), "a key is of the path's own view"


@pytest.mark.parametrize(("width", "height"), [(300, 600), (600, 300), (1280, 720)])
@pytest.mark.parametrize("export", [(720, 1280), (1920, 800)])
@pytest.mark.parametrize(
    "events",
    [(e.SetFov(fov_y_deg=40.0),), (e.SetPrincipalPoint(principal_point=(0.1, -0.2)),), (e.JumpToCamera(view=1),)],
    ids=["free", "axis", "through a camera"],
)
def test_the_frame_while_keys_are_made_is_what_their_pictures_show(width: int, height: int, export: tuple[int, int], events: tuple[e.Event, ...]) -> None:
    """A key keeps the vertical field of view of the window, whatever shape the export has, and its principal point."""
    state = after(opened(), e.Resized(width=width, height=height), *events, e.Tick(now_s=200.0))
    key = press(state, "key_add").path_editor
    exported = key.path.sample(0.0).camera(*export)
    corners = unproject(exported, np.array([[0.0, 0.0], [float(export[0]), float(export[1])]]), np.array([2.0, 2.0]))
    (left, top), (right, bottom) = project(view_camera(state, width, height), corners)[0]
    x, y, wide, high = composed((0.0, 0.0, width, height), export[0] / export[1])
    np.testing.assert_allclose([left, top, right, bottom], [x, y, x + wide, y + high], atol=1e-6)  # pixels


def test_path_plays_by_the_clock() -> None:
    state = after(with_path(opened()), e.SetPathTime(time_s=0.0), e.Triggered(action="path_play"), e.Tick(now_s=101.0))
    assert state.path_editor.time_s == pytest.approx(1.0)
    assert is_moving(state)
    assert press(opened(), "path_play").notices[-1].level == "info"


def test_keys_record_scene_time_when_asked() -> None:
    state = after(opened(), e.SetFrame(index=4), e.SetRecordsSceneTime(on=True), e.Triggered(action="key_add"))
    assert state.path_editor.path.keys[0].scene_frame == 14.0
    assert with_path(opened()).path_editor.path.keys[0].scene_frame is None


def test_key_actions_undo_and_selection() -> None:
    state = with_path(opened())
    assert press(state, "key_delete", "undo").path_editor.path == state.path_editor.path
    assert len(press(state, "key_duplicate").path_editor.path.keys) == 3
    assert press(state, "path_clear").path_editor.path.keys == ()
    assert press(after(state, e.SelectKey(key_id=None)), "key_delete").notices[-1].level == "info"
    going = after(state, e.SelectKey(key_id=1, go_there=True))
    assert (going.path_editor.time_s, going.path_editor.previewing) == (0.0, True)
    assert press(state, "path_loop").path_editor.path.loop


def test_orbit_generator_starts_where_the_camera_is() -> None:
    state = after(opened(), e.SetOrbit(settings=OrbitSettings(turns=1.0, duration_s=4.0)), e.Triggered(action="path_orbit"))
    path = state.path_editor.path
    assert path.loop
    assert path.duration_s == pytest.approx(4.0)
    np.testing.assert_allclose(path.keys[0].position, controls.centre_of(state.navigation.T_camera_world), atol=1e-9)
    assert press(state, "undo").path_editor.path.keys == ()
    assert after(opened(), e.SetOrbit(settings=OrbitSettings(turns=0.0)), e.Triggered(action="path_orbit")).notices[-1].level == "warning"
    assert len(press(opened(), "path_cameras").path_editor.path.keys) == 4


def test_saving_and_loading() -> None:
    state = with_path(opened())
    saved = press(state, "path_save")
    assert saved.effects[-1] == e.SavePath(path=state.path_editor.path, file=Path("test_path.json"))
    done = after(saved, e.PathSaved(path=state.path_editor.path, file=Path("test_path.json")))
    assert not done.path_editor.unsaved
    assert press(after(state, e.SetPathFile(file="b.json")), "path_load").effects[-1] == e.LoadPath(file=Path("b.json"))
    other = CameraPath(keys=(keyframe(4, 1.0, np.eye(4), 50.0),))
    loaded = after(state, e.PathLoaded(path=other, file=Path("c.json"), notes=("Its scale is usual",)))
    assert loaded.notices[-1].text.endswith("from c.json. Its scale is usual")
    assert (loaded.path_editor.path, loaded.path_editor.unsaved, loaded.path_editor.file) == (other, False, "c.json")
    assert press(loaded, "undo").path_editor.path == state.path_editor.path
    assert press(opened(), "path_save").effects == ()
