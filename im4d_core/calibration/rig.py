"""From calibrated pictures to the cameras of a rig: COLMAP, nerfstudio and instant-ngp know pictures, each with a pose; a rig has cameras that stand still."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from im4d_core.calibration.camera import CalibratedCamera, nearest_rotation

logger = logging.getLogger(__name__)

_AGREE = 1e-3
"""How far pictures of one camera may differ, in radians and as a share of the rig's extent or of the focal length: about a pixel in a thousand."""


@dataclass(frozen=True, kw_only=True)
class CameraFolders:
    """The folders of a capture that hold the pictures of one camera each."""

    parent: Path
    names: tuple[str, ...]
    """In the string order."""
    size_of: Callable[[str], tuple[int, int]]
    """Width and height of a camera's pictures."""

    def camera_of(self, picture: str) -> str | None:
        """The camera that took a picture: the nearest folder of its path that is one of these, else its own name without the suffix; None where neither is."""
        *above, file = re.split(r"[/\\]", picture)
        return next((name for name in (*reversed(above), file.rpartition(".")[0], file) if name in self.names), None)


@dataclass(frozen=True, kw_only=True)
class CalibratedPicture:
    """One picture of a calibration that knows pictures."""

    path: str
    """As the calibration names it."""
    K: Float64[np.ndarray, "3 3"]
    distortion: Float64[np.ndarray, "5"]
    """OpenCV's k1, k2, p1, p2, k3."""
    T_camera_world: Float64[np.ndarray, "4 4"]
    size: tuple[int, int]
    """Width and height."""


def rig_of(pictures: Sequence[CalibratedPicture], folders: CameraFolders, file: Path) -> tuple[CalibratedCamera, ...]:
    """One camera for each folder that has calibrated pictures, in the string order of their names; of several pictures the first one counts.

    Pictures of no folder are left out, and said: a calibration may have more of them than the rig took.

    Raises:
        ValueError: no picture is of one of the folders, or those of one camera disagree.
    """
    first: dict[str, CalibratedPicture] = {}
    more: list[tuple[str, CalibratedPicture]] = []
    left = []
    for picture in sorted(pictures, key=lambda picture: picture.path):
        name = folders.camera_of(picture.path)
        if name is None:
            left.append(picture.path)
        elif name in first:
            more.append((name, picture))
        else:
            first[name] = picture
    if not first:
        raise ValueError(
            f"{file}: none of its pictures ({_listed(left)}) is of a camera of {folders.parent}, whose folders are {_listed(folders.names)}; "
            f"the folder of a camera must be called as its pictures are, or as the folder that they are in"
        )
    if left:
        logger.warning("%s: %d pictures are of no camera of %s and are not used: %s", file, len(left), folders.parent, _listed(left))
    cameras = {name: _camera(name, picture) for name, picture in sorted(first.items())}
    reach = float(np.linalg.norm(np.ptp([camera.centre for camera in cameras.values()], axis=0)))
    for name, picture in more:
        _require_same(cameras[name], first[name].path, _camera(name, picture), picture.path, reach, file)
    return tuple(cameras.values())


def _camera(name: str, picture: CalibratedPicture) -> CalibratedCamera:
    T_camera_world = picture.T_camera_world.copy()
    T_camera_world[:3, :3] = nearest_rotation(T_camera_world[:3, :3])
    return CalibratedCamera(name=name, K=picture.K, distortion=picture.distortion, T_camera_world=T_camera_world, size=picture.size)


def _require_same(camera: CalibratedCamera, path: str, other: CalibratedCamera, other_path: str, reach: float, file: Path) -> None:
    """Two pictures of one camera agree: it stands still, and its lens stays the same."""
    apart = float(np.linalg.norm(camera.centre - other.centre))
    turned = camera.T_camera_world[:3, :3] @ other.T_camera_world[:3, :3].T
    angle = float(np.arccos(np.clip((np.trace(turned) - 1.0) / 2.0, -1.0, 1.0)))
    lens = max(float(np.abs(camera.K - other.K).max() / camera.K[0, 0]), float(np.abs(camera.distortion - other.distortion).max()))
    if apart > _AGREE * reach or angle > _AGREE or lens > _AGREE or camera.size != other.size:
        raise ValueError(
            f"{file}: camera {camera.name!r} must stand still and keep its lens, but {path} and {other_path} are {apart:.3g} apart (the rig reaches "
            f"{reach:.3g}), turned by {np.degrees(angle):.3g} degrees, and differ by {100 * lens:.2g} % in focal length, principal point or distortion; "
            f"leave one picture of each camera in the calibration, or calibrate them as one"
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") if names else "none"
