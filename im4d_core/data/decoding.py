"""Files → a source view: decoded, undistorted, resized, cropped, multiplied by its mask onto the background."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8, UInt16
from torch import Tensor
from torch.nn import functional

from im4d_core.config import DataConfig
from im4d_core.data.folders import LABEL_FOLDER
from im4d_core.data.pictures import read_mask, read_rgb
from im4d_core.data.resampling import area_resized, stored_positions
from im4d_core.tensors import SourceView, extent
from im4d_core.types import Scene, Sensor

_LATTICE_PX = 8  # where to read is computed on a lattice and interpolated: 1/64 of the memory; off by 0.01 px where distortion bends by 1e-3 px per px²


class Decoder:
    """Decodes the pictures of a scene. Safe to use from several threads."""

    def __init__(self, scene: Scene, config: DataConfig) -> None:
        self._scene = scene
        self._mask_images = config.mask_images and not scene.pictures_are_masked
        self._background = np.round(255 * np.array(config.background)).astype(np.uint16)
        self._offset = 0.0 if config.pixel_centre == "as-written" else 0.5
        self._labels = scene.mask_pattern is not None and scene.mask_pattern.startswith(f"{LABEL_FOLDER}/")
        self._lattices: dict[int, Tensor] = {}

    def decode(self, frame: int, view: int) -> SourceView:
        """One view of one frame.

        Raises:
            FileNotFoundError: the image or its mask is missing.
            ValueError: a file is truncated or corrupt, or of another size than the camera's first picture.
        """
        path, mask_path = self._scene.image_path(view, frame), self._scene.mask_path(view, frame)
        pictures = [read_rgb(path)]
        self._require_size(view, path, pictures[0])
        if mask_path is not None:
            pictures.append(read_mask(mask_path, labels=self._labels)[..., None])
            self._require_size(view, mask_path, pictures[1])
        if self._scene.sensors[view].distortion.any():
            pictures = self._undistorted(view, pictures)
        placed = [self._placed(view, picture) for picture in pictures]
        image = placed[0]
        mask = placed[1][..., 0] if mask_path is not None else np.full(image.shape[:2], 255, np.uint8)
        if mask_path is not None and self._mask_images:
            image = masked(image, mask, self._background)
        source = SourceView(view=view, frame=frame, camera=self._scene.cameras[view], image=torch.from_numpy(image), mask=torch.from_numpy(mask))
        _ = source.covered  # found here, beside whoever will crop to it
        return source

    def _require_size(self, view: int, path: Path, picture: UInt8[np.ndarray, "h w channels"]) -> None:
        sensor, (height, width) = self._scene.sensors[view], picture.shape[:2]
        if (width, height) != (sensor.width, sensor.height):
            raise ValueError(
                f"{path}: camera {self._scene.cameras[view].name!r} has pictures of {sensor.width} × {sensor.height} pixels, found {width} × {height}; "
                f"images and masks of a camera must all be of one size"
            )

    def _undistorted(self, view: int, pictures: list[UInt8[np.ndarray, "h w _"]]) -> list[UInt8[np.ndarray, "h w _"]]:
        """Pictures as a lens without distortion would have taken them; all at once, because where to read costs as much as reading."""
        if view not in self._lattices:  # two threads may both compute it; the result is the same
            self._lattices[view] = reading_lattice(self._scene.sensors[view], self._offset)
        grid = functional.interpolate(self._lattices[view], size=pictures[0].shape[:2], mode="bilinear", align_corners=True).permute(0, 2, 3, 1)
        planes = torch.cat([torch.from_numpy(picture).permute(2, 0, 1) for picture in pictures]).float()
        sampled = functional.grid_sample(planes[None], grid, mode="bilinear", padding_mode="zeros", align_corners=False)[0]
        parts = (sampled + 0.5).to(torch.uint8).split([picture.shape[2] for picture in pictures])
        return [part.permute(1, 2, 0).contiguous().numpy() for part in parts]

    def _placed(self, view: int, picture: UInt8[np.ndarray, "h w channels"]) -> UInt8[np.ndarray, "height width channels"]:
        """An undistorted picture, resized and cropped."""
        camera, sensor = self._scene.cameras[view], self._scene.sensors[view]
        picture = area_resized(picture, sensor.resized_width, sensor.resized_height)
        return np.ascontiguousarray(picture[sensor.crop_y : sensor.crop_y + camera.height, sensor.crop_x : sensor.crop_x + camera.width])


def reading_lattice(sensor: Sensor, offset: float) -> Tensor:
    """Where the undistorted picture reads the stored one, for `grid_sample`, on a lattice that spans the pixel centres.

    Args:
        sensor: the lens.
        offset: of a pixel's centre from its corner, in the convention of the sensor's intrinsics.
    """
    columns = np.linspace(0, sensor.width - 1, -(-(sensor.width - 1) // _LATTICE_PX) + 1)
    rows = np.linspace(0, sensor.height - 1, -(-(sensor.height - 1) // _LATTICE_PX) + 1)
    positions = stored_positions(sensor, np.stack(np.meshgrid(columns, rows), axis=-1) + offset) - offset + 0.5
    normalised = 2.0 * positions / (sensor.width, sensor.height) - 1.0
    return torch.from_numpy(normalised.astype(np.float32)).permute(2, 0, 1)[None]


def masked(image: UInt8[np.ndarray, "h w 3"], mask: UInt8[np.ndarray, "h w"], background: UInt16[np.ndarray, "3"]) -> UInt8[np.ndarray, "h w 3"]:
    """image x mask + background x (1 - mask), rounded; `background` in 0 to 255.

    In few steps over whole rows: between two steps NumPy gives Python's lock away and waits for it again, and decoders that all do so take turns at it.
    """
    row = np.tile(background.astype(np.uint8), image.shape[1])  # a whole row at once: filling by threes takes ten times as long
    result = np.broadcast_to(row.reshape(1, -1, 3), image.shape).copy() if background.any() else np.zeros_like(image)
    part = extent(mask)
    if part is None:
        return result
    height, width = mask[part].shape
    coverage = np.repeat(mask[part], 3, axis=1)
    blended = np.multiply(image[part].reshape(height, -1), coverage, dtype=np.uint16)
    if background.any():
        blended += np.multiply(255 - coverage, np.tile(background, width), dtype=np.uint16)
    blended += np.uint16(128)
    blended += blended >> 8  # exact rounded division by 255 for all sums up to 255 * 255
    blended >>= 8
    result[part] = blended.reshape(height, width, 3)
    return result
