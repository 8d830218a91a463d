"""Camera paths made by rule: circles, arcs and spirals about a point, and through the cameras of a capture. Pure functions, NumPy only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from im4d_core.camera_path import MAX_TIME_S, CameraPath, Keyframe, evened, keyframe
from im4d_core.geometry import horizontal_axes, look_at
from im4d_core.types import Camera

Point = tuple[float, float, float]


def orbit(
    *,
    centre: Point,
    radius: float,
    up: Point,
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
    closes = float(turns).is_integer()
    count = _count(n_keys, turns, "orbit")
    shares = np.arange(count if closes else count + 1) / count
    ring = _Ring(centre=centre, up=up, fov_y_deg=fov_y_deg, duration_s=duration_s, what="orbit")
    keys = tuple(ring.key(i + 1, share, radius, start_deg + 360.0 * turns * share, pitch_deg) for i, share in enumerate(shares.tolist()))
    return CameraPath(keys=keys, loop=closes, loop_s=duration_s / count)


def arc(
    *,
    centre: Point,
    radius: float,
    up: Point,
    pitch_deg: float = 15.0,
    start_deg: float = 0.0,
    sweep_deg: float = 90.0,
    duration_s: float = 6.0,
    n_keys: int = 32,
    fov_y_deg: float = 50.0,
) -> CameraPath:
    """A part of a circle around a point, there and back: it leaves either end from rest and loops.

    Args:
        sweep_deg: how far it goes, to one side or the other; up to a whole turn.
        n_keys: for a whole turn; more than a circle needs, since the curve is less round where it turns back.

    Raises:
        ValueError: a radius, duration, sweep or number of keys that makes no arc.
    """
    if not 0.0 < abs(sweep_deg) <= 360.0:
        raise ValueError(f"arc: it must sweep over at most 360 degrees and not 0, got {sweep_deg}")
    count = _count(n_keys, sweep_deg / 360.0, "arc")
    ring = _Ring(centre=centre, up=up, fov_y_deg=fov_y_deg, duration_s=duration_s, what="arc")
    places = [*range(count + 1), *range(count - 1, 0, -1)]
    keys = []
    for i, place in enumerate(places):
        share = place / count
        key = ring.key(i + 1, i / len(places), radius, start_deg + sweep_deg * share, pitch_deg)
        keys.append(replace(key, ease_in=1.0, ease_out=1.0) if place in (0, count) else key)
    return CameraPath(keys=tuple(keys), loop=True, loop_s=duration_s / len(places))


def spiral(
    *,
    centre: Point,
    radius: float,
    up: Point,
    end_radius: float,
    pitch_deg: float = 5.0,
    end_pitch_deg: float = 45.0,
    start_deg: float = 0.0,
    turns: float = 2.0,
    duration_s: float = 10.0,
    n_keys: int = 16,
    fov_y_deg: float = 50.0,
) -> CameraPath:
    """Around a point, closer or farther and higher or lower on the way, looking at it.

    Args:
        end_radius, end_pitch_deg: what `radius` and `pitch_deg` have become at the end.
        n_keys: per turn.

    Raises:
        ValueError: a radius, duration, pitch or number of keys that makes no spiral.
    """
    count = _count(n_keys, turns, "spiral")
    ring = _Ring(centre=centre, up=up, fov_y_deg=fov_y_deg, duration_s=duration_s, what="spiral")
    if not 0.0 < end_radius < math.inf:
        raise ValueError(f"spiral: the last radius must be positive, got {end_radius}")
    keys = []
    for i in range(count + 1):
        share = i / count
        across = radius * (end_radius / radius) ** share if radius > 0.0 else radius  # by the same factor at each step: even to the eye
        keys.append(ring.key(i + 1, share, across, start_deg + 360.0 * turns * share, pitch_deg + share * (end_pitch_deg - pitch_deg)))
    return CameraPath(keys=tuple(keys))


def round_cameras(cameras: Sequence[Camera], up: Point, seconds_per_key: float = 1.0) -> CameraPath:
    """A loop through cameras in the order in which they stand around their middle, from the first one on, at constant speed: a rig is written in any order."""
    if len(cameras) < 3:
        return through_cameras(cameras, seconds_per_key)
    axis = np.asarray(up, dtype=np.float64) / np.linalg.norm(up)
    east, north = horizontal_axes(axis)
    offsets = np.stack([camera.centre for camera in cameras])
    offsets = offsets - offsets.mean(axis=0)
    angles = np.arctan2(offsets @ north, offsets @ east)
    order = np.argsort((angles - angles[0]) % (2.0 * np.pi), kind="stable")
    path = through_cameras([cameras[i] for i in order], seconds_per_key, loop=True)
    return evened(replace(path, constant_speed=True))


def through_cameras(cameras: Sequence[Camera], seconds_per_key: float = 1.0, loop: bool = False) -> CameraPath:
    """A path from camera to camera, in the order given."""
    keys = (keyframe(i + 1, i * seconds_per_key, np.linalg.inv(camera.T_camera_world), camera.fov_y_deg) for i, camera in enumerate(cameras))
    return CameraPath(keys=tuple(keys), loop=loop, loop_s=seconds_per_key)


@dataclass(frozen=True, kw_only=True)
class _Ring:
    """Places around a point that look at it."""

    centre: Point
    up: Point
    fov_y_deg: float
    duration_s: float
    what: str
    """What is made, for errors."""

    def key(self, id: int, share: float, radius: float, angle_deg: float, pitch_deg: float) -> Keyframe:
        """The key at a share of the whole time."""
        if not (0.0 < radius < math.inf and 0.0 < self.duration_s <= MAX_TIME_S and abs(pitch_deg) < 90.0):
            raise ValueError(
                f"{self.what}: radius must be positive, duration positive and at most {MAX_TIME_S:g} s, pitch below 90 degrees; "
                f"got radius {radius}, duration {self.duration_s} s, pitch {pitch_deg} degrees"
            )
        axis = np.asarray(self.up, dtype=np.float64) / np.linalg.norm(self.up)
        east, north = horizontal_axes(axis)
        middle, angle, pitch = np.asarray(self.centre, dtype=np.float64), np.radians(angle_deg), np.radians(pitch_deg)
        outwards = np.cos(pitch) * (np.cos(angle) * east + np.sin(angle) * north) + np.sin(pitch) * axis
        T_camera_world = look_at(middle + radius * outwards, middle, axis)
        return keyframe(id, self.duration_s * share, np.linalg.inv(T_camera_world), self.fov_y_deg)


def _count(n_keys: int, turns: float, what: str) -> int:
    """Steps from key to key over some turns."""
    if not (3 <= n_keys <= 1000 and 0.0 < abs(turns) <= 100.0):
        raise ValueError(f"{what}: it takes 3 to 1000 keys a turn and at most 100 turns, not 0; got {n_keys} keys, {turns} turns")
    return max(round(n_keys * abs(turns)), 2)
