"""Cameras of a COLMAP model, text or binary, as a path, in the order of the pictures' names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from im4d_core.calibration.colmap import read_model
from im4d_core.path_files.foreign import ForeignKey, ForeignPath


def colmap_path(folder: Path) -> ForeignPath:
    """One key a second for each picture of the model; distortion does not matter to a path.

    Raises:
        FileNotFoundError, ValueError: as `read_model`.
    """
    keys = []
    for i, picture in enumerate(read_model(folder)):
        width, height = picture.size
        right, down = ((picture.K[:2, 2] - np.array([width, height]) / 2.0) / height).tolist()
        keys.append(
            ForeignKey(
                where=f"picture {picture.path}",
                time_s=float(i),
                T_world_camera=np.linalg.inv(picture.T_camera_world),
                fov_y_deg=float(np.degrees(2.0 * np.arctan(0.5 * height / picture.K[1, 1]))),
                scene_time=None,
                principal_point=(right, down),
            )
        )
    return ForeignPath(keys=tuple(keys))
