"""A capture as its files describe it, before the settings of a run (resize, crop, choice of views) are applied. Each layout's reader returns one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float64

PixelCentre = Literal["0", "0.5", "as-written"]


@dataclass(frozen=True, kw_only=True)
class StoredCamera:
    """A calibrated camera at the size its pictures are stored in."""

    name: str
    K: Float64[np.ndarray, "3 3"]
    """As the file has it; where pixel centres lie is said by the capture."""
    distortion: Float64[np.ndarray, "5"]
    """OpenCV's k1, k2, p1, p2, k3."""
    T_camera_world: Float64[np.ndarray, "4 4"]
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Capture:
    """What the files of a capture say; None or empty where they say nothing."""

    name: str
    root: Path
    cameras: tuple[StoredCamera, ...]
    all_frames: tuple[int, ...]
    frames: tuple[int, ...]
    """The selected ones."""
    image_pattern: str
    mask_pattern: str | None
    pixel_centre: PixelCentre
    source_views: tuple[str, ...] = ()
    train_views: tuple[str, ...] = ()
    test_views: tuple[str, ...] = ()
    bounds: Float64[np.ndarray, "2 3"] | None = None
    boxes: Float64[np.ndarray, "n_frames 2 3"] | None = None
    """Of the selected frames."""
    fps: float = 30.0
    up: Float64[np.ndarray, "3"] | None = None
    upright: bool = True
    """Whether an axis of the world points up."""
    pictures_are_masked: bool = False
    without_pictures: tuple[str, ...] = ()
    """Cameras that are known but whose pictures are not stored."""


def select_frames(selection: str, available: Sequence[int], where: str) -> tuple[int, ...]:
    """The available frames that START:STOP:STEP names by number, stop excluded; parts may be left out, and one number alone is that frame.

    Raises:
        ValueError: not of this form, or no available frame is selected.
    """
    parts = selection.split(":") if selection else ["", ""]
    try:
        start, stop, step = [int(part) if part.strip() else None for part in [*parts, "", ""][:3]]
    except ValueError:
        start, stop, step = None, None, 0
    if len(parts) > 3 or (step is not None and step < 1):
        raise ValueError(f"frames {selection!r}: expected START:STOP:STEP with whole numbers and a step of 1 or more, such as 0:150:1")
    first = available[0] if start is None else start
    last = available[-1] + 1 if stop is None else stop
    if len(parts) == 1:
        last = first + 1
    wanted = range(first, last, step or 1)
    selected = tuple(frame for frame in available if frame in wanted)
    if not selected:
        raise ValueError(f"frames {selection!r} select nothing of {where}, which has {len(available)} frames from {available[0]} to {available[-1]}")
    return selected


def checked_bounds(values: Sequence[float], where: str) -> Float64[np.ndarray, "2 3"]:
    """Six numbers x0 y0 z0 x1 y1 z1 as a box.

    Raises:
        ValueError: not six finite numbers, or a maximum that is not above its minimum.
    """
    box = np.array(values, dtype=np.float64)
    if box.shape != (6,) or not np.isfinite(box).all() or (box[:3] >= box[3:]).any():
        raise ValueError(f"{where}: bounds must be six finite numbers x0 y0 z0 x1 y1 z1 with each minimum below its maximum, found {list(values)}")
    return box.reshape(2, 3)


def parse_up(value: object, where: str) -> Float64[np.ndarray, "3"]:
    """The up direction from an axis name such as "z" or "-y", or from three numbers.

    Raises:
        ValueError: neither.
    """
    if isinstance(value, str) and value.lstrip("+-").lower() in ("x", "y", "z"):
        axis = "xyz".index(value.lstrip("+-").lower())
        return np.eye(3)[axis] * (-1.0 if value.startswith("-") else 1.0)
    if isinstance(value, list) and len(value) == 3 and all(isinstance(part, int | float) for part in value):
        vector = np.array(value, dtype=np.float64)
        length = float(np.linalg.norm(vector))
        if np.isfinite(length) and length > 1e-9:  # shorter ones have no direction worth the name
            return vector / length
    raise ValueError(f'{where}: up must be an axis such as "z" or "-y", or three numbers, found {value!r}')
