"""Manners of the real window: what is remembered, keys of one's own, size of text, scenes opened again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from driver import Driver, pose, tidy
from stand_in import StandIn

from viewer.events import AskedFor, FocusPanel, SetFrame
from viewer.preferences import Preferences
from viewer.settings import load_settings, output_folder


def test_the_next_start_continues_where_this_one_ended(drive, tmp_path: Path) -> None:
    settings, left = tmp_path / "settings", []

    def look_around(d: Driver) -> None:
        d.drag_picture(90.0, 30.0)
        d.press_name("K")
        d.click("Display")
        d.ctx.item_uncheck("//**/##vsync")
        d.ctx.yield_(3)
        assert not d.state.preferences.vsync
        left.append(pose(d))

    def look_again(d: Driver) -> None:
        np.testing.assert_allclose(pose(d), left[0], atol=1e-9)
        assert len(d.state.path_editor.path.keys) == 1
        assert not d.state.preferences.vsync
        assert d.state.preferences.recent == (str((tmp_path / "scene").absolute()),)

    def look_afresh(d: Driver) -> None:
        assert not np.allclose(pose(d), left[0])

    drive(settings=settings).run(look_around)
    stored = json.loads((settings / "settings.json").read_text())
    assert stored["version"] == 3
    drive(settings=settings).run(look_again)
    drive(settings=settings, fresh=True).run(look_afresh)


def test_the_panels_are_arranged_as_they_were_left(drive, tmp_path: Path) -> None:
    """One docked below the others, one afloat over the picture; `--reset-settings` or another folder begins as at first."""
    from imgui_bundle import imgui

    seen: list[dict[str, tuple[bool, tuple[float, float, float, float]]]] = []

    def look() -> None:
        windows = {name: imgui.internal.find_window_by_name(name) for name in ("Scene", "Path", "Export")}
        seen.append({name: (window.dock_id != 0, (window.pos.x, window.pos.y, window.size.x, window.size.y)) for name, window in windows.items()})

    def arrange(d: Driver) -> None:
        look()
        d.ctx.dock_into("Path", "Scene", imgui.Dir.down)
        d.ctx.undock_window("Export")
        d.ctx.window_move("Export", (60.0, 80.0))
        d.ctx.yield_(3)
        look()

    def look_again(d: Driver) -> None:
        d.ctx.yield_(3)
        look()

    drive(settings=tmp_path / "settings").run(arrange)
    drive(settings=tmp_path / "settings").run(look_again)
    drive(settings=tmp_path / "other").run(look_again)
    first, left, again, other = seen
    assert left["Path"][1][1] > left["Scene"][1][1] and left["Path"][0], "docked below"
    assert not left["Export"][0] and left["Export"][1][:2] == (60.0, 80.0), "afloat"
    assert again == left != first
    assert other == first


def test_overlays_and_look_are_there_again_and_a_broken_file_is_a_message(drive, tmp_path: Path) -> None:
    settings = tmp_path / "settings"

    def change(d: Driver) -> None:
        d.press_name("G")
        d.press_name("2")
        d.click("Render")
        d.ctx.item_click("//**/##inverted")
        d.click("Display")
        d.ctx.item_click("//**/shown as squares##pattern")
        d.ctx.yield_(3)

    def look_again(d: Driver) -> None:
        assert d.state.overlays.grid and d.state.picture.output == "depth"
        assert d.state.picture.look.inverted and d.state.picture.look.pattern
        d.until(lambda: d.shown.request.look == d.state.picture.look)
        assert d.state.history.undo == ()
        assert d.state.notices == ()

    def look_at_the_message(d: Driver) -> None:
        assert not d.state.overlays.grid and d.state.picture.output == "colour"
        told = [notice.text for notice in d.state.notices if notice.level == "warning"]
        assert len(told) == 2 and "settings.json" in told[0] and "look.colormap" in told[1]
        d.press_name("G")  # the window works as ever

    drive(settings=settings).run(change)
    drive(settings=settings).run(look_again)
    (place,) = (settings / "places").glob("*.json")
    content = json.loads(place.read_text())
    content["shown"]["look"]["colormap"] = "rainbow"
    place.write_text(json.dumps(content))
    (settings / "settings.json").write_text("{")
    drive(settings=settings).run(look_at_the_message)
    assert (settings / "settings.bad.json").read_text() == "{"
    assert place.with_name(f"{place.stem}.bad.json").is_file()
    assert json.loads(place.read_text())["shown"]["overlays"]["grid"], "and goes on remembering"


def test_a_window_begins_with_auto(drive, tmp_path: Path) -> None:
    """Fast while something moves, full when the view is still."""
    from viewer.session import Session, Start

    assert Session(Start(source=tmp_path)).state.picture.mode == "auto"

    def script(d: Driver) -> None:
        d.until(lambda: d.shown.final and d.shown.request.mode == "full")
        d.session.send(SetFrame(index=2))
        d.until(lambda: d.shown.request.frame == 12 and d.shown.request.mode == "fast")
        d.until(lambda: d.shown.final and d.shown.request.mode == "full")

    drive(mode="auto", renderer=StandIn(delay_s=0.5)).run(script)


def test_the_folder_of_what_is_saved_is_chosen_and_kept(drive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viewer.file_dialog.shutil.which", lambda name: None)  # no desktop dialog, which nobody would answer
    chosen = tmp_path / "my pictures"

    def script(d: Driver) -> None:
        tidy(d, "Display")
        d.click("Another folder...##output")
        d.until(lambda: d.dialog_open)
        d.ctx.item_click("//$FOCUSED/##file")
        d.ctx.key_chars_replace(str(chosen))
        d.ctx.item_click("//$FOCUSED/OK##file")
        d.until(lambda: d.state.output == chosen)
        d.press_name("P")
        d.until(lambda: list(chosen.glob("stand-in_*.png")))

    drive(settings=tmp_path / "settings", size=(1100, 980)).run(script)
    assert output_folder(load_settings(tmp_path / "settings", lambda text: None).preferences) == chosen
    assert drive(settings=tmp_path / "settings", output=None).state.output == chosen
    assert drive(settings=tmp_path / "settings", output=tmp_path / "named").state.output == tmp_path / "named"
    assert output_folder(Preferences()).name == "Im4D"


def test_a_key_is_changed_by_clicking_it(drive) -> None:
    def script(d: Driver) -> None:
        d.click("Keys")
        d.click("Space##key_play")
        assert d.state.asks_key == "play"
        d.press_name("G")  # shows the axes otherwise
        assert d.state.asks_key is None
        assert not d.state.overlays.axes
        assert not d.state.transport.playing
        d.press_name("G")
        assert d.state.transport.playing
        d.press_name("G")
        d.press_name("Space")
        assert not d.state.transport.playing
        d.click("As shipped##keys_reset")
        d.press_name("Space")
        assert d.state.transport.playing
        d.click("Web viewers##preset_web")
        before = d.state.navigation.pivot
        d.drag_picture(40.0, 0.0, button=1)
        assert d.state.navigation.pivot != before, "the right button pans"

    drive().run(script)


def test_text_grows(drive) -> None:
    def script(d: Driver) -> None:
        def height() -> float:
            rectangle = d.ctx.item_info("//Display/##ui_scale").rect_full
            return rectangle.max.y - rectangle.min.y

        d.click("Display")
        before = height()
        d.choose("Display/##ui_scale", "$$5/150 %")
        d.ctx.yield_(4)
        assert d.state.preferences.ui_scale == 1.5
        assert 1.25 < height() / before < 1.55, "the text grows by half, the frame around it does not"

    drive(size=(1100, 980)).run(script)


def test_scenes_are_opened_again_from_the_list(drive, tmp_path: Path) -> None:
    settings = tmp_path / "settings"
    settings.mkdir()
    other = tmp_path / "other"
    stored = {"version": 2, "width": 1100, "height": 700, "preferences": {"recent": [str(other)]}}
    (settings / "settings.json").write_text(json.dumps(stored))

    def script(d: Driver) -> None:
        d.click("Scene")
        d.choose("Scene/##recent", "other##recent_0")
        d.until(lambda: d.state.source == other)
        assert d.state.preferences.recent == (str(other), str(tmp_path / "scene"))

    drive(settings=settings).run(script)


def test_a_scene_is_read_again_and_stays_where_it_is(drive) -> None:
    def script(d: Driver) -> None:
        d.press_name("Right")
        d.drag_picture(70.0, 20.0)
        before, rendered = pose(d), len(d.renderer.rendered)
        d.click("Scene")
        d.click("Read again##scene_reload")
        d.until(lambda: d.renderer.closed and len(d.renderer.rendered) > rendered)  # the stand-in is opened a second time
        d.until(lambda: d.state.transport.index == 1)
        np.testing.assert_allclose(pose(d), before, atol=1e-9)

    drive().run(script)


def test_a_dropped_text_is_a_camera(drive, tmp_path: Path) -> None:
    from viewer.actions import camera_text

    def script(d: Driver) -> None:
        (tmp_path / "camera.txt").write_text(camera_text(d.state))
        before = pose(d)
        d.drag_picture(70.0, 20.0)
        assert not np.allclose(pose(d), before)
        d.session.window._drop(None, [str(tmp_path / "camera.txt")])
        d.until(lambda: np.allclose(pose(d), before, atol=1e-9))
        (tmp_path / "words.txt").write_text("hello")
        d.session.window._drop(None, [str(tmp_path / "words.txt")])
        d.until(lambda: f"There is no camera in {tmp_path / 'words.txt'}" in d.notices())

    drive().run(script)


def test_memory_is_told(drive) -> None:
    def script(d: Driver) -> None:
        d.until(lambda: d.session._stats.in_use.host > 0)
        used = d.session._stats.in_use
        assert 1 << 26 < used.host <= used.host_peak < 1 << 36, "bytes, of a program with PyTorch in it"

    drive().run(script)


def test_a_panel_that_is_not_there_is_said_with_those_that_are(drive) -> None:
    def script(d: Driver) -> None:
        d.session.send(AskedFor(effect=FocusPanel(name="Halo")))
        d.until(lambda: "there is no panel 'Halo'; expected one of Scene, Camera" in d.notices())

    drive().run(script)
