"""What is remembered between starts: settings of every version, and where each scene was left. Broken files are put aside."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stand_in import stand_in_scene

from im4d_core.export_settings import ExportSettings
from im4d_core.quality import Quality
from viewer.compare import Comparison
from viewer.crop import Crop
from viewer.events import (
    Dragged,
    JumpToCamera,
    ProbeEncoder,
    Restored,
    SceneOpened,
    SetBackground,
    SetBetween,
    SetClip,
    SetComparison,
    SetCrop,
    SetEveryFrame,
    SetExport,
    SetFov,
    SetFps,
    SetFrame,
    SetLook,
    SetMode,
    SetOverlay,
    SetQuality,
    SetRange,
    SetScale,
    SetSpeed,
    SetTaken,
    SetTargetFps,
    Tick,
    Triggered,
)
from viewer.keeper import Keeper
from viewer.look import Look
from viewer.memory import load_place, save_place
from viewer.preferences import Preferences
from viewer.reduce import reduce
from viewer.request import view_camera
from viewer.restoring import place_of
from viewer.settings import Settings, load_settings
from viewer.state import Taken, ViewerState

SOURCE = Path("somewhere/scene")


def silent(text: str) -> None:
    """Where nothing must be told."""
    raise AssertionError(text)


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


def test_how_a_scene_plays_is_kept_too(tmp_path: Path) -> None:
    """Range, speed and rate; a place of before, which knows no speed and no rate, opens at the scene's own."""
    before = opened()
    for event in (SetRange(first=2, last=5), SetSpeed(speed=-0.5), SetFps(fps=24.5), SetFrame(index=3)):
        before = reduce(before, event)
    place = place_of(before)
    assert place is not None
    save_place(place, tmp_path, SOURCE)
    loaded = load_place(tmp_path, SOURCE, silent)
    assert loaded is not None
    after, then = reduce(opened(), Restored(place=loaded)).transport, before.transport
    assert (after.first, after.last, after.speed, after.fps, after.index) == (then.first, then.last, then.speed, then.fps, then.index)
    (file,) = (tmp_path / "places").iterdir()
    content = json.loads(file.read_text())
    for name in ("fps", "scene_speed"):
        del content["manner"][name]
    file.write_text(json.dumps(content))
    earlier = load_place(tmp_path, SOURCE, silent)
    assert earlier is not None
    own = reduce(opened(), Restored(place=earlier)).transport
    assert (own.speed, own.fps) == (1.0, 10.0)
    assert reduce(opened(), Restored(place=replace(loaded, manner=replace(loaded.manner, fps=1e9)))).transport.fps == 240.0


def test_a_scene_opens_where_it_was_left(tmp_path: Path) -> None:
    before = looked_around()
    place = place_of(before)
    assert place is not None
    save_place(place, tmp_path, SOURCE)
    loaded = load_place(tmp_path, SOURCE, silent)
    assert loaded is not None
    assert loaded.manner == place.manner
    assert load_place(tmp_path, Path("somewhere/else"), silent) is None
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


def shown_otherwise() -> ViewerState:
    """Everything about how the scene is shown differs from what it is at first."""
    state = looked_around()
    for event in (
        SetOverlay(name="grid", shown=True),
        SetOverlay(name="path", shown=False),
        SetLook(look=Look(exposure=1.5, colormap="viridis", inverted=True, depths=(1.0, 4.0), pattern=True)),
        SetQuality(quality=Quality(steps=128, min_weight=0.01, passes=4)),
        SetBackground(colour=(0.1, 0.2, 0.3)),
        SetScale(scale=0.5),
        SetTargetFps(fps=24.0),
        SetCrop(crop=Crop(on=True, low=(-0.5, -0.5, -0.5), high=(0.5, 0.4, 0.3))),
        SetClip(clip=(0.5, 5.0)),
        SetRange(first=1, last=5),
        SetEveryFrame(on=True),
        SetBetween(on=True),
        SetComparison(comparison=Comparison(layout="wipe", pair="exact | full", wipe=0.3)),
        SetExport(settings=ExportSettings(width=720, height=1280, format="prores", file="~/made/a.mov", transparent=True, stop_s=2.5)),
        SetTaken(taken=Taken(background=True, cut=False)),
        Triggered(action="stats"),
    ):
        state = reduce(state, event)
    return state


