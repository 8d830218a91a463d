"""What the window side tells the panels: measurements and facts about the machine. Panels read it, nothing writes back.

The window builds a fresh `Stats` every GUI frame. Anything that changes what the viewer *does* is an event instead (`viewer/events.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from im4d_core.config import FastConfig, SamplingConfig
from viewer.compare import Layout
from viewer.memory_use import MemoryUse
from viewer.request import RenderRequest
from viewer.values import Pointed

Stages = tuple[tuple[str, float], ...]
"""Milliseconds by stage of one picture, in the order they ran."""


class Cached(IntEnum):
    """The best place one frame's data is ready in; ordered, so that more is better."""

    DISK = 0
    HOST = 1
    DEVICE = 2


@dataclass(frozen=True, kw_only=True)
class ShownThumbnail:
    """A small picture of a source view, as an OpenGL texture."""

    view: int
    texture: int
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Stats:
    """The last measurements; every number may be 0 before the first picture."""

    area: tuple[float, float, float, float] | None = None
    """The picture area on screen: x, y, width, height in window units from the window's top left; None: the whole window."""
    front: frozenset[str] = frozenset()
    """The panels that are seen, by their names: those in front of others."""
    gui_fps: float = 0.0
    """Frames of the window within the last second; 0 at rest."""
    pictures_per_s: float = 0.0
    """Pictures that came to the screen within the last second; 0 at rest."""
    stages_ms: Stages = ()
    """Render time by stage of the last picture, e.g. (("frames", 3.1), ("encode", 8.0), ("march", 12.5))."""
    recent: tuple[Stages, ...] = ()
    """Likewise of the last pictures, the newest last."""
    render_ms: float = 0.0
    """Whole render time of the last picture, measured around the render only, never around the swap."""
    latency_ms: float = 0.0
    """From the inputs to the end of the window's frame that showed the first picture of what they led to, if only a draft."""
    displayed: RenderRequest | None = None
    """The request whose picture is on the screen; overlays are drawn with its camera."""
    below: RenderRequest | None = None
    """What is seen instead where the displayed picture is not made yet."""
    renderer: str = ""
    """What made the displayed picture, such as "baked, CUDA kernels"."""
    source_views: tuple[int, ...] = ()
    """Views whose pictures colour of the displayed picture came from."""
    thumbnails: tuple[ShownThumbnail, ...] = ()
    """Small pictures of source views, of the last still picture that was asked for with them."""
    cell_block: int = 0
    """Occupancy cells along each side of what is drawn as one; 0 where none are shown."""
    pointed: Pointed | None = None
    """The values under the mouse."""
    compared: Layout = "off"
    """How the displayed picture shares the window with another one; "off" while there is only one."""
    other_complete: bool = True
    """The other one is finished."""
    psnr_db: float | None = None
    """How like the two are."""
    busy: bool = False
    """A render is under way."""
    progress: float = 1.0
    """Done fraction of the render under way (tiles of the full renderer); 1 when idle."""
    postponed: bool = False
    """A better picture follows when the jobs are over."""
    loading: str = ""
    """What start-up or opening waits for, e.g. "Loading PyTorch"; empty when ready."""
    device: str = ""
    """e.g. "cuda:0 NVIDIA H200" or "cpu, 2 threads"."""
    gl_renderer: str = ""
    present: Literal["none", "interop", "upload"] = "none"
    """How pictures reach OpenGL."""
    can_share: bool = False
    """Interop works here, whether it is in use or not."""
    present_reason: str = ""
    """Why not interop, and the cure; empty with interop."""
    memory: tuple[tuple[str, int], ...] = ()
    """Bytes by holder, e.g. (("model", …), ("features", …), ("frames", …))."""
    in_use: MemoryUse = MemoryUse()
    """Memory of the whole program."""
    model: str = ""
    """One line about the model: preset or method, steps trained, parameters."""
    occupancy: Literal["missing", "partial", "ready"] = "missing"
    cache: tuple[Cached, ...] = ()
    """One entry per scene frame, in the order of `Scene.frames`; empty before a scene is open."""
    occupied: tuple[bool, ...] = ()
    """Likewise, whether the frame has an occupancy: without it the fast renderer does not begin, whatever is cached."""
    sampling: SamplingConfig = SamplingConfig()
    """The run's samples of the full renderer."""
    fast: FastConfig = FastConfig()
    """The run's settings of the fast renderer."""
