"""Camera paths: keyframes in time, the curve through them, and circles. NumPy only.

A path says where the camera is, how wide it sees, and (where its keys say so) which frame of the scene is shown, as functions of the path's
own time in seconds.
"""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from im4d_core import curves
from im4d_core.foreign_paths import ForeignPath, is_nerfstudio, nerfstudio_path, number_within, rigid_pose
from im4d_core.geometry import intrinsics, look_at
from im4d_core.pose_curve import INTERPOLATIONS, Interpolation, PoseCurve, pose_curve
from im4d_core.types import Camera

FORMAT = "im4d-camera-path"
VERSION = 1
FOV_RANGE_DEG = (1.0, 170.0)
MAX_TIME_S = 86_400.0
"""A day: what is longer is a mistake in the file."""
_KEY_FIELDS = {"id", "time_s", "T_world_camera", "fov_y_deg", "scene_frame"}
_PATH_FIELDS = {"format", "version", "convention", "interpolation", "loop", "loop_s", "keys"}


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

    @property
    def T_world_camera(self) -> Float64[np.ndarray, "4 4"]:
        return _pose(np.array(self.rotation), np.array(self.position))


def keyframe(id: int, time_s: float, T_world_camera: Float64[np.ndarray, "4 4"], fov_y_deg: float, scene_frame: float | None = None) -> Keyframe:
    """A key from a camera-to-world matrix, whose rotation must be one (callers check foreign data)."""
    x, y, z = T_world_camera[:3, 3].tolist()
    a, b, c, d = curves.quaternion(T_world_camera[:3, :3]).tolist()
    return Keyframe(id=id, time_s=float(time_s), position=(x, y, z), rotation=(a, b, c, d), fov_y_deg=float(fov_y_deg), scene_frame=scene_frame)


