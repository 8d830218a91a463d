"""Live recording: as long as the clock says, in the order things were shown, whatever sizes the window takes meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from im4d_core.video import VideoWriter
from viewer.live import FPS, LiveRecording

WAIT_S = 20.0


class Clock:
    def __init__(self) -> None:
        self.now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def grey(level: int, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def levels(file: Path) -> list[int]:
    import av

    with av.open(file) as container:
        return [int(frame.to_ndarray(format="rgb24")[10, 10, 0]) for frame in container.decode(video=0)]


def test_a_slow_screen_repeats_its_pictures(tmp_path: Path) -> None:
    clock = Clock()
    live = LiveRecording(tmp_path / "new" / "live.mp4", grey(40), clock)
    for level in (80, 120, 160):
        clock.now_s += 3 / FPS
        live.take(grey(level))
    live.take(grey(200))  # at once: the screen is faster than the video
    live.end()
    assert live.written.result(WAIT_S) == tmp_path / "new" / "live.mp4"
    shown = levels(tmp_path / "new" / "live.mp4")
    assert len(shown) + live.left_out == 10
    assert np.abs(np.diff([shown[0], *sorted(shown)]))[0] == 0
    assert all(abs(level - wanted) <= 3 for level, wanted in zip(shown, [40, *[80] * 3, *[120] * 3, *[160] * 3]))  # a lossy code


def test_a_stall_is_cut_out(tmp_path: Path) -> None:
    clock = Clock()
    live = LiveRecording(tmp_path / "live.mp4", grey(40), clock)
    clock.now_s += 100.0
    live.take(grey(90))
    live.end()
    live.written.result(WAIT_S)
    assert len(levels(tmp_path / "live.mp4")) == 2


@pytest.mark.parametrize(("height", "width"), [(30, 100), (60, 40), (48, 64)])
def test_another_size_is_cut_or_padded(tmp_path: Path, height: int, width: int) -> None:
    clock = Clock()
    live = LiveRecording(tmp_path / "live.mp4", grey(40), clock)
    clock.now_s += 1 / FPS
    live.take(grey(200, height, width))
    live.end()
    live.written.result(WAIT_S)
    assert abs(levels(tmp_path / "live.mp4")[-1] - 200) <= 3


def test_nobody_waits_for_an_encoder_that_is_slow_to_begin_and_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one did, the gates would never be opened."""
    opened, closed = threading.Event(), threading.Event()
    open_writer, close_writer = VideoWriter.__init__, VideoWriter.close

    def slowly(self: VideoWriter, *named: Any) -> None:
        assert opened.wait(WAIT_S)
        open_writer(self, *named)

    def in_its_time(self: VideoWriter) -> None:
        assert closed.wait(WAIT_S)
        close_writer(self)

    monkeypatch.setattr(VideoWriter, "__init__", slowly)
    monkeypatch.setattr(VideoWriter, "close", in_its_time)
    clock, over = Clock(), threading.Event()
    live = LiveRecording(tmp_path / "live.mp4", grey(40), clock, over.set)
    for _ in range(40):
        clock.now_s += 1 / FPS
        live.take(grey(90))
    live.end()
    opened.set()
    assert not live.written.done() and not over.is_set() and live.left_out > 0
    closed.set()
    live.written.result(WAIT_S)
    assert over.wait(WAIT_S)
    assert len(levels(tmp_path / "live.mp4")) == 41 - live.left_out


def test_an_encoder_that_fails_ends_the_recording_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: VideoWriter, picture: np.ndarray) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(VideoWriter, "write", broken)
    over = threading.Event()
    live = LiveRecording(tmp_path / "live.mp4", grey(40), Clock(), over.set)
    assert over.wait(WAIT_S), "by itself"
    with pytest.raises(RuntimeError, match="the disk is full"):
        live.written.result()
    live.take(grey(80))
    live.end()
    assert list(tmp_path.iterdir()) == []