def test_overlays_look_and_quality_are_as_they_were_left(tmp_path: Path) -> None:
    before = shown_otherwise()
    place = place_of(before)
    assert place is not None
    save_place(place, tmp_path, SOURCE)
    loaded = load_place(tmp_path, SOURCE, silent)
    assert loaded is not None
    after = reduce(opened(), Restored(place=loaded))
    assert (after.overlays, after.picture, after.crop, after.clip) == (before.overlays, before.picture, before.crop, before.clip)
    assert (after.transport.first, after.transport.last) == (1, 5)
    assert (after.transport.every_frame, after.transport.between, after.layout.stats) == (True, True, False)
    assert (after.comparison, after.export.settings, after.export.taken) == (before.comparison, before.export.settings, before.export.taken)
    assert after.effects[-1] == ProbeEncoder(format="prores", chroma="420"), "whether it can be encoded here is known before anything is rendered"
    assert after.history.undo == ()
    small = replace(loaded, shown=replace(loaded.shown, first=3, last=900, crop=Crop(on=True, low=(-9.0,) * 3, high=(9.0,) * 3)))  # pyright: ignore[reportArgumentType]
    inside = reduce(opened(), Restored(place=small))
    assert (inside.transport.first, inside.transport.last) == (3, None)
    assert inside.scene is not None and np.array_equal(inside.crop.box, inside.scene.bounds), "what another capture had is brought within"


def test_what_an_earlier_file_does_not_tell_is_as_at_first(tmp_path: Path) -> None:
    place = place_of(shown_otherwise())
    assert place is not None
    save_place(place, tmp_path, SOURCE)
    (file,) = (tmp_path / "places").glob("*.json")
    content = json.loads(file.read_text())
    for name in ("every_frame", "between", "figures", "comparison", "export", "taken"):
        del content["shown"][name]
    file.write_text(json.dumps(content))
    loaded = load_place(tmp_path, SOURCE, silent)
    assert loaded is not None
    first, later = opened(), reduce(opened(), Restored(place=loaded))
    assert (later.comparison, later.export, later.layout) == (first.comparison, first.export, first.layout)
    assert loaded.shown is not None
    useless = replace(loaded, shown=replace(loaded.shown, export=ExportSettings(width=0)))
    assert reduce(opened(), Restored(place=useless)).export == first.export, "nothing could be made of it"


def test_another_scene_plays_in_the_manner_that_was_chosen() -> None:
    state = opened()
    for event in (SetBetween(on=True), SetEveryFrame(on=True), SceneOpened(scene=stand_in_scene(), source=Path("somewhere/else"))):
        state = reduce(state, event)
    assert (state.transport.between, state.transport.every_frame) == (True, True)


def test_a_place_of_the_first_version_is_read(tmp_path: Path) -> None:
    """It told nothing of how the scene was shown: that stays as the window has it."""
    place = place_of(looked_around())
    assert place is not None
    save_place(place, tmp_path, SOURCE)
    (file,) = (tmp_path / "places").glob("*.json")
    content = json.loads(file.read_text())
    assert content["version"] == 2
    del content["shown"]
    file.write_text(json.dumps({**content, "version": 1}))
    loaded = load_place(tmp_path, SOURCE, silent)
    assert loaded is not None and loaded.shown is None
    now = reduce(opened(), SetOverlay(name="box", shown=True))
    after = reduce(now, Restored(place=loaded))
    assert (after.overlays, after.picture.look, after.crop) == (now.overlays, now.picture.look, now.crop)
    assert (after.frame, after.picture.mode) == (15, "auto")


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
        lambda content: content["shown"].update(background=[0.0, 2.0, 0.0]),
        lambda content: content["shown"].update(scale=float("nan")),
        lambda content: content["shown"]["look"].update(colormap="rainbow"),
        lambda content: content["shown"]["overlays"].update(stars=True),
        lambda content: content["shown"].pop("crop"),
        lambda content: content["shown"]["export"].update(start_s=float("nan")),
        lambda content: content["shown"]["comparison"].update(wipe=float("nan")),
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
    told: list[str] = []
    assert load_place(tmp_path, SOURCE, told.append) is None
    assert len(told) == 1 and str(file) in told[0] and f"renamed to {file.stem}.bad.json" in told[0]
    assert [left.name for left in (tmp_path / "places").iterdir()] == [f"{file.stem}.bad.json"]