@dataclass(frozen=True, kw_only=True)
class PathSample:
    """The camera of a path at one time."""

    T_world_camera: Float64[np.ndarray, "4 4"]
    fov_y_deg: float
    scene_frame: float | None
    """None: follow playback."""

    def camera(self, width: int, height: int) -> Camera:
        """As a pinhole camera for pictures of a given size."""
        T_camera_world = np.linalg.inv(self.T_world_camera)
        return Camera(name="path", K=intrinsics(width, height, self.fov_y_deg), T_camera_world=T_camera_world, width=width, height=height)


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One picture of a video along a path."""

    time_s: float
    sample: PathSample
    frame: int
    """Frame of the scene, one that exists."""


@dataclass(frozen=True, kw_only=True)
class CameraPath:
    """Keys in order of strictly increasing time, and how to go between them."""

    keys: tuple[Keyframe, ...] = ()
    loop: bool = False
    loop_s: float = 1.0
    """Time from the last key back to the first, used when `loop` is on."""
    interpolation: Interpolation = "smooth"
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Fields of a loaded file this version does not know; written back."""

    def __post_init__(self) -> None:
        times = [key.time_s for key in self.keys]
        if any(later <= earlier for earlier, later in itertools.pairwise(times)):
            raise ValueError(f"camera path: key times must increase, got {times} s")
        if len({key.id for key in self.keys}) != len(self.keys):
            raise ValueError(f"camera path: key ids must differ, got {[key.id for key in self.keys]}")
        if not self.loop_s > 0.0:
            raise ValueError(f"camera path: the way back to the first key must take longer than 0 s, got {self.loop_s} s")

    @property
    def start_s(self) -> float:
        """Time of the first key."""
        return self.keys[0].time_s if self.keys else 0.0

    @property
    def closed(self) -> bool:
        """Whether the path returns to its first key; one key alone does not."""
        return self.loop and len(self.keys) > 1

    @property
    def duration_s(self) -> float:
        """Length in seconds; a looping path includes the way back to its first key."""
        if not self.keys:
            return 0.0
        return self.keys[-1].time_s - self.keys[0].time_s + (self.loop_s if self.closed else 0.0)

    def sample(self, time_s: float) -> PathSample:
        """The camera at a time: beyond its ends an open path rests, a loop goes on.

        Raises:
            ValueError: the path has no keys.
        """
        if not self.keys:
            raise ValueError("camera path: it has no keys; add one first")
        stop_s = self.start_s + self.duration_s
        if self.closed and not self.start_s <= time_s < stop_s:
            time_s = self.start_s + (time_s - self.start_s) % self.duration_s
        at = _curve(self).at(min(max(time_s, self.start_s), stop_s))
        return PathSample(T_world_camera=_pose(at.rotation, at.position), fov_y_deg=at.fov_y_deg, scene_frame=at.scene_frame)

    def sample_times(self, n: int, start_s: float | None = None, stop_s: float | None = None) -> Float64[np.ndarray, "n"]:
        """n evenly spaced times: an open path's include its last key, a loop's stop one short of its first. A part (start, stop) counts as open."""
        first = self.start_s if start_s is None else start_s
        last = self.start_s + self.duration_s if stop_s is None else stop_s
        whole_loop = self.closed and start_s is None and stop_s is None
        return first + (last - first) * np.arange(n) / max(n if whole_loop else n - 1, 1)

    def frame_at(self, time_s: float, frames: Sequence[int], scene_fps: float) -> int:
        """The frame of the scene to show at a time, one that exists.

        Between two keys that say a frame it goes from one to the other. Elsewhere the scene plays: on from the last key that said one, else from the
        start of the scene, over and over.
        """
        wanted = self.sample(time_s).scene_frame
        if wanted is not None:
            return frames[_nearest(frames, wanted)]
        said = [key for key in self.keys if key.scene_frame is not None and key.time_s <= time_s]
        first, since = (0, time_s - self.start_s) if not said else (_nearest(frames, said[-1].scene_frame or 0.0), time_s - said[-1].time_s)
        played = int(np.floor(since * scene_fps + 1e-6))  # 1e-6: k / fps * fps must not fall below k
        return frames[(first + played) % len(frames)]

    def video_times(
        self, n_frames: int, scene_fps: float, video_fps: float, start_s: float | None = None, stop_s: float | None = None
    ) -> Float64[np.ndarray, "n"]:
        """When the pictures of a video along the path, or along a part of it, are taken.

        A path of one key that follows playback stays in place for one pass of the scene's `n_frames`.

        Raises:
            ValueError: the path has no keys.
        """
        if not self.keys:
            raise ValueError("camera path: it has no keys; add one first")
        first = self.start_s if start_s is None else start_s
        last = self.start_s + self.duration_s if stop_s is None else stop_s
        if len(self.keys) == 1 and self.keys[0].scene_frame is None and stop_s is None:
            return first + np.arange(max(round(n_frames / scene_fps * video_fps), 1)) / video_fps
        whole_loop = self.closed and start_s is None and stop_s is None
        return self.sample_times(max(round((last - first) * video_fps) + (0 if whole_loop else 1), 1), start_s, stop_s)

    def shots(self, frames: Sequence[int], scene_fps: float, video_fps: float, start_s: float | None = None, stop_s: float | None = None) -> tuple[Shot, ...]:
        """The pictures of a video along the path, or along a part of it. Window, export and shell all make videos from these."""
        times = self.video_times(len(frames), scene_fps, video_fps, start_s, stop_s)
        return tuple(Shot(time_s=time, sample=self.sample(time), frame=self.frame_at(time, frames, scene_fps)) for time in times.tolist())


def orbit(
    *,
    centre: tuple[float, float, float],
    radius: float,
    up: tuple[float, float, float],
    pitch_deg: float = 15.0,
    start_deg: float = 0.0,
    turns: float = 1.0,
    duration_s: float = 6.0,
    n_keys: int = 16,
    fov_y_deg: float = 50.0,
) -> CameraPath:
    """A circle around a point, looking at it: whole turns loop.

    Args:
        pitch_deg: how far the camera looks down; positive lifts it above the centre.
        start_deg: angle of the first key; 0 and the sense of turning follow from `up` (counter-clockwise seen from above).
        n_keys: per turn; 16 stay within 0.1 % of the true circle.

    Raises:
        ValueError: a radius, duration or number of keys that makes no circle.
    """
    sane = 0.0 < radius < math.inf and 0.0 < duration_s <= MAX_TIME_S and 0.0 < abs(turns) <= 100.0
    if not (sane and 3 <= n_keys <= 1000 and abs(pitch_deg) < 90.0):
        raise ValueError(
            f"orbit: radius must be positive, duration positive and at most {MAX_TIME_S:g} s, turns at most 100 and not 0, 3 to 1000 keys, pitch below "
            f"90 degrees; got radius {radius}, duration {duration_s} s, {turns} turns, {n_keys} keys, pitch {pitch_deg} degrees"
        )
    axis = np.asarray(up, dtype=np.float64) / np.linalg.norm(up)
    east, north = horizontal_axes(axis)
    closes = float(turns).is_integer()
    count = max(round(n_keys * abs(turns)), 2)
    middle, pitch = np.asarray(centre, dtype=np.float64), np.radians(pitch_deg)
    keys = []
    for i in range(count if closes else count + 1):
        angle = np.radians(start_deg) + 2.0 * np.pi * turns * i / count
        outwards = np.cos(pitch) * (np.cos(angle) * east + np.sin(angle) * north) + np.sin(pitch) * axis
        T_camera_world = look_at(middle + radius * outwards, middle, axis)
        keys.append(keyframe(i + 1, duration_s * i / count, np.linalg.inv(T_camera_world), fov_y_deg))
    return CameraPath(keys=tuple(keys), loop=closes, loop_s=duration_s / count)


