"""The values that describe a capture: cameras, how their pictures are stored, the scene. NumPy only, so that a window opens before torch.

Conventions, stated here once and obeyed everywhere:

* Camera axes are OpenCV's: x right, y down, z forward. ``T_a_b`` maps points from frame b to frame a.
* Pixel (row, column) has its centre at (column + 0.5, row + 0.5); a reader whose calibration differs shifts the intrinsics once, at load.
* A *frame* is the integer in a file name; it is the truth about time. *time* in [0, 1] is derived from it by `TimeRange` and used inside fields only.
* Images are uint8 sRGB at rest, float [0, 1] in flight, row 0 on top. World unit is the metre. Angles say degrees or radians in their name.
* Boxes are (2, 3) arrays: minimum corner, maximum corner.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float64

PrincipalPoint = tuple[float, float]
"""From the middle of the picture to the right and down, in heights of the picture: like the vertical field of view, the same at any size and shape."""
MIDDLE: PrincipalPoint = (0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole camera: where it is, what it sees, how large its picture is."""

    name: str
    K: Float64[np.ndarray, "3 3"]
    """Intrinsics in pixels; pixel centres at +0.5."""
    T_camera_world: Float64[np.ndarray, "4 4"]
    """Extrinsics, a rigid motion: maps world points to camera axes."""
    width: int
    height: int

    @property
    def R(self) -> Float64[np.ndarray, "3 3"]:
        """Rotation part of the extrinsics; its rows are the camera's right, down and forward axes in the world."""
        return self.T_camera_world[:3, :3]

    @property
    def centre(self) -> Float64[np.ndarray, "3"]:
        """The centre of projection in the world."""
        return -self.R.T @ self.T_camera_world[:3, 3]

    @property
    def fov_y_deg(self) -> float:
        """Vertical field of view in degrees."""
        return float(np.degrees(2.0 * np.arctan(0.5 * self.height / self.K[1, 1])))

    @property
    def principal_point(self) -> PrincipalPoint:
        """Where the optical axis meets the picture."""
        return float((self.K[0, 2] - self.width / 2) / self.height), float((self.K[1, 2] - self.height / 2) / self.height)


RenderMode = Literal["fast", "exact", "full"]
"""fast: as the run is configured, from baked density as a rule. exact: the same samples, the field evaluated at each. full: proposal-sampled."""


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """How a stored picture becomes the picture of a `Camera`: undistort at the stored size, resize, crop."""

    K: Float64[np.ndarray, "3 3"]
    """Intrinsics at the stored size; pixel centres at +0.5."""
    distortion: Float64[np.ndarray, "5"]
    """OpenCV's k1, k2, p1, p2, k3."""
    width: int
    height: int
    resized_width: int
    resized_height: int
    crop_x: int = 0
    """Left edge of the crop in the resized picture; its size is that of the camera."""
    crop_y: int = 0


@dataclass(frozen=True, kw_only=True)
class TimeRange:
    """The training range of a model, stored with it: frame → time never depends on what is evaluated."""

    first: int
    last: int

    def time(self, frame: float | int) -> float:
        """Time in [0, 1] of a frame; a single-frame range is at time 0."""
        return (frame - self.first) / max(self.last - self.first, 1)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The index of a capture: cameras, frames, boxes and file names; no pixels.

    A *view* is an index into `cameras`. Cameras are ordered by the string sort of their names.
    """

    name: str
    root: Path
    cameras: tuple[Camera, ...]
    sensors: tuple[Sensor, ...]
    frames: tuple[int, ...]
    image_pattern: str
    """Relative to `root`, formatted with ``camera`` (name) and ``frame`` (int), e.g. ``images/{camera}/{frame:06d}.jpg``."""
    mask_pattern: str | None
    """The same for masks; None where the capture has none."""
    source_views: tuple[int, ...]
    """Views whose pictures colour may be fetched from."""
    train_views: tuple[int, ...]
    test_views: tuple[int, ...]
    bounds: Float64[np.ndarray, "2 3"]
    """The scene box, over which the model's planes are defined."""
    boxes: Float64[np.ndarray, "n_frames 2 3"]
    """The box of each frame, in the order of `frames`: pixel sampling, near and far, evaluation, occupancy."""
    fps: float
    up: Float64[np.ndarray, "3"]
    """Unit vector."""
    pictures_are_masked: bool = False
    """The stored pictures are multiplied by their masks already (exported scenes), so that readers must not do it again."""
    without_pictures: tuple[int, ...] = ()
    """Views of which no pictures are stored (exported scenes)."""

    def image_path(self, view: int, frame: int) -> Path:
        return self.root / self.image_pattern.format(camera=self.cameras[view].name, frame=frame)

    def mask_path(self, view: int, frame: int) -> Path | None:
        return None if self.mask_pattern is None else self.root / self.mask_pattern.format(camera=self.cameras[view].name, frame=frame)

    def box(self, frame: int) -> Float64[np.ndarray, "2 3"]:
        """The box of a frame.

        Raises:
            ValueError: the scene has no such frame.
        """
        try:
            return self.boxes[self.frames.index(frame)]
        except ValueError:
            raise ValueError(f"{self.name}: frame {frame} does not exist; the scene has frames {self.frames[0]} to {self.frames[-1]}") from None

    def following(self, frame: int) -> int | None:
        """The next frame of the scene; None after the last."""
        place = self.frames.index(frame) + 1
        return self.frames[place] if place < len(self.frames) else None
