"""Bad files and bad moments in the real window: it stays usable, and nothing the user made is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from driver import Driver

from viewer.events import FileChosen, Triggered


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

    def broken(file: Path, frames: object) -> None:
        tries.append(file)
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("viewer.effects.load_paths", broken)

    def script(d: Driver) -> None:
        d.press_name("K")
        d.session.send(Triggered(action="path_load"))
        d.session.send(Triggered(action="path_save"))
        d.until(lambda: not d.state.path_editor.unsaved)
        d.ctx.yield_(5)
        assert "LoadPath failed: a defect" in d.notices()
        assert len(tries) == 1
        assert d.session._problems._newest is None

    drive().run(script)