def kept_keys(folder: Path) -> int:
    """How many keys the path has that an accident would leave."""
    place = load_place(folder, SOURCE, silent)
    return 0 if place is None else len(place.path.keys)


def test_the_keeper_writes_when_something_changed_and_nothing_moves(tmp_path: Path) -> None:
    keeper, state = Keeper(tmp_path, silent), looked_around()
    soon = keeper._kept_s
    keeper.keep(state, soon + 0.5)
    assert not (tmp_path / "places").exists(), "not too often"
    still = reduce(state, Tick(now_s=state.now_s + 10.0))
    keeper.keep(still, soon + 60.0)
    (file,) = (tmp_path / "places").glob("*.json")
    file.unlink()
    keeper.keep(still, soon + 120.0)
    assert not list((tmp_path / "places").glob("*.json")), "it is written already"
    turned = reduce(still, Dragged(action="orbit", dx_px=30.0, dy_px=0.0, height_px=400.0))
    keeper.keep(turned, soon + 180.0)
    assert not list((tmp_path / "places").glob("*.json")), "the camera alone is not worth a file in every frame of a motion"
    keeper.keep(reduce(turned, Tick(now_s=turned.now_s + 10.0)), soon + 182.0)
    assert list((tmp_path / "places").glob("*.json"))
    keeper.write(reduce(still, SetFrame(index=0)))
    Keeper(None, silent).write(still)  # keeps nothing, and says nothing


def test_edits_of_the_path_are_kept_while_the_scene_plays(tmp_path: Path) -> None:
    """A loop moves without end; a second is what an accident may cost."""
    keeper, state = Keeper(tmp_path, silent), looked_around()
    soon = keeper._kept_s
    playing = reduce(state, Triggered(action="play"))
    assert playing.transport.playing
    keeper.keep(playing, soon + 1.1)
    assert kept_keys(tmp_path) == 1
    edited = reduce(playing, Triggered(action="key_add"))
    keeper.keep(edited, soon + 1.2)
    assert kept_keys(tmp_path) == 1, "a drag edits in every frame, and writes once a second"
    keeper.keep(edited, soon + 2.2)
    assert kept_keys(tmp_path) == 2
    (file,) = (tmp_path / "places").glob("*.json")
    file.unlink()
    keeper.keep(reduce(edited, Tick(now_s=edited.now_s + 0.2)), soon + 60.0)
    assert not file.exists(), "the paths are written already"
    keeper.keep(reduce(edited, Triggered(action="path_new")), soon + 61.0)
    place = load_place(tmp_path, SOURCE, silent)
    assert place is not None and [len(path.keys) for path in (place.path, *place.shelf)] == [0, 2], "the other paths are kept too"


def test_settings_of_the_first_version_are_read(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"version": 1, "width": 900, "height": 700, "vsync": false}')
    assert load_settings(tmp_path, silent) == Settings(width=900, height=700, preferences=Preferences(vsync=False))


def test_recent_scenes_are_listed_once_the_newest_first() -> None:
    state = ViewerState()
    for name in ("a", "b", "a"):
        state = reduce(state, SceneOpened(scene=stand_in_scene(), source=Path("/scenes") / name))
    assert state.preferences.recent == ("/scenes/a", "/scenes/b")
