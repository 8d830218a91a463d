"""Camera paths: keyframes in time and the curve through them. NumPy only.

A path says where the camera is, how wide it sees, and (where its keys say so) which frame of the scene is shown, as functions of the path's
own time in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

Interpolation = Literal["smooth", "linear", "hold"]
INTERPOLATIONS: tuple[Interpolation, ...] = ("smooth", "linear", "hold")


@dataclass(frozen=True, kw_only=True)
class Keyframe:
    """A camera at a time of the path. Made of tuples, so that keys compare and hash."""

    id: int
    """Unique within its path and kept through edits."""
    time_s: float
    position: tuple[float, float, float]
    """Centre of projection in the world."""
    rotation: tuple[float, float, float, float]
    """Unit quaternion (w, x, y, z) of R_world_camera; camera axes are OpenCV's."""
    fov_y_deg: float
    scene_frame: float | None = None
    """Frame of the scene shown at this key; None follows playback."""
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Fields of a loaded file this version does not know; written back."""


@dataclass(frozen=True, kw_only=True)
class CameraPath:
    """Keys in order of time, and how to go between them."""

    keys: tuple[Keyframe, ...] = ()
    loop: bool = False
    loop_s: float = 1.0
    """Time from the last key back to the first, used when `loop` is on."""
    interpolation: Interpolation = "smooth"
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def duration_s(self) -> float:
        """Length in seconds; a looping path includes the way back to its first key."""
        if not self.keys:
            return 0.0
        open_s = self.keys[-1].time_s - self.keys[0].time_s
        return open_s + self.loop_s if self.loop and len(self.keys) > 1 else open_s


@dataclass(frozen=True, kw_only=True)
class PathSample:
    """The camera of a path at one time."""

    T_world_camera: Float64[np.ndarray, "4 4"]
    fov_y_deg: float
    scene_frame: float | None
    """None: follow playback."""


def playback_frame(time_s: float, frames: tuple[int, ...], fps: float) -> int:
    """The frame that plays at a time of a path whose keys do not say one: the scene plays from its first frame and starts over at its end."""
    return frames[int(np.floor(time_s * fps + 1e-6)) % len(frames)]  # 1e-6: k / fps * fps must not fall below k
