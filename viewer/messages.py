"""What the render thread says to the window: pictures, what was opened, facts, failures, progress of jobs. Frozen values, no torch, no OpenGL."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float32, UInt8

from im4d_core.config import FastConfig, SamplingConfig
from im4d_core.types import Scene
from viewer.cells import Cells
from viewer.handover import in_host
from viewer.memory_use import MemoryUse
from viewer.request import RenderRequest
from viewer.thumbnails import Thumbnail
from viewer.values import Readable

if TYPE_CHECKING:
    from viewer.interop import DevicePixels

Job = Literal["export", "picture", "occupancy"]
"""The kinds of long tasks."""
Stage = Literal["start", "opening", "rendering"]
"""What went wrong when something did; a later success makes it history."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DisplayBuffer:
    """A picture that is ready to be shown, with everything that must go with it."""

    request: RenderRequest
    """What is in the picture: its camera, size and the renderer that really made it."""
    pixels: DevicePixels | UInt8[np.ndarray, "h w 4"]
    depth: DevicePixels | Float32[np.ndarray, "h w"]
    """0 where less than half of the pixel is covered; where the pixels are."""
    source_views: tuple[int, ...]
    renderer: str
    """What made it, such as "baked, CUDA kernels"."""
    stages_ms: tuple[tuple[str, float], ...]
    render_ms: float
    asked_s: float
    """When the window asked for it, by the monotonic clock."""
    latency_ms: float
    """From then to the finished picture; when it was seen is for the window to say."""
    final: bool
    """Nothing better will follow for this request."""
    steady: bool
    """The time is typical: nothing was loaded or compiled."""
    below: RenderRequest | None = None
    """Of a picture that is not finished: what is seen where it is not made yet."""
    other_complete: bool = True
    """The picture it is compared with is finished, if there is one."""
    cells: Cells | None = None
    """The occupancy of the frame, where it was asked for and exists."""
    thumbnails: tuple[Thumbnail, ...] = ()
    """Of the source views, where they were asked for and the view is still."""
    other: DevicePixels | UInt8[np.ndarray, "h w 4"] | None = None
    """The picture it is compared with, as far as it is made."""
    psnr_db: float | None = None
    """How like the two are where the frame's box is."""
    readable: Readable | None = None
    """The same in host memory; None where bringing it there would cost time, as during motion on a GPU."""

    def host_pixels(self) -> UInt8[np.ndarray, "h w 4"]:
        """The picture in host memory, row 0 on top."""
        return in_host(self.pixels)

    def in_host(self) -> DisplayBuffer:
        """The same with nothing in CUDA memory, for a window that cannot take it from there."""
        return replace(self, pixels=self.host_pixels(), depth=in_host(self.depth), other=None if self.other is None else in_host(self.other))

    def depth_bytes(self) -> DevicePixels | UInt8[np.ndarray, "h w 4"]:
        """The depth as four bytes a pixel."""
        if not isinstance(self.depth, np.ndarray):
            return self.depth
        height, width = self.depth.shape
        return self.depth.view(np.uint8).reshape(height, width, 4)

    def depth_at(self, row: int, column: int) -> float:
        """The depth of one pixel. Waits for a GPU that shares a picture of something that moves."""
        if self.readable is not None:
            return float(self.readable.depth[row, column])
        return float(in_host(self.depth)[row, column])


@dataclass(frozen=True, kw_only=True)
class Miniatures:
    """What the cameras of the capture saw at a frame, as far as it is read."""

    frame: int
    pictures: tuple[Thumbnail, ...]


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A scene is ready to be rendered."""

    scene: Scene
    source: Path
    device: str
    """That renders it: cpu, cuda or cuda:N."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the statistics tell of the renderer; sent after opening, after jobs, and now and then."""

    device: str
    model: str
    memory: tuple[tuple[str, int], ...]
    in_use: MemoryUse
    """Memory of the whole program."""
    occupied: tuple[bool, ...]
    """Whether the occupancy of each frame of the scene exists."""
    decoded: tuple[bool, ...]
    """Whether source pictures of each frame are in host memory."""
    ready: tuple[bool, ...]
    """Whether features of each frame are on the device."""
    sampling: SamplingConfig
    """The run's samples of the full renderer; `viewer.quality` changes them for the window's pictures."""
    fast: FastConfig
    """The run's settings of the fast renderer."""

    @property
    def cached(self) -> tuple[tuple[bool, ...], ...]:
        """What is there of the frames."""
        return self.occupied, self.decoded, self.ready


@dataclass(frozen=True, kw_only=True)
class Estimated:
    """A picture was given up, or made smaller than asked for; it would have taken this long."""

    request: RenderRequest
    render_ms: float


@dataclass(frozen=True, kw_only=True)
class Failed:
    """Something went wrong; the worker goes on."""

    text: str
    details: str
    """The traceback."""
    during: Stage = "rendering"
    source: Path | None = None
    """What could not be opened."""
    level: Literal["warning", "error"] = "error"


@dataclass(frozen=True, kw_only=True)
class JobStep:
    job: Job
    done: int
    total: int
    number: int = 0
    """Which of the exports."""


@dataclass(frozen=True, kw_only=True)
class JobOver:
    job: Job
    number: int = 0
    """Which of the exports."""
    file: Path | None = None
    error: str = ""
    cancelled: bool = False


Message = DisplayBuffer | Miniatures | Opened | Facts | Estimated | Failed | JobStep | JobOver
