"""Scene time as the window shows it: where it is, how it plays, and between which frames. `viewer.playback` moves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LoopMode = Literal["once", "loop", "ping-pong"]
LOOPS: tuple[LoopMode, ...] = ("once", "loop", "ping-pong")


@dataclass(frozen=True, kw_only=True)
class Transport:
    """Scene time. `index` into `Scene.frames`, and how far on from there, is the truth; the clock only says where it is now."""

    index: int = 0
    onward: float = 0.0
    """How far time has gone from there to the next frame; always 0 unless `between`."""
    between: bool = False
    """Moments between two frames are shown too, interpolated; otherwise each shows a frame."""
    playing: bool = False
    fps: float = 30.0
    speed: float = 1.0
    """Factor on `fps`; negative plays backwards."""
    loop: LoopMode = "loop"
    direction: Literal[1, -1] = 1
    """Where the frames go now: prefetch along it."""
    first: int = 0
    """In point: index of the first frame that plays."""
    last: int | None = None
    """Out point: index of the last frame that plays; None for the last one there is."""
    every_frame: bool = False
    """Show every frame, however long it takes; otherwise playback keeps to the clock and drops frames where pictures are slow."""
    anchor_index: float = 0.0
    """Where the clock was started: position and time."""
    anchor_s: float = 0.0


def played_range(transport: Transport, n_frames: int) -> tuple[int, int]:
    """Indices of the first and the last frame that play, whatever number of frames the points were set for."""
    end = max(n_frames - 1, 0)
    low = min(max(transport.first, 0), end)
    return low, end if transport.last is None else min(max(transport.last, low), end)
