"""Camera paths: keyframes in time and the curve through them. NumPy only.

A path says where the camera is, how wide it sees, and (where its keys say so) which frame of the scene is shown, as functions of the path's
own time in seconds.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float64

from im4d_core import curves
from im4d_core.geometry import intrinsics
from im4d_core.pose_curve import Interpolation, PoseCurve, pose_curve
from im4d_core.types import MIDDLE, Camera, PrincipalPoint

FOV_RANGE_DEG = (1.0, 170.0)
PRINCIPAL_RANGE = (-2.0, 2.0)
"""Heights of the picture: farther outside lies no lens."""
MAX_TIME_S = 86_400.0
"""A day: what is longer is a mistake in the file."""


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
    principal_point: PrincipalPoint = MIDDLE
    scene_frame: float | None = None
    """Frame of the scene shown at this key; None follows playback."""
    ease_in: float = 0.0
    """How gently the camera arrives: 0 in full motion, 1 coming to rest."""
    ease_out: float = 0.0
    """How gently the camera leaves."""
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Fields of a loaded file this version does not know; written back."""

    @property
    def T_world_camera(self) -> Float64[np.ndarray, "4 4"]:
        return _pose(np.array(self.rotation), np.array(self.position))


def keyframe(
    id: int,
    time_s: float,
    T_world_camera: Float64[np.ndarray, "4 4"],
    fov_y_deg: float,
    scene_frame: float | None = None,
    principal_point: PrincipalPoint = MIDDLE,
) -> Keyframe:
    """A key from a camera-to-world matrix, whose rotation must be one (callers check foreign data)."""
    x, y, z = T_world_camera[:3, 3].tolist()
    a, b, c, d = curves.quaternion(T_world_camera[:3, :3]).tolist()
    return Keyframe(
        id=id,
        time_s=float(time_s),
        position=(x, y, z),
        rotation=(a, b, c, d),
        fov_y_deg=float(fov_y_deg),
        principal_point=principal_point,
        scene_frame=scene_frame,
    )


@dataclass(frozen=True, kw_only=True)
class PathSample:
    """The camera of a path at one time."""

    T_world_camera: Float64[np.ndarray, "4 4"]
    fov_y_deg: float
    principal_point: PrincipalPoint
    scene_frame: float | None
    """None: follow playback."""

    def camera(self, width: int, height: int) -> Camera:
        """As a pinhole camera for pictures of a given size."""
        T_camera_world, K = np.linalg.inv(self.T_world_camera), intrinsics(width, height, self.fov_y_deg, self.principal_point)
        return Camera(name="path", K=K, T_camera_world=T_camera_world, width=width, height=height)


