"""Bad files and bad moments in the real window: it stays usable, and nothing the user made is lost."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from driver import WAIT_S, Driver
from invariants import check
from stand_in import stand_in_scene

from im4d_core.camera_path import CameraPath, SceneTiming
from im4d_core.path_files import PathView, export_path, load_path, load_paths, save_path
from im4d_core.path_generators import orbit
from viewer.consent import asked_of_user
from viewer.events import FileChosen, OpenScene, Quit, SetExport, SetPathFile, SetRange, SetSpeed, StartExport, Triggered

TURN = orbit(centre=(0.0, 0.0, 0.0), radius=3.0, up=(0.0, 0.0, 1.0), pitch_deg=10.0, start_deg=0.0, turns=1.0, duration_s=4.0, fov_y_deg=50.0)


def open_another(d: Driver, name: str = "other") -> Path:
    """Open another folder, which the stand-in serves as well; waits until it is open."""
    d.session.send(FileChosen(purpose="open", path=d.folder / name))
    d.until(lambda: d.state.source == d.folder / name and not d.state.effects)
    d.ctx.yield_(3)
    return d.folder / name


def long_export(d: Driver) -> None:
    """An export that takes as long as it is let."""
    d.renderer.delay_s = 2.0
    d.session.send(SetExport(settings=replace(d.state.export.settings, width=64, height=48, fps=10.0, mode="full")))
    d.session.send(Triggered(action="export_start"))
    d.until(lambda: d.state.export.job is not None)


def test_a_bad_path_file_is_told_and_what_waits_behind_it_is_done(drive, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({"fps": 0, "camera_path": [{"camera_to_world": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], "fov": 50}]}))

    def script(d: Driver) -> None:
        d.press_name("K")
        d.session.send(FileChosen(purpose="open_path", path=bad))
        d.session.send(Triggered(action="path_save"))
        d.until(lambda: "fps must be positive" in d.notices() and str(bad) in d.notices())
        d.until(lambda: not d.state.path_editor.unsaved)
        assert len(d.state.path_editor.path.keys) == 1

    drive().run(script)


def test_whatever_an_effect_raises_the_next_one_has_its_turn(drive, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def broken(file: Path, frames: object, **_: object) -> None:
        tries.append(file)
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("viewer.path_reader.load_paths", broken)

    def script(d: Driver) -> None:
        d.press_name("K")
        d.session.send(Triggered(action="path_load"))
        d.session.send(Triggered(action="path_save"))
        d.until(lambda: not d.state.path_editor.unsaved)
        d.ctx.yield_(5)
        assert "cannot be read: a defect" in d.notices()
        assert len(tries) == 1
        assert d.session._problems._newest is None

    drive().run(script)


def test_a_path_that_takes_long_to_read_holds_nothing_up_and_is_forgotten_with_its_scene(drive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ready, forgotten, at_once = threading.Event(), threading.Event(), threading.Event()
    at_once.set()
    gates = iter((ready, forgotten, at_once))
    save_path(TURN, tmp_path / "other" / "path.json")

    def slowly(file: Path, frames: Sequence[int] | None, **_: object) -> tuple[CameraPath, ...]:
        assert next(gates).wait(WAIT_S)
        return load_paths(file, frames)

    monkeypatch.setattr("viewer.path_reader.load_paths", slowly)

    def script(d: Driver) -> None:
        assert d.session._effects is not None
        d.press_name("K")
        d.session.send(Triggered(action="path_save"))
        d.until(lambda: not d.state.path_editor.unsaved)
        d.press_name("]")
        d.press_name("K")
        d.session.send(Triggered(action="path_load"))
        d.ctx.yield_(5)
        assert d.session._effects.reads and len(d.state.path_editor.path.keys) == 2, "the window goes on"
        ready.set()
        d.until(lambda: len(d.state.path_editor.path.keys) == 1)
        d.session.send(Triggered(action="path_load"))
        d.ctx.yield_(2)
        open_another(d)
        d.until(lambda: len(d.state.path_editor.path.keys) == len(TURN.keys))
        forgotten.set()
        d.ctx.yield_(10)
        assert not d.session._effects.reads and len(d.state.path_editor.path.keys) == len(TURN.keys)

    drive().run(script)


def test_each_scene_has_a_path_of_its_own(drive, tmp_path: Path) -> None:
    save_path(TURN, tmp_path / "other" / "path.json")

    def script(d: Driver) -> None:
        first = d.state.source
        d.press_name("K")
        d.session.send(Triggered(action="path_save"))
        d.until(lambda: not d.state.path_editor.unsaved)
        saved = Path(d.state.path_editor.file)
        d.drag_picture(60.0, 0.0)
        d.press_name("K")
        other = open_another(d)
        d.until(lambda: len(d.state.path_editor.path.keys) == len(TURN.keys))
        before = (other / "path.json").read_bytes()
        assert not d.state.path_editor.unsaved
        d.drag_picture(60.0, 0.0)
        d.press_name("K")
        d.press_name("Ctrl+S")
        d.until(lambda: d.state.asks is not None)  # both scenes have one name
        d.press_name("Escape")
        own = d.state.output / "own.json"
        d.session.send(SetPathFile(file="own.json"))
        d.press_name("Ctrl+S")
        d.until(lambda: f"Saved {own}" in d.notices())
        assert (other / "path.json").read_bytes() == before, "what comes with a scene stays as it came"
        assert len(load_path(own).keys) == len(TURN.keys) + 1
        assert len(load_path(saved).keys) == 1, "the first scene's file is left alone"
        d.session.send(FileChosen(purpose="open", path=first))
        d.until(lambda: d.state.source == first)
        d.until(lambda: len(d.state.path_editor.path.keys) == 2)
        assert (d.state.path_editor.unsaved, d.state.path_editor.file) == (True, str(saved))

    drive(settings=tmp_path / "settings").run(script)


def test_opening_asks_before_it_ends_an_export_and_a_scene_that_fails_ends_nothing(drive, tmp_path: Path) -> None:
    def script(d: Driver) -> None:
        opener = d.session._worker._opener

        def opens(source: Path, device: str):
            if source.name == "broken":
                raise ValueError("no scene at all")
            return opener(source, device)

        d.session._worker._opener = opens
        d.press_name("K")
        d.drag_picture(60.0, 0.0)
        d.press_name("K")
        long_export(d)
        d.session.window._drop(None, [str(tmp_path / "broken")])
        d.until(lambda: d.state.asks == OpenScene(source=tmp_path / "broken"))
        d.ctx.yield_(2)
        d.click("Stay##decline")
        assert d.state.asks is None
        assert "no scene at all" not in d.notices()
        d.session.window._drop(None, [str(tmp_path / "broken")])
        d.until(lambda: d.state.asks is not None)
        d.ctx.yield_(2)
        d.click("Open##agree")
        d.until(lambda: "no scene at all" in d.notices())
        job = d.state.export.job
        assert job is not None
        done = job.done
        d.until(lambda: d.state.export.job is not None and d.state.export.job.done > done)  # it goes on
        assert "cancelled" not in d.notices()
        d.session._problems._newest = None
        d.press_name("F5")
        d.until(lambda: d.state.asks is not None)
        d.press_name("Escape")
        assert (d.state.asks, d.state.export.job is not None) == (None, True)
        d.press_name("F5")
        d.until(lambda: d.state.asks is not None)
        d.ctx.yield_(2)
        d.click("Open##agree")
        d.until(lambda: "was cancelled" in d.notices() and d.renderer.closed)
        d.until(lambda: d.state.export.job is None)
        assert list((tmp_path / "output").iterdir()) == [], "no partial file"
        d.renderer.delay_s = 0.0

    drive().run(script)


def test_a_motion_that_is_recorded_is_kept_when_another_scene_opens_and_when_the_window_closes(drive, tmp_path: Path) -> None:
    settings = tmp_path / "settings"

    def record(d: Driver) -> None:
        d.press_name("Ctrl+Shift+R")
        assert d.state.recording is not None
        for _ in range(4):
            d.drag_picture(40.0, 10.0)

    def script(d: Driver) -> None:
        first = d.state.source
        record(d)
        open_another(d)
        assert d.state.recording is None
        assert d.state.path_editor.empty
        record(d)
        d.session.send(FileChosen(purpose="open", path=first))
        d.until(lambda: d.state.source == first and len(d.state.path_editor.path.keys) >= 2)
        record(d)
        d.press_name("Ctrl+Q")
        assert d.state.asks == Quit()
        d.ctx.yield_(2)
        d.click("Stay##decline")
        assert d.state.recording is not None, "it goes on until the window closes"

    def script_after(d: Driver) -> None:
        d.until(lambda: len(d.state.path_editor.path.keys) >= 2)
        assert [len(path.keys) >= 2 for path in d.state.path_editor.shelf] == [True]
        open_another(d)
        d.until(lambda: len(d.state.path_editor.path.keys) >= 2)

    drive(settings=settings).run(script)
    drive(settings=settings).run(script_after)


def test_a_long_recording_whose_keys_take_long_to_choose_is_kept_at_once(drive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = []

    def endless(poses: object, *, distance: float, go_on: Callable[[], bool]) -> None:
        while go_on():
            time.sleep(0.01)
        stopped.append(poses)

    monkeypatch.setattr("viewer.effects.simplified", endless)

    def script(d: Driver) -> None:
        first = d.state.source
        d.press_name("Ctrl+Shift+R")
        d.drag_picture(40.0, 10.0)
        d.drag_picture(-20.0, 0.0)
        d.press_name("Ctrl+Shift+R")  # ended; its keys are being chosen
        assert d.state.recording is None
        open_another(d)
        assert d.state.path_editor.empty
        d.until(lambda: stopped)
        d.session.send(FileChosen(purpose="open", path=first))
        d.until(lambda: d.state.source == first and len(d.state.path_editor.path.keys) >= 2)
        assert d.state.path_editor.path.name == "recording"

    drive(settings=tmp_path / "settings").run(script)


def test_nothing_of_another_origin_is_replaced_unasked(drive, tmp_path: Path) -> None:
    output = tmp_path / "output"
    output.mkdir()
    video, path = output / "stand-in.mp4", output / "stand-in_path.json"
    video.write_bytes(b"a video")
    save_path(TURN, path)

    def script(d: Driver) -> None:
        d.press_name("K")
        d.press_name("Ctrl+S")
        d.until(lambda: d.state.asks is not None)
        d.press_name("Escape")
        assert len(load_paths(path)[0].keys) == len(TURN.keys)
        assert d.state.path_editor.unsaved
        d.press_name("Ctrl+S")
        d.until(lambda: d.state.asks is not None)
        d.ctx.yield_(2)
        d.click("Replace##agree")
        d.until(lambda: not d.state.path_editor.unsaved)
        assert len(load_paths(path)[0].keys) == 1
        d.drag_picture(60.0, 0.0)
        d.press_name("K")
        d.press_name("Ctrl+S")
        d.until(lambda: not d.state.path_editor.unsaved)  # its own file: nothing is asked

        d.session.send(SetExport(settings=replace(d.state.export.settings, width=64, height=48, fps=2.0)))
        d.session.send(Triggered(action="export_start"))
        d.until(lambda: isinstance(d.state.asks, StartExport))
        d.ctx.yield_(2)
        d.click("Cancel##decline")
        assert (d.state.export.job, video.read_bytes()) == (None, b"a video")
        d.session.send(Triggered(action="export_start"))
        d.until(lambda: d.state.asks is not None)
        d.ctx.yield_(2)
        d.click("Replace##agree")
        d.until(lambda: d.state.export.finished == video)
        assert video.stat().st_size > 100
        d.session.send(Triggered(action="export_start"))
        d.until(lambda: d.notices().count(f"Saved {video}") and d.state.notices[-1].count == 2)

    drive().run(script)


def test_a_path_that_was_opened_is_replaced_after_asking_once(drive, tmp_path: Path) -> None:
    file, foreign = tmp_path / "mine.json", tmp_path / "camera_path.json"
    save_path(TURN, file)
    view = PathView(width=64, height=48, fps=10.0, timing=SceneTiming(frames=stand_in_scene().frames, fps=10.0), bounds=stand_in_scene().bounds)
    export_path(TURN, foreign, "nerfstudio", view)

    def script(d: Driver) -> None:
        for opened, asks_about in ((file, "exists already. Replace it?"), (foreign, "no camera path of the viewer's own form")):
            d.session.send(FileChosen(purpose="open", path=opened))
            d.until(lambda opened=opened: d.state.path_editor.file == str(opened))
            before = opened.read_bytes()
            d.press_name("K")
            d.press_name("Ctrl+S")
            d.until(lambda: d.state.asks is not None)
            assert asks_about in (asked_of_user(d.state) or "") and opened.read_bytes() == before
            d.ctx.yield_(2)
            d.click("Replace##agree")
            d.until(lambda: not d.state.path_editor.unsaved)
            d.press_name("Shift+K")
            d.drag_picture(60.0, 0.0)
            d.press_name("K")
            d.press_name("Ctrl+S")
            d.until(lambda: not d.state.path_editor.unsaved)  # it was written since the start
            assert opened.read_bytes() != before

    drive().run(script)


def test_where_a_path_cannot_be_saved_another_place_is_offered(drive, tmp_path: Path) -> None:
    (tmp_path / "locked").write_text("a file where a folder is to be")

    def script(d: Driver) -> None:
        d.press_name("K")
        d.session.send(SetPathFile(file=str(tmp_path / "locked" / "way.json")))
        d.press_name("Ctrl+S")
        d.until(lambda: d.state.asks is not None)
        assert f"{tmp_path / 'locked'} is a file" in (asked_of_user(d.state) or "")
        d.ctx.yield_(2)
        d.click("Choose##agree")
        d.until(lambda: d.dialog_open)
        d.ctx.yield_(2)
        d.click("OK##file")
        there = d.state.output / "way.json"
        d.until(lambda: d.state.path_editor.file == str(there) and not d.state.path_editor.unsaved)
        assert len(load_path(there).keys) == 1

    drive().run(script)


def test_a_window_that_is_closed_can_save_the_path_before(drive, tmp_path: Path) -> None:
    def script(d: Driver) -> None:
        d.press_name("K")
        d.session.send(SetPathFile(file=str(tmp_path / "way.json")))
        d.press_name("Ctrl+Q")
        d.until(lambda: d.state.asks is not None)
        d.ctx.yield_(2)
        d.click("Save and quit##save_first")
        d.until(lambda: d.session.window.should_close)
        assert len(load_path(tmp_path / "way.json").keys) == 1

    drive().run(script)


def test_a_scene_that_lost_frames_is_read_again(drive) -> None:
    def script(d: Driver) -> None:
        d.press_name("End")
        d.press_name("B")
        d.until(lambda: d.shown.request.frame == 17)
        d.renderer.scene = stand_in_scene(frames=3)
        d.renderer.delay_s = 3.0
        d.press_name("F5")
        d.until(lambda: d.state.transport.index == 2)
        d.ctx.yield_(3)
        d.until(lambda: d.session.shown is not None and d.shown.request.frame == 12)
        check(d)
        d.renderer.delay_s = 0.0

    drive().run(script)


def test_a_scene_is_read_again_without_losing_anything_even_its_picture(drive, monkeypatch: pytest.MonkeyPatch) -> None:
    from viewer.gl import read_framebuffer

    def script(d: Driver) -> None:
        opener, goes_on = d.session._worker._opener, threading.Event()

        def slowly(source: Path, device: str):
            assert goes_on.wait(20.0)
            d.renderer.delay_s = 3.0  # the first picture of the scene that is read again takes a while, too
            return opener(source, device)

        d.session._worker._opener = slowly
        d.press_name("K")
        d.drag_picture(70.0, 20.0)
        d.press_name("K")
        d.session.send(SetRange(first=2, last=6))
        d.session.send(SetSpeed(speed=0.5))
        d.until(lambda: d.shown.final and not d.session.busy)
        before, shown = d.state, d.shown
        dark = []

        def look() -> None:
            left, bottom, width, height = d.session.window.picture_rectangle().pixels
            pixels = read_framebuffer(*d.session.window.framebuffer_size)
            dark.append(int(pixels[-bottom - height : len(pixels) - bottom, left : left + width].max()))

        d.press_name("F5")
        while d.session.shown is shown or not d.renderer.closed:
            d.session.window.before_swap(look)
            d.ctx.yield_()
            if len(dark) > 4:
                goes_on.set()
        assert goes_on.is_set()
        assert min(dark) > 100, "the old picture stays until the new one is there"
        for part in ("navigation", "crop", "path_editor"):
            assert getattr(d.state, part) == getattr(before, part)
        assert (d.state.transport.first, d.state.transport.last, d.state.transport.speed) == (2, 6, 0.5)
        d.renderer.delay_s = 0.0

    drive().run(script)
