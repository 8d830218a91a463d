"""What a start can be told: what the scene then begins with, and what the user prefers from then on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from driver import Driver
from stand_in import stand_in_scene
from states import after

from viewer import events as e
from viewer.memory import Place
from viewer.offline import find_range
from viewer.preferences import Preferences
from viewer.restoring import place_of
from viewer.sharing import Sharing
from viewer.start import Start, beginning, preferred
from viewer.state import ViewerState

SCENE = stand_in_scene()  # frames 10 to 17


def begun(start: Start, place: Place | None = None) -> ViewerState:
    return after(after(ViewerState(), e.Tick(now_s=100.0)), *beginning(start, SCENE, "cpu", place))


def test_what_is_said_counts_more_than_where_the_scene_was_left() -> None:
    before = begun(Start(source=Path("run")))
    left = place_of(after(before, e.SetScale(scale=0.9), e.SetTargetFps(fps=20.0), e.SetRange(first=1, last=2)))
    assert left is not None
    kept = begun(Start(source=Path("run")), left)
    assert (kept.picture.scale, kept.picture.target_fps, kept.transport.first, kept.transport.last) == (0.9, 20.0, 1, 2)
    assert not kept.transport.playing
    told = begun(Start(source=Path("run"), frames="12:15", play=True, scale=0.5, target_fps=40.0), left)
    assert (told.picture.scale, told.picture.automatic_scale, told.picture.target_fps) == (0.5, False, 40.0)
    assert (told.transport.first, told.transport.last, told.transport.playing) == (2, 4, True)
    assert 2 <= told.transport.index <= 4


def test_frames_are_named_as_the_capture_numbers_them() -> None:
    assert [find_range(SCENE, text) for text in ("12:15", ":12", "16:", ":", "-3:11")] == [(2, 4), (0, 1), (6, 7), (0, 7), (0, 0)]
    with pytest.raises(ValueError, match="no such frame; the scene has 10 to 17"):
        find_range(SCENE, "30:40")
    assert "no such frame" in begun(Start(source=Path("run"), frames="30:40")).notices[-1].text


def test_preferences_are_changed_only_where_something_is_said() -> None:
    before = Preferences(vsync=False, ui_scale=1.5, preset="web", max_fps=90.0)
    assert preferred(Start(source=Path("run")), before) == before
    said = preferred(Start(source=Path("run"), vsync=True, ui_scale=9.0, preset="easyvolcap"), before)
    assert said == replace(before, vsync=True, ui_scale=3.0, preset="easyvolcap")


def test_the_window_begins_as_it_is_told_and_remembers_preferences(drive, tmp_path: Path) -> None:
    from imgui_bundle import imgui

    from viewer.settings import load_settings

    def script(d: Driver) -> None:
        assert d.state.device == "cpu"
        assert d.state.transport.playing and d.state.picture.scale == 0.5
        assert (d.state.preferences.vsync, d.state.preferences.preset) == (False, "web")
        assert imgui.get_style().font_scale_main == 1.25

    drive(settings=tmp_path, play=True, scale=0.5, vsync=False, ui_scale=1.25, preset="web").run(script)
    kept = load_settings(tmp_path, pytest.fail).preferences
    assert (kept.vsync, kept.ui_scale, kept.preset) == (False, 1.25, "web")


class DrawingGpu:
    """Interop with the GPU that draws the window."""

    device = 0

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Told:
    def presenting(self, *said: object, can_share: bool) -> None:
        pass


@pytest.mark.parametrize(("device", "shares"), [("auto", True), ("cuda", True), ("cuda:0", True), ("cuda:1", False)])
def test_another_gpu_than_the_one_that_draws_shares_nothing(monkeypatch: pytest.MonkeyPatch, device: str, shares: bool) -> None:
    gpu = DrawingGpu()
    monkeypatch.setattr("viewer.sharing.open_interop", lambda wanted: (gpu, ""))
    monkeypatch.setattr("viewer.sharing.device_name", lambda: "a GPU")
    sharing = Sharing(wanted=True, device=device, meter=Told(), tell=lambda text: None)  # pyright: ignore[reportArgumentType]
    assert (sharing.interop is gpu) == shares == (not gpu.closed)
    assert sharing.display_device == ("cuda:0" if shares else "")
    assert shares or sharing._obstacle == "cuda:1 renders, and cuda:0 draws the window"
