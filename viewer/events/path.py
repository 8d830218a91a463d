"""From the Path panel and the timeline: edits of the camera path, its preview and its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from im4d_core.camera_path import CameraPath, Interpolation
from im4d_core.path_files import PathForm
from viewer.edited_path import OrbitSettings


@dataclass(frozen=True, kw_only=True)
class SelectKey:
    key_id: int | None
    go_there: bool = False
    """Also show the path at this key."""


@dataclass(frozen=True, kw_only=True)
class SetKeyTime:
    key_id: int
    time_s: float


@dataclass(frozen=True, kw_only=True)
class CopyKey:
    """A copy of a key at another time; it becomes selected."""

    key_id: int
    time_s: float | None = None
    """None: halfway to the next key, or after the last."""


@dataclass(frozen=True, kw_only=True)
class SetKeyFrame:
    """The frame of the scene shown at a key; None follows playback."""

    key_id: int
    scene_frame: float | None


@dataclass(frozen=True, kw_only=True)
class SetKeyFov:
    key_id: int
    fov_y_deg: float


@dataclass(frozen=True, kw_only=True)
class SetKeyEase:
    """How gently the camera arrives at a key and leaves it, 0 to 1."""

    key_id: int
    ease_in: float
    ease_out: float


@dataclass(frozen=True, kw_only=True, eq=False)
class SetKeyPose:
    """A key was moved or turned in the view."""

    key_id: int
    T_world_camera: Float64[np.ndarray, "4 4"]


@dataclass(frozen=True, kw_only=True)
class SetTension:
    """Of the smooth curve, 0 to 1."""

    tension: float


@dataclass(frozen=True, kw_only=True)
class SetConstantSpeed:
    """The same speed everywhere; times of keys follow from it."""

    on: bool


@dataclass(frozen=True, kw_only=True)
class ChoosePath:
    """Edit another one of the named paths."""

    name: str


@dataclass(frozen=True, kw_only=True)
class RenamePath:
    name: str


@dataclass(frozen=True, kw_only=True)
class MotionRecorded:
    """Answer to `SimplifyRecording`: a path of its own."""

    path: CameraPath


@dataclass(frozen=True, kw_only=True)
class SetPathLoop:
    loop: bool
    loop_s: float | None = None
    """Time from the last key to the first; None keeps it."""


@dataclass(frozen=True, kw_only=True)
class SetInterpolation:
    interpolation: Interpolation


@dataclass(frozen=True, kw_only=True)
class SetPathTime:
    """Scrub the path: show its camera at this time."""

    time_s: float


@dataclass(frozen=True, kw_only=True)
class SetRecordsSceneTime:
    """Whether new keys keep the frame that is shown."""

    on: bool


@dataclass(frozen=True, kw_only=True)
class ReplacePath:
    """A whole new path."""

    path: CameraPath


@dataclass(frozen=True, kw_only=True)
class SetOrbit:
    settings: OrbitSettings


@dataclass(frozen=True, kw_only=True)
class SetPathFile:
    """The file that Save writes and Load reads, as typed in the Path panel."""

    file: str


@dataclass(frozen=True, kw_only=True)
class SetPathForm:
    """The program that "export for" writes the path for."""

    form: PathForm


@dataclass(frozen=True, kw_only=True)
class PathLoaded:
    path: CameraPath
    file: Path
    others: tuple[CameraPath, ...] = ()
    """Other named paths of the file."""
    notes: tuple[str, ...] = ()
    """How the file of another program was taken."""
    of_scene: bool = False
    """As in `LoadPath`."""


@dataclass(frozen=True, kw_only=True)
class PathSaved:
    path: CameraPath
    """What was written, so that later edits still count as unsaved."""
    file: Path
    others: tuple[CameraPath, ...] = ()


PathEvent = (
    SelectKey
    | SetKeyTime
    | CopyKey
    | SetKeyEase
    | SetKeyPose
    | SetTension
    | SetConstantSpeed
    | ChoosePath
    | RenamePath
    | MotionRecorded
    | SetKeyFrame
    | SetKeyFov
    | SetPathLoop
    | SetInterpolation
    | SetPathTime
    | SetRecordsSceneTime
    | ReplacePath
    | SetOrbit
    | SetPathFile
    | SetPathForm
    | PathLoaded
    | PathSaved
)
