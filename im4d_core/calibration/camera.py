"""What a calibration says of a camera, whichever program made it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True, kw_only=True)
class CalibratedCamera:
    """One camera of a calibration."""

    name: str
    K: Float64[np.ndarray, "3 3"]
    distortion: Float64[np.ndarray, "5"]
    """OpenCV's k1, k2, p1, p2, k3."""
    T_camera_world: Float64[np.ndarray, "4 4"]
    size: tuple[int, int] | None
    """Width and height, where the file has them."""

    @property
    def centre(self) -> Float64[np.ndarray, "3"]:
        """The centre of projection in the world."""
        return -self.T_camera_world[:3, :3].T @ self.T_camera_world[:3, 3]


def nearest_rotation(matrix: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, "3 3"]:
    """The rotation that is nearest to a matrix that is almost one: writers round."""
    u, _, v = np.linalg.svd(matrix)
    return u @ v