def through_cameras(cameras: Sequence[Camera], seconds_per_key: float = 1.0, loop: bool = False) -> CameraPath:
    """A path from camera to camera, in the order given."""
    keys = (keyframe(i + 1, i * seconds_per_key, np.linalg.inv(camera.T_camera_world), camera.fov_y_deg) for i, camera in enumerate(cameras))
    return CameraPath(keys=tuple(keys), loop=loop, loop_s=seconds_per_key)


def horizontal_axes(up: Float64[np.ndarray, "3"]) -> tuple[Float64[np.ndarray, "3"], Float64[np.ndarray, "3"]]:
    """Two unit vectors that make a right-handed frame with a unit `up`: x and y for up = z."""
    start = np.array([0.0, 1.0, 0.0]) if abs(up[0]) > 0.9 else np.array([1.0, 0.0, 0.0])
    east = start - (start @ up) * up
    east /= np.linalg.norm(east)
    return east, np.cross(up, east)


def load_path(file: Path, frames: Sequence[int] | None = None) -> CameraPath:
    """A path from our own JSON file, or nerfstudio's camera_path.json.

    Args:
        frames: the scene's frames; a file that gives scene time as a fraction needs them, and loses it without.

    Raises:
        FileNotFoundError: no such file.
        ValueError: naming file, key, field, what was expected and what was found.
    """
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(f"camera path {file}: no such file")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"camera path {file}: not a JSON file ({error})") from error
    return path_from_json(content, f"camera path {file}", frames)


def path_from_json(content: Any, where: str, frames: Sequence[int] | None = None) -> CameraPath:
    """`load_path` of what a file (or the clipboard) holds; `where` begins its errors."""
    if not isinstance(content, Mapping):
        raise ValueError(f"{where}: expected a JSON object, found {type(content).__name__}")
    if content.get("format") != FORMAT and is_nerfstudio(content):
        return _imported(nerfstudio_path(content, where), frames, where)
    return _own(content, where)


def path_to_json(path: CameraPath) -> dict[str, Any]:
    """What `save_path` writes."""
    return {
        **path.extra,
        "format": FORMAT,
        "version": VERSION,
        "convention": "T_world_camera maps camera axes (OpenCV: x right, y down, z forward) to the world; times in seconds; angles in degrees",
        "interpolation": path.interpolation,
        "loop": path.loop,
        "loop_s": path.loop_s,
        "keys": [
            {
                **key.extra,
                "id": key.id,
                "time_s": key.time_s,
                "T_world_camera": key.T_world_camera.tolist(),
                "fov_y_deg": key.fov_y_deg,
                "scene_frame": key.scene_frame,
            }
            for key in path.keys
        ],
    }