@dataclass(frozen=True, kw_only=True)
class SceneTiming:
    """How the frames of a scene go by along a path. Window, export and shell evaluate paths with one and the same."""

    frames: tuple[int, ...]
    """All that exist."""
    fps: float
    """How many go by in a second where the path lets the scene play."""
    playing: tuple[int, ...] = ()
    """Those that play where no key says a frame; all when empty."""
    between: bool = False
    """Moments between two frames are shown as such; otherwise each shows a frame."""

    @property
    def loop(self) -> tuple[int, ...]:
        """The frames that play over and over."""
        return self.playing or self.frames


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One picture of a video along a path."""

    time_s: float
    sample: PathSample
    frame: int
    """Frame of the scene, one that exists."""
    onward: float = 0.0
    """How far time has gone from there to the next frame."""


@dataclass(frozen=True, kw_only=True)
class CameraPath:
    """Keys in order of strictly increasing time, and how to go between them."""

    keys: tuple[Keyframe, ...] = ()
    loop: bool = False
    loop_s: float = 1.0
    """Time from the last key back to the first, used when `loop` is on."""
    interpolation: Interpolation = "smooth"
    tension: float = 0.0
    """Of the smooth curve: 0 round, 1 straight from key to key."""
    constant_speed: bool = False
    """The camera moves evenly between two keys; `evened` makes it the same speed everywhere."""
    name: str = ""
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
        if not 0.0 <= self.tension <= 1.0:
            raise ValueError(f"camera path: the tension must be 0 to 1, got {self.tension}")
        if any(not 0.0 <= ease <= 1.0 for key in self.keys for ease in (key.ease_in, key.ease_out)):
            raise ValueError(f"camera path: easing must be 0 to 1, got {[(key.ease_in, key.ease_out) for key in self.keys]}")

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

    @property
    def lengths(self) -> tuple[float, ...]:
        """How long the way is from each key to the next, in world units; a looping path ends with the way back."""
        return tuple(_curve(self).lengths.tolist()) if len(self.keys) > 1 else ()

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
        pose = _pose(at.rotation, at.position)
        return PathSample(T_world_camera=pose, fov_y_deg=at.fov_y_deg, principal_point=at.principal_point, scene_frame=at.scene_frame)

    def positions(self, times_s: Float64[np.ndarray, "n"]) -> Float64[np.ndarray, "n 3"]:
        """Where the camera is at many times between the path's first and last, a fraction of the work of as many samples.

        Raises:
            ValueError: the path has no keys.
        """
        if not self.keys:
            raise ValueError("camera path: it has no keys; add one first")
        return _curve(self).positions(times_s)

    def sample_times(self, n: int, start_s: float | None = None, stop_s: float | None = None) -> Float64[np.ndarray, "n"]:
        """n evenly spaced times: an open path's include its last key, a loop's stop one short of its first. A part (start, stop) counts as open."""
        first = self.start_s if start_s is None else start_s
        last = self.start_s + self.duration_s if stop_s is None else stop_s
        whole_loop = self.closed and start_s is None and stop_s is None
        return first + (last - first) * np.arange(n) / max(n if whole_loop else n - 1, 1)

    def frame_at(self, time_s: float, timing: SceneTiming) -> int:
        """The frame of the scene to show at a time, one that exists.

        Between two keys that say a frame it goes from one to the other. Elsewhere the scene plays: on from the last key that said one, else from the
        first frame that plays, over and over.
        """
        wanted = self.sample(time_s).scene_frame
        if wanted is not None:
            return timing.frames[_nearest(timing.frames, wanted)]
        return timing.loop[self._played(time_s, timing)[0]]

    def moment_at(self, time_s: float, timing: SceneTiming) -> tuple[int, float]:
        """The frame of the scene at a time, one that exists, and how far time has gone to the next one: 0 where only frames are shown."""
        frame = self.frame_at(time_s, timing)
        if not timing.between:
            return frame, 0.0
        wanted, frames = self.sample(time_s).scene_frame, timing.frames
        if wanted is None:
            after = timing.loop[(timing.loop.index(frame) + 1) % len(timing.loop)]
            neighbours = frames.index(after) == frames.index(frame) + 1  # from the last frame that plays back to the first there is no way
            return frame, self._played(time_s, timing)[1] if neighbours else 0.0
        place = max(int(np.searchsorted(frames, wanted, side="right")) - 1, 0)
        if place + 1 == len(frames):
            return frames[place], 0.0
        return frames[place], max(wanted - frames[place], 0.0) / (frames[place + 1] - frames[place])

    def _played(self, time_s: float, timing: SceneTiming) -> tuple[int, float]:
        """Where the scene is while it plays: place among the frames that play, and how far beyond."""
        said = [key for key in self.keys if key.scene_frame is not None and key.time_s <= time_s]
        first, since = (0, time_s - self.start_s) if not said else (_nearest(timing.loop, said[-1].scene_frame or 0.0), time_s - said[-1].time_s)
        passed = since * timing.fps + 1e-6  # 1e-6: k / fps * fps must not fall below k
        whole = int(np.floor(passed))
        return (first + whole) % len(timing.loop), max(passed - whole - 1e-6, 0.0)

    def video_times(self, timing: SceneTiming, video_fps: float, start_s: float | None = None, stop_s: float | None = None) -> Float64[np.ndarray, "n"]:
        """When the pictures of a video along the path, or along a part of it, are taken.

        A path of one key that follows playback stays in place while the scene plays once.

        Raises:
            ValueError: the path has no keys.
        """
        if not self.keys:
            raise ValueError("camera path: it has no keys; add one first")
        first = self.start_s if start_s is None else start_s
        last = self.start_s + self.duration_s if stop_s is None else stop_s
        if len(self.keys) == 1 and self.keys[0].scene_frame is None and stop_s is None:
            return first + np.arange(max(round(len(timing.loop) / timing.fps * video_fps), 1)) / video_fps
        whole_loop = self.closed and start_s is None and stop_s is None
        return self.sample_times(max(round((last - first) * video_fps) + (0 if whole_loop else 1), 1), start_s, stop_s)

    def shots(self, timing: SceneTiming, video_fps: float, start_s: float | None = None, stop_s: float | None = None) -> tuple[Shot, ...]:
        """The pictures of a video along the path, or along a part of it. Window, export and shell all make videos from these."""
        times = self.video_times(timing, video_fps, start_s, stop_s)
        moments = ((time, *self.moment_at(time, timing)) for time in times.tolist())
        return tuple(Shot(time_s=time, sample=self.sample(time), frame=frame, onward=onward) for time, frame, onward in moments)


def evened(path: CameraPath) -> CameraPath:
    """The path with its keys at other times, so that the camera goes equally fast between any two. The whole takes as long as before.

    Where the camera rests between two keys it rests as long as before; a path that goes nowhere stays as it is.
    """
    lengths = np.array(path.lengths)
    if len(lengths) == 0 or not (lengths > 0.0).any():
        return path
    before = np.diff([*(key.time_s for key in path.keys), *((path.start_s + path.duration_s,) if path.closed else ())])
    moves = lengths > 0.0
    takes = np.where(moves, lengths * before[moves].sum() / lengths.sum(), before)
    times = path.start_s + np.concatenate([[0.0], np.cumsum(takes)])
    keys = tuple(replace(key, time_s=float(time_s)) for key, time_s in zip(path.keys, times))
    return replace(path, keys=keys, loop_s=float(takes[-1]) if path.closed else path.loop_s)


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
        principal_points=np.array([key.principal_point for key in keys]),
        eases=np.array([(key.ease_in, key.ease_out) for key in keys]),
        tension=path.tension,
        constant_speed=path.constant_speed,
    )


def _nearest(frames: Sequence[int], wanted: float) -> int:
    """Index of the frame nearest to a number."""
    return int(np.argmin(np.abs(np.asarray(frames) - wanted)))


def _pose(rotation: Float64[np.ndarray, "4"], position: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "4 4"]:
    T_world_camera = np.eye(4)
    T_world_camera[:3, :3] = curves.rotation(rotation)
    T_world_camera[:3, 3] = position
    return T_world_camera
