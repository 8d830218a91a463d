"""Edits of the path: what each one does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from im4d_core.camera_path import CameraPath
from im4d_core.path_generators import orbit
from viewer import path_editor as edit
from viewer.edited_path import PathEditor


def pose(x: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[0, 3] = x
    return matrix


def three() -> PathEditor:
    """Keys 1, 2, 3 at 0, 2 and 4 s."""
    editor = PathEditor()
    for x in range(3):
        editor = edit.add_key(editor, pose(x), 50.0, None)
    return editor


def times(editor: PathEditor) -> list[float]:
    return [key.time_s for key in editor.path.keys]


def test_adding_at_the_end_and_at_the_playhead() -> None:
    editor = three()
    assert times(editor) == [0.0, 2.0, 4.0]
    assert (editor.selected, editor.time_s) == (3, 4.0)
    between = edit.add_key(edit.scrub(editor, 1.0), pose(9), 50.0, 12.0)
    assert times(between) == [0.0, 1.0, 2.0, 4.0]
    assert between.selected_key is not None
    assert (between.selected_key.position, between.selected_key.scene_frame) == ((9.0, 0.0, 0.0), 12.0)
    assert between.time_s == 1.0


def test_overwriting_keeps_time_and_scene_frame() -> None:
    editor = edit.set_key_frame(edit.select(three(), 2), 2, 7.0)
    after = edit.overwrite_key(editor, pose(5), 30.0, None)
    key = after.selected_key
    assert key is not None
    assert (key.id, key.time_s, key.position[0], key.fov_y_deg, key.scene_frame) == (2, 2.0, 5.0, 30.0, 7.0)
    assert edit.overwrite_key(edit.select(editor, None), pose(5), 30.0, None).path == editor.path


def test_duplicating() -> None:
    middle = edit.duplicate_key(edit.select(three(), 1))
    assert times(middle) == [0.0, 1.0, 2.0, 4.0]
    assert middle.selected == 4
    assert times(edit.duplicate_key(three())) == [0.0, 2.0, 4.0, 6.0]


def test_deleting_selects_a_neighbour() -> None:
    editor = edit.delete_key(edit.select(three(), 2))
    assert (times(editor), editor.selected) == ([0.0, 4.0], 3)
    editor = edit.delete_key(editor)
    assert (times(editor), editor.selected) == ([0.0], 1)
    editor = edit.delete_key(edit.play(editor, 0.0))
    assert (times(editor), editor.selected, editor.playing, editor.previewing) == ([], None, False, False)
    assert edit.delete_key(editor) == editor


def test_times_stay_apart_and_in_order() -> None:
    editor = three()
    assert times(edit.set_key_time(editor, 1, 3.0)) == [2.0, 3.0, 4.0]  # past another key
    for wanted in (2.0, 1.995, 2.005, 4.0, 3.999):
        moved = edit.set_key_time(editor, 1, wanted)
        assert (np.diff(times(moved)) > 0).all()
        assert abs(edit.select(moved, 1).selected_key.time_s - wanted) <= 2 * edit.MIN_GAP_S  # pyright: ignore[reportOptionalMemberAccess]
    assert times(edit.set_key_time(editor, 3, -5.0))[0] >= 0.0
    for nonsense in (float("nan"), float("inf")):
        assert edit.set_key_time(editor, 1, nonsense) == editor
        assert edit.set_key_fov(editor, 1, nonsense) == editor
        assert edit.set_key_frame(editor, 1, nonsense) == editor
    assert edit.set_key_time(editor, 99, 1.0) == editor


def random_edit(editor: PathEditor, rng: np.random.Generator) -> PathEditor:
    key = int(rng.choice([key.id for key in editor.path.keys] or [1]))
    selected = edit.select(editor, key)
    makers = [
        lambda: edit.add_key(editor, pose(float(rng.normal())), 40.0, None),
        lambda: edit.add_key(edit.scrub(editor, float(rng.uniform(0, 20))), pose(1.0), 40.0, 3.0),
        lambda: edit.delete_key(selected),
        lambda: edit.duplicate_key(selected),
        lambda: edit.overwrite_key(selected, pose(float(rng.normal())), 60.0, None),
        lambda: edit.set_key_time(editor, key, float(rng.uniform(0, 20))),
        lambda: edit.set_key_frame(editor, key, float(rng.integers(30))),
        lambda: edit.set_key_fov(editor, key, float(rng.uniform(20, 90))),
        lambda: edit.set_loop(editor, not editor.path.loop, float(rng.uniform(0.5, 2))),
        lambda: edit.set_interpolation(editor, "linear" if rng.integers(2) else "smooth"),
        lambda: edit.clear(editor) if rng.integers(8) == 0 else editor,
    ]
    return makers[int(rng.integers(len(makers)))]()


def test_random_edits_keep_the_playhead_on_the_path() -> None:
    rng = np.random.default_rng(3)
    editor = PathEditor()
    for _ in range(150):
        editor = random_edit(editor, rng)
        assert not editor.path.keys or editor.path.start_s <= editor.time_s <= editor.path.start_s + editor.path.duration_s
        assert editor.selected is None or editor.selected_key is not None


def test_replacing_shows_the_new_path_from_its_start() -> None:
    made = orbit(centre=(0.0, 0.0, 0.0), radius=1.0, up=(0.0, 0.0, 1.0))
    editor = edit.replace_path(three(), made)
    assert (editor.path, editor.selected, editor.time_s) == (made, 1, 0.0)


def test_preview_clock() -> None:
    editor = edit.play(edit.scrub(three(), 1.0), 100.0)
    assert (editor.previewing, editor.playing) == (True, True)
    assert edit.tick(editor, 100.5).time_s == pytest.approx(1.5)
    end = edit.tick(editor, 200.0)
    assert (end.time_s, end.playing, end.previewing) == (4.0, False, True)
    assert edit.play(end, 300.0).time_s == 0.0  # starts over
    loop = edit.play(replace(editor, path=replace(editor.path, loop=True)), 100.0)
    assert edit.tick(loop, 100.0 + 4.5).time_s == pytest.approx(0.5)
    assert edit.tick(edit.pause(editor), 900.0).time_s == editor.time_s
    assert not edit.stop(editor).previewing
    assert edit.play(PathEditor(), 0.0) == PathEditor()


def test_scrubbing_is_clamped() -> None:
    assert edit.scrub(three(), 99.0).time_s == 4.0
    assert edit.scrub(three(), -1.0).time_s == 0.0
    assert edit.scrub(three(), float("nan")) == three()
    assert edit.scrub(PathEditor(), 1.0) == PathEditor()


def test_going_from_key_to_key() -> None:
    editor = edit.scrub(three(), 1.0)
    following = edit.select_neighbour(editor, 1)
    assert (following.selected, following.time_s, following.previewing) == (2, 2.0, True)
    assert edit.select_neighbour(following, 1).selected == 3
    assert edit.select_neighbour(edit.select_neighbour(following, 1), 1).selected == 3
    assert edit.select_neighbour(following, -1).selected == 1
    assert edit.select_neighbour(PathEditor(), 1) == PathEditor()


def test_unsaved() -> None:
    editor = three()
    assert editor.unsaved
    assert not replace(editor, saved=editor.path).unsaved
    assert not PathEditor(path=CameraPath()).unsaved