def save_path(path: CameraPath, file: Path) -> None:
    """Writes our own JSON file: to a temporary name in the same folder first, then renamed. Unknown fields of a loaded file are written back."""
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(path_to_json(path), indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def _own(content: Mapping[str, Any], where: str) -> CameraPath:
    if content.get("format") != FORMAT:
        raise ValueError(f"{where}: format must be {FORMAT!r}, found {content.get('format')!r}; nerfstudio's camera_path.json is read as well")
    if content.get("version") != VERSION:
        raise ValueError(f"{where}: version must be {VERSION}, found {content.get('version')!r}; it was written by another version of this program")
    if content.get("interpolation") not in INTERPOLATIONS:
        raise ValueError(f"{where}: interpolation must be one of {', '.join(INTERPOLATIONS)}, found {content.get('interpolation')!r}")
    if not isinstance(content.get("loop"), bool):
        raise ValueError(f"{where}: loop must be true or false, found {content.get('loop')!r}")
    if not isinstance(content.get("keys"), list):
        raise ValueError(f"{where}: keys must be a list, found {content.get('keys')!r}")
    keys = tuple(_own_key(item, f"{where}: keys[{i}]") for i, item in enumerate(content["keys"]))
    loop_s = number_within(content.get("loop_s"), 1e-3, MAX_TIME_S, f"{where}: loop_s")
    extra = {name: value for name, value in content.items() if name not in _PATH_FIELDS}
    return _assembled(keys, content["loop"], loop_s, content["interpolation"], extra, where)


def _own_key(item: Any, where: str) -> Keyframe:
    if not isinstance(item, Mapping):
        raise ValueError(f"{where}: expected an object with {', '.join(sorted(_KEY_FIELDS))}, found {item!r}")
    for name in sorted(_KEY_FIELDS):
        if name not in item:
            raise ValueError(f"{where}: field {name!r} is missing")
    if isinstance(item["id"], bool) or not isinstance(item["id"], int):
        raise ValueError(f"{where}: id must be an integer, found {item['id']!r}")
    frame = item["scene_frame"]
    made = keyframe(
        item["id"],
        number_within(item["time_s"], -MAX_TIME_S, MAX_TIME_S, f"{where}: time_s"),
        rigid_pose(item["T_world_camera"], f"{where}: T_world_camera"),
        number_within(item["fov_y_deg"], *FOV_RANGE_DEG, f"{where}: fov_y_deg"),
        None if frame is None else number_within(frame, -1e9, 1e9, f"{where}: scene_frame"),
    )
    return replace(made, extra={name: value for name, value in item.items() if name not in _KEY_FIELDS})


def _imported(path: ForeignPath, frames: Sequence[int] | None, where: str) -> CameraPath:
    """A foreign path as ours, under the same checks."""
    keys = []
    for i, key in enumerate(path.keys):
        item = f"{where}: {key.where}"
        scene_frame = None if key.scene_time is None or frames is None else frames[0] + key.scene_time * (frames[-1] - frames[0])
        time_s = number_within(key.time_s, -MAX_TIME_S, MAX_TIME_S, f"{item}: time")
        fov = number_within(key.fov_y_deg, *FOV_RANGE_DEG, f"{item}: fov")
        keys.append(keyframe(i + 1, time_s, rigid_pose(key.T_world_camera, item), fov, scene_frame))
    return _assembled(tuple(keys), path.loop, max(path.loop_s, 1e-3), "smooth", {}, where)


def _assembled(keys: tuple[Keyframe, ...], loop: bool, loop_s: float, interpolation: Interpolation, extra: Mapping[str, Any], where: str) -> CameraPath:
    try:
        return CameraPath(keys=keys, loop=loop, loop_s=loop_s, interpolation=interpolation, extra=extra)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


@lru_cache(maxsize=8)
def _curve(path: CameraPath) -> PoseCurve:
    keys = path.keys + path.keys[:1] if path.closed else path.keys
    times = np.array([key.time_s for key in keys])
    if path.closed:
        times[-1] = path.start_s + path.duration_s
    return pose_curve(
        times,
        np.array([key.position for key in keys]),
        np.array([key.rotation for key in keys]),
        np.array([key.fov_y_deg for key in keys]),
        np.array([np.nan if key.scene_frame is None else key.scene_frame for key in keys]),
        path.interpolation,
        path.closed,
    )


def _nearest(frames: Sequence[int], wanted: float) -> int:
    """Index of the frame nearest to a number."""
    return int(np.argmin(np.abs(np.asarray(frames) - wanted)))


def _pose(rotation: Float64[np.ndarray, "4"], position: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "4 4"]:
    T_world_camera = np.eye(4)
    T_world_camera[:3, :3] = curves.rotation(rotation)
    T_world_camera[:3, 3] = position
    return T_world_camera
