"""The path as an editor has it: easing, tension, even speed, several named paths, generators, recorded motion, all under undo and in the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from states import after, dragging, opened, press, with_path

from im4d_core.camera_path import CameraPath, evened, keyframe
from im4d_core.geometry import look_at
from im4d_core.path_files import PathForm, load_path, load_paths, save_path
from im4d_core.path_simplify import simplified
from viewer import events as e
from viewer import path_editor, path_shelf
from viewer.edited_path import PathEditor
from viewer.overlays import path_lines
from viewer.state import ViewerState


def times(state: ViewerState) -> list[float]:
    return [key.time_s for key in state.path_editor.path.keys]


def test_easing_and_tension_are_clamped_and_a_drag_is_one_step() -> None:
    state = with_path(opened())
    eased = after(state, dragging(7), *(e.SetKeyEase(key_id=2, ease_in=0.1 * i, ease_out=2.0) for i in range(6)))
    assert (eased.path_editor.path.keys[1].ease_in, eased.path_editor.path.keys[1].ease_out) == (0.5, 1.0)
    assert press(eased, "undo").path_editor.path == state.path_editor.path
    assert after(state, e.SetKeyEase(key_id=99, ease_in=1.0, ease_out=1.0)) == state
    tense = after(state, dragging(8), *(e.SetTension(tension=0.3 * i) for i in range(6)))
    assert tense.path_editor.path.tension == 1.0
    assert press(tense, "undo").path_editor.path == state.path_editor.path
    over = press(after(eased, e.JumpToCamera(view=4)), "key_overwrite")
    assert [key.ease_in for key in over.path_editor.path.keys] == [key.ease_in for key in eased.path_editor.path.keys]


def test_even_speed_holds_through_edits() -> None:
    state = after(with_path(opened()), e.SetConstantSpeed(on=True))
    assert state.path_editor.path == evened(state.path_editor.path)
    moved = after(state, e.SetKeyTime(key_id=2, time_s=0.3))
    assert times(moved) == pytest.approx(times(state))  # between the ends, times follow from places
    longer = after(state, e.SetKeyTime(key_id=3, time_s=8.0))
    assert times(longer) == pytest.approx([2.0 * time_s for time_s in times(state)])
    added = press(after(longer, e.SetPathTime(time_s=1.0)), "key_add")
    assert added.path_editor.path == evened(added.path_editor.path)
    assert press(state, "undo").path_editor.path == with_path(opened()).path_editor.path


def test_paths_are_named_switched_copied_and_removed() -> None:
    state = with_path(opened())
    assert path_shelf.titles(state.path_editor) == ("path",)
    second = press(after(state, e.RenamePath(name="  first ")), "path_new", "key_add")
    assert path_shelf.titles(second.path_editor) == ("first", "path")
    assert len(second.path_editor.path.keys) == 1
    back = after(second, e.ChoosePath(name="first"))
    assert [key.id for key in back.path_editor.path.keys] == [1, 2, 3]
    assert back.path_editor.shelf == (second.path_editor.path,)
    copy = press(back, "path_copy")
    assert path_shelf.title(copy.path_editor.path) == "first 2"
    assert path_shelf.title(press(copy, "path_copy").path_editor.path) == "first 3"
    taken = after(copy, e.RenamePath(name="path"))
    assert path_shelf.title(taken.path_editor.path) == "path 2"
    without = press(copy, "path_remove")
    assert path_shelf.title(without.path_editor.path) == "path"  # the next by name
    assert path_shelf.titles(without.path_editor) == ("first", "path")
    assert press(press(press(without, "path_remove"), "path_remove"), "path_remove").path_editor.empty
    assert after(state, e.ChoosePath(name="nowhere")).path_editor == state.path_editor
    assert after(state, e.RenamePath(name=" ")).path_editor == state.path_editor


def test_undo_of_every_path_edit_leads_back_and_redo_forward() -> None:
    """Shelf, names, generators and shape included: a random user, then undo to the start, then redo to the end."""
    rng = np.random.default_rng(11)
    state = opened()
    visited: list[tuple[CameraPath, tuple[CameraPath, ...]]] = [(state.path_editor.path, state.path_editor.shelf)]
    for _ in range(120):
        ids = [key.id for key in state.path_editor.path.keys] or [0]
        key = int(rng.choice(ids))
        names = path_shelf.titles(state.path_editor)
        choices: list[e.Event] = [
            *(e.Triggered(action=name) for name in ("key_add", "key_duplicate", "key_delete", "path_new", "path_copy", "path_remove", "path_clear")),
            *(e.Triggered(action=name) for name in ("path_orbit", "path_arc", "path_spiral", "path_cameras", "path_round", "path_loop")),
            e.JumpToCamera(view=int(rng.integers(6))),
            e.SetKeyEase(key_id=key, ease_in=float(rng.uniform()), ease_out=float(rng.uniform())),
            e.SetKeyTime(key_id=key, time_s=float(rng.uniform(0, 9))),
            e.CopyKey(key_id=key, time_s=float(rng.uniform(0, 9))),
            e.SetTension(tension=float(rng.uniform())),
            e.SetConstantSpeed(on=bool(rng.integers(2))),
            e.SetInterpolation(interpolation=("smooth", "linear", "hold")[int(rng.integers(3))]),
            e.ChoosePath(name=str(rng.choice(names))),
            e.RenamePath(name=str(rng.choice(["a", "b", "path"]))),
            e.SetKeyPose(key_id=key, T_world_camera=np.linalg.inv(look_at(rng.normal(size=3) * 3, np.zeros(3), np.array([0.0, 0.0, 1.0])))),
        ]
        before, state = state, after(state, choices[int(rng.integers(len(choices)))])
        now = (state.path_editor.path, state.path_editor.shelf)
        names = path_shelf.titles(state.path_editor)
        assert len(set(names)) == len(names)
        if state.history != before.history:  # jumps of the camera are steps too
            visited.append(now)
        else:
            assert now == visited[-1]
    assert len(visited) > 60
    for path, shelf in reversed(visited[:-1]):
        state = press(state, "undo")
        assert (state.path_editor.path, state.path_editor.shelf) == (path, shelf)
    for path, shelf in visited[1:]:
        state = press(state, "redo")
        assert (state.path_editor.path, state.path_editor.shelf) == (path, shelf)


def test_all_paths_are_in_the_file(tmp_path: Path) -> None:
    state = press(after(with_path(opened()), e.RenamePath(name="walk")), "path_copy", "path_orbit")
    saved = press(state, "path_save")
    effect = saved.effects[-1]
    assert isinstance(effect, e.SavePath)
    save_path(effect.path, tmp_path / "a.json", effect.others)
    path, *others = load_paths(tmp_path / "a.json")
    assert [path_shelf.title(one) for one in (path, *others)] == ["walk 2", "walk"]
    assert load_path(tmp_path / "a.json") == path
    done = after(saved, e.PathSaved(path=effect.path, file=tmp_path / "a.json", others=effect.others))
    assert not done.path_editor.unsaved
    assert press(done, "path_copy").path_editor.unsaved
    fresh = after(opened(), e.PathLoaded(path=path, file=tmp_path / "a.json", others=tuple(others)))
    assert path_shelf.titles(fresh.path_editor) == ("walk", "walk 2")
    assert not fresh.path_editor.unsaved
    (tmp_path / "b.json").write_text((tmp_path / "a.json").read_text().replace('"others": [', '"others": 7, "spare": ['))
    with pytest.raises(ValueError, match="others must be a list"):
        load_paths(tmp_path / "b.json")


@pytest.mark.parametrize("action", ["path_orbit", "path_arc", "path_spiral"])
def test_generators_begin_at_the_camera_and_look_at_the_pivot(action: str) -> None:
    state = after(opened(), e.JumpToCamera(view=2), e.Dragged(action="orbit", dx_px=3.0, dy_px=0.0, height_px=600.0))
    made = press(state, action)
    path = made.path_editor.path
    here = np.linalg.inv(state.navigation.T_camera_world)
    np.testing.assert_allclose(path.sample(path.start_s).T_world_camera[:3, 3], here[:3, 3], atol=1e-6)
    towards = np.array(state.navigation.pivot) - here[:3, 3]
    assert path.sample(0.0).T_world_camera[:3, 2] @ towards / np.linalg.norm(towards) == pytest.approx(1.0, abs=1e-9)
    assert press(made, "undo").path_editor.path == state.path_editor.path


def test_recorded_motion_becomes_a_path_beside_the_present_one() -> None:
    state = press(with_path(opened()), "path_record")
    assert state.recording is not None
    now_s = 100.0
    for i in range(90):
        now_s += 1 / 60
        state = after(state, e.Dragged(action="orbit", dx_px=2.0 if i < 60 else 0.0, dy_px=0.5, height_px=600.0), e.Tick(now_s=now_s))
    assert state.recording is not None
    assert 40 <= len(state.recording.poses) <= 50  # thirty a second
    state = press(state, "path_record")
    assert state.recording is None
    effect = state.effects[-1]
    assert isinstance(effect, e.SimplifyRecording)
    path = simplified(effect.poses, distance=effect.distance)
    assert 2 <= len(path.keys) < len(effect.poses) / 2
    for pose in effect.poses:
        assert np.linalg.norm(path.sample(pose.time_s).T_world_camera[:3, 3] - pose.position) <= effect.distance
    done = after(state, e.MotionRecorded(path=replace(path, name="recording")))
    assert path_shelf.titles(done.path_editor) == ("path", "recording")
    assert done.path_editor.path.keys == path.keys
    assert press(done, "undo").path_editor.path == with_path(opened()).path_editor.path
    assert press(opened(), "path_record", "path_record").notices[-1].text == "Nothing was recorded"
    assert press(ViewerState(), "path_record").recording is None


@pytest.mark.parametrize(
    ("form", "target"),
    [("nerfstudio", "walk_nerfstudio.json"), ("instant-ngp", "walk_ngp.json"), ("easymocap-keys", "walk_keys"), ("easymocap-pictures", "walk_pictures")],
)
def test_export_for_other_programs_lies_beside_the_path(form: PathForm, target: str) -> None:
    state = after(with_path(opened()), e.SetPathFile(file="walk.json"), e.SetPathForm(form=form), e.Triggered(action="path_export"))
    effect = state.effects[-1]
    assert isinstance(effect, e.ExportPath)
    assert (effect.target, effect.form, effect.view.timing.frames) == (Path(target), form, tuple(range(10, 18)))
    assert press(opened(), "path_export").effects == ()


def test_files_of_other_programs_are_dropped() -> None:
    for name in ("cams/extri.yml", "model/images.txt", "camera_path.json"):
        state = after(opened(), e.FileChosen(purpose="open", path=Path("/data") / name))
        assert state.effects[-1] == e.LoadPath(file=Path("/data") / name)


def test_a_moved_key_keeps_the_rest() -> None:
    state = after(with_path(opened()), e.SetKeyEase(key_id=2, ease_in=0.5, ease_out=0.25))
    pose = np.linalg.inv(look_at(np.array([5.0, 0.0, 1.0]), np.zeros(3), np.array([0.0, 0.0, 1.0])))
    moved = after(state, e.SetKeyPose(key_id=2, T_world_camera=pose))
    key, before = moved.path_editor.path.keys[1], state.path_editor.path.keys[1]
    np.testing.assert_allclose(key.T_world_camera, pose, atol=1e-12)
    assert replace(key, position=before.position, rotation=before.rotation) == before


def test_lines_of_a_path_that_begins_later_lie_on_it() -> None:
    late = CameraPath(keys=tuple(keyframe(i, 5.0 + i, np.linalg.inv(look_at(np.array([3.0, i, 1.0]), np.zeros(3), np.array([0.0, 0.0, 1.0]))), 50.0) for i in range(3)))  # fmt: skip # noqa: E501
    now = replace(late, keys=tuple(replace(key, time_s=key.time_s - 5.0) for key in late.keys))
    np.testing.assert_allclose(path_lines(late, None, 1.0, 1.5), path_lines(now, None, 1.0, 1.5), atol=1e-6)


def test_editor_values_that_make_no_sense_change_nothing() -> None:
    editor = path_editor.add_key(PathEditor(), np.eye(4), 50.0, None)
    assert path_editor.set_key_ease(editor, 1, float("nan"), 0.0) == editor
    assert path_editor.set_tension(editor, float("inf")) == editor
    assert path_editor.set_key_pose(editor, 1, np.full((4, 4), np.nan)) == editor
    assert path_editor.copy_key(editor, 1, float("nan")) == editor
    assert path_editor.copy_key(editor, 5, 1.0) == editor
