"""Camera paths made by rule: circles about a point, and through the cameras of a capture. Pure functions, NumPy only."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from im4d_core.camera_path import MAX_TIME_S, CameraPath, keyframe
from im4d_core.geometry import horizontal_axes, look_at
from im4d_core.types import Camera


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
