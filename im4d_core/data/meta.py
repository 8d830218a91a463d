"""meta.json beside a capture: what its other files cannot say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from im4d_core.data.capture import PixelCentre, checked_bounds, parse_up


@dataclass(frozen=True, kw_only=True)
class Meta:
    """What meta.json may say; keys it does not know are somebody else's."""

    name: str = ""
    pixel_centre: PixelCentre | None = None
    """As the calibration has it when None."""
    train_views: tuple[str, ...] = ()
    test_views: tuple[str, ...] = ()
    bounds: np.ndarray | None = None
    fps: float = 30.0
    up: np.ndarray | None = None
    masked: bool = False


def read_meta(path: Path) -> Meta:
    """What the file says, all defaults where there is none.

    Raises:
        ValueError: no valid JSON, or a value that does not fit; naming the key.
    """
    if not path.is_file():
        return Meta()
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not valid JSON ({error}); repair it, or remove it to use the defaults") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected a JSON object, found {type(values).__name__}")
    fps = values.get("fps", 30.0)
    if not isinstance(fps, int | float) or isinstance(fps, bool) or not 0 < fps < float("inf"):
        raise ValueError(f"{path}: fps must be a positive number, found {fps!r}")
    found = values.get("pixel_centre")
    pixel_centre = next((name for name in get_args(PixelCentre) if found == name or (name != "as-written" and found == float(name))), None)
    if pixel_centre is None and found is not None:
        raise ValueError(f'{path}: pixel_centre must be 0 or 0.5 (or "as-written"), found {found!r}')
    masked = values.get("masked", False)
    if not isinstance(masked, bool):
        raise ValueError(f"{path}: masked must be true or false (whether the pictures are multiplied by their masks already), found {masked!r}")
    low, high = values.get("bounds_min"), values.get("bounds_max")
    if (low is None) != (high is None):
        raise ValueError(f"{path}: bounds_min and bounds_max belong together, found {'bounds_min' if high is None else 'bounds_max'} only")
    return Meta(
        name=values["name"] if isinstance(values.get("name"), str) else "",
        pixel_centre=pixel_centre,
        train_views=_names(values, "train_views", path),
        test_views=_names(values, "test_views", path),
        bounds=None if low is None else checked_bounds([*_numbers(low, "bounds_min", path), *_numbers(high, "bounds_max", path)], str(path)),
        fps=float(fps),
        up=parse_up(values["up"], str(path)) if "up" in values else None,
        masked=masked,
    )


def _names(values: dict[str, Any], key: str, path: Path) -> tuple[str, ...]:
    names = values.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{path}: {key} must be a list of camera names in quotes, found {names!r}")
    return tuple(names)


def _numbers(value: Any, key: str, path: Path) -> list[float]:
    if not isinstance(value, list) or len(value) != 3 or not all(isinstance(item, int | float) for item in value):
        raise ValueError(f"{path}: {key} must be three numbers, found {value!r}")
    return [float(item) for item in value]
