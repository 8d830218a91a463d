"""A recorded motion as few keys as needed: the path through them stays close to every recorded pose. NumPy only."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from im4d_core.camera_path import CameraPath, Keyframe, PathSample

_EVERY_S = 0.1
_PRINCIPAL = 0.005  # heights of the picture: about what half a degree is
_ROUNDS = 40  # each adds a key to every part that is still too far off: far more than halving needs


def simplified(
    poses: Sequence[Keyframe],
    *,
    distance: float,
    angle_deg: float = 0.5,
    fov_deg: float = 0.5,
    frames: float = 1.0,
    through: CameraPath = CameraPath(),  # noqa: B008 - a frozen value
    go_on: Callable[[], bool] = lambda: True,
) -> CameraPath:
    """The path through some of the poses that meets the others within tolerances.

    Args:
        poses: in order of increasing time.
        distance: how far off a position may be, in world units.
        angle_deg: how far off a viewing direction, or the roll, may be.
        fov_deg: how far off a field of view may be.
        frames: how far off the frame of the scene may be, where poses say one.
        through: a path that goes between its keys as the result shall; its own keys do not count.
        go_on: asked for each pose; once it says no, the path is as good as it is by then.

    Raises:
        ValueError: times do not increase.
    """
    if len(poses) < 3:
        return _through(poses, through)
    chosen = {0, len(poses) - 1}
    for _ in range(_ROUNDS):
        order = sorted(chosen)
        path = _through([poses[i] for i in order], through)
        worst = [_farthest(path, poses, low, high, (distance, angle_deg, fov_deg, frames), go_on) for low, high in itertools.pairwise(order)]
        found = {i for i in worst if i is not None}
        if not found or not go_on():
            return path
        chosen |= found
    return _through([poses[i] for i in sorted(chosen)], through)


def thinned(poses: Sequence[Keyframe]) -> CameraPath:
    """The path straight through poses a tenth of a second apart: more keys than `simplified` finds, but at once."""
    kept = list(poses[:1])
    for pose in poses[1:]:
        if pose.time_s - kept[-1].time_s >= _EVERY_S - 1e-3 or pose is poses[-1]:  # 1 ms: clocks are not exact
            kept.append(pose)
    return _through(kept, CameraPath(interpolation="linear"))


def _through(poses: Sequence[Keyframe], like: CameraPath) -> CameraPath:
    return replace(like, keys=tuple(replace(pose, id=i) for i, pose in enumerate(poses, start=1)))


def _farthest(
    path: CameraPath, poses: Sequence[Keyframe], low: int, high: int, tolerances: tuple[float, float, float, float], go_on: Callable[[], bool]
) -> int | None:
    """The pose between two keys that the path misses most; None where all are met."""
    misses = [_miss(path.sample(poses[i].time_s), poses[i], tolerances) for i in range(low + 1, high) if go_on()]
    if not misses or max(misses) <= 1.0:
        return None
    return low + 1 + int(np.argmax(misses))


def _miss(sample: PathSample, pose: Keyframe, tolerances: tuple[float, float, float, float]) -> float:
    """How far off a sample is, in tolerances."""
    distance, angle_deg, fov_deg, frames = tolerances
    T = pose.T_world_camera
    apart = float(np.linalg.norm(sample.T_world_camera[:3, 3] - T[:3, 3]))
    turn = sample.T_world_camera[:3, :3].T @ T[:3, :3]
    angle = float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1.0) / 2.0, -1.0, 1.0))))
    principal = float(np.abs(np.subtract(sample.principal_point, pose.principal_point)).max())
    off = [apart / distance, angle / angle_deg, abs(sample.fov_y_deg - pose.fov_y_deg) / fov_deg, principal / _PRINCIPAL]
    if sample.scene_frame is not None and pose.scene_frame is not None:
        off.append(abs(sample.scene_frame - pose.scene_frame) / frames)
    return max(off)
