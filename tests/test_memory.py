"""What is remembered between starts: settings of every version, and where each scene was left. Broken files are put aside."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stand_in import stand_in_scene

from viewer.events import Dragged, JumpToCamera, Restored, SceneOpened, SetFov, SetFrame, SetMode, Tick, Triggered
from viewer.keeper import Keeper
from viewer.memory import load_place, save_place
from viewer.preferences import Preferences
from viewer.reduce import reduce
from viewer.request import view_camera
from viewer.restoring import place_of
from viewer.settings import Settings, load_settings
from viewer.state import ViewerState

SOURCE = Path("somewhere/scene")


def opened() -> ViewerState:
    return reduce(ViewerState(), SceneOpened(scene=stand_in_scene(), source=SOURCE))


def looked_around() -> ViewerState:
    state = opened()
    for event in (
        Dragged(action="orbit", dx_px=80.0, dy_px=20.0, height_px=400.0),
        SetFov(fov_y_deg=33.0),
        SetFrame(index=5),
        SetMode(mode="auto"),
        Triggered(action="output_depth"),
        Triggered(action="navigation"),
        Triggered(action="loop_next"),
        Triggered(action="key_add"),
        Tick(now_s=5.0),
    ):
        state = reduce(state, event)
    return state


def test_a_scene_opens_where_it_was_left(tmp_path: Path) -> None:
    before = looked_around()
    place = place_of(before)
    assert place is not None
    save_place(place, tmp_path, SOURCE)
    loaded = load_place(tmp_path, SOURCE)
    assert loaded is not None
    assert loaded.manner == place.manner
    assert load_place(tmp_path, Path("somewhere/else")) is None
    after = reduce(opened(), Restored(place=loaded))
    then, now = view_camera(before, 320, 240), view_camera(after, 320, 240)
    np.testing.assert_allclose(now.T_camera_world, then.T_camera_world, atol=1e-12)  # quaternions, there and back
    np.testing.assert_allclose(now.K, then.K, atol=1e-9)
    assert (after.frame, after.picture.mode, after.picture.output) == (before.frame, "auto", "depth")
    assert after.transport.loop == before.transport.loop
    assert after.navigation.pivot == before.navigation.pivot
    assert after.navigation.mode == "fly"
    (kept,), (key,) = after.path_editor.path.keys, before.path_editor.path.keys
    np.testing.assert_allclose(kept.T_world_camera, key.T_world_camera, atol=1e-12)
    assert (kept.time_s, kept.fov_y_deg) == (key.time_s, key.fov_y_deg)
    assert after.path_editor.unsaved
    assert after.history.undo == (), "where it was left is where undo begins"


def test_the_camera_of_the_capture_is_looked_through_again() -> None:
    before = reduce(opened(), JumpToCamera(view=3))
    place = place_of(before)
    assert place is not None
    assert reduce(opened(), Restored(place=place)).dataset_camera == 3
    kept = reduce(opened(), Restored(place=place, view=False))
    assert kept.navigation == opened().navigation, "the command line named a camera"
    renamed = replace(place, manner=replace(place.manner, dataset_camera="gone"))
    assert reduce(opened(), Restored(place=renamed)).dataset_camera is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content["manner"].update(pivot=[0.0, float("nan"), 0.0]),
        lambda content: content["manner"].update(up=[0.0, 0.0, 0.0]),
        lambda content: content["manner"].update(mode="best"),
        lambda content: content["camera"].update(keys=[]),
        lambda content: content.update(path=None),
        lambda content: content.update(version=7),
        lambda content: content.clear(),
    ],
)
def test_a_broken_place_is_put_aside(tmp_path: Path, damage) -> None:
    place = place_of(looked_around())
    assert place is not None
    save_place(place, tmp_path, SOURCE)
    (file,) = (tmp_path / "places").glob("*.json")
    content = json.loads(file.read_text())
    damage(content)
    file.write_text(json.dumps(content))
    assert load_place(tmp_path, SOURCE) is None
    assert [left.name for left in (tmp_path / "places").iterdir()] == [f"{file.stem}.bad.json"]


def test_the_keeper_writes_when_something_changed_and_nothing_moves(tmp_path: Path) -> None:
    keeper, state = Keeper(tmp_path), looked_around()
    soon = keeper._kept_s
    keeper.keep(state, soon + 1.0)
    assert not (tmp_path / "places").exists(), "not too often"
    moving = reduce(state, Triggered(action="play"))
    keeper.keep(moving, soon + 60.0)
    assert not (tmp_path / "places").exists(), "not while something moves"
    still = reduce(state, Tick(now_s=state.now_s + 10.0))
    keeper.keep(still, soon + 60.0)
    (file,) = (tmp_path / "places").glob("*.json")
    file.unlink()
    keeper.keep(still, soon + 120.0)
    assert not list((tmp_path / "places").glob("*.json")), "it is written already"
    keeper.write(reduce(still, SetFrame(index=0)))
    assert list((tmp_path / "places").glob("*.json"))
    Keeper(None).write(still)  # keeps nothing, and says nothing


def test_settings_of_the_first_version_are_read(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"version": 1, "width": 900, "height": 700, "vsync": false}')
    assert load_settings(tmp_path) == Settings(width=900, height=700, preferences=Preferences(vsync=False))


def test_recent_scenes_are_listed_once_the_newest_first() -> None:
    state = ViewerState()
    for name in ("a", "b", "a"):
        state = reduce(state, SceneOpened(scene=stand_in_scene(), source=Path("/scenes") / name))
    assert state.preferences.recent == ("/scenes/a", "/scenes/b")
