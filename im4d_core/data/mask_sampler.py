"""Masks as visual hulls want them: in the camera of the rendered pictures, no larger than buys something."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64

from im4d_core.data.folders import LABEL_FOLDER
from im4d_core.data.pictures import read_mask
from im4d_core.data.resampling import stored_positions
from im4d_core.geometry import resized
from im4d_core.types import Camera, Scene, Sensor

_MASK_PX = 512  # masks are sampled down to this; finer pixels than voxels buy nothing


class MaskSampler:
    """Reads the masks of one view undistorted, resized and cropped, by nearest pixel, at no more than `_MASK_PX`."""

    def __init__(self, scene: Scene, view: int) -> None:
        camera = scene.cameras[view]
        scale = min(1.0, _MASK_PX / max(camera.width, camera.height))
        self.camera = resized(camera, max(round(scale * camera.width), 1), max(round(scale * camera.height), 1))
        self._scene, self._view, self._sensor = scene, view, scene.sensors[view]
        self._index = _reading_index(self.camera, camera, self._sensor)
        self._labels = (scene.mask_pattern or "").startswith(f"{LABEL_FOLDER}/")

    def path(self, frame: int) -> Path:
        path = self._scene.mask_path(self._view, frame)
        if path is None:
            raise ValueError(f"{self._scene.root}: the capture has no masks to make boxes from; give --boxes or --bounds")
        return path

    def read(self, frame: int) -> Bool[np.ndarray, "h w"]:
        mask = read_mask(self.path(frame), labels=self._labels)
        if mask.shape != (self._sensor.height, self._sensor.width):
            raise ValueError(
                f"{self.path(frame)}: camera {self.camera.name!r} has pictures of {self._sensor.width} × {self._sensor.height} pixels, "
                f"found a mask of {mask.shape[1]} × {mask.shape[0]}; images and masks of a camera must all be of one size"
            )
        return np.append(mask.ravel() >= 128, False)[self._index]  # half covered or more; the last entry is outside the picture


def _reading_index(small: Camera, camera: Camera, sensor: Sensor) -> Int64[np.ndarray, "h w"]:
    """The stored pixel that each pixel of a small picture reads, as a flat index; one past the end outside the stored picture."""
    u, v = np.meshgrid(np.arange(small.width) + 0.5, np.arange(small.height) + 0.5)
    u, v = u * (camera.width / small.width) + sensor.crop_x, v * (camera.height / small.height) + sensor.crop_y
    stored = stored_positions(sensor, np.stack([u * (sensor.width / sensor.resized_width), v * (sensor.height / sensor.resized_height)], axis=-1))
    column, row = np.floor(stored[..., 0]).astype(np.int64), np.floor(stored[..., 1]).astype(np.int64)
    outside = (column < 0) | (column >= sensor.width) | (row < 0) | (row >= sensor.height)
    return np.where(outside, sensor.width * sensor.height, row * sensor.width + column)
