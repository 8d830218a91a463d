"""Checks of what a JSON file says; each error begins with where in the file it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

LARGEST = 1e9
"""Of any number in a camera or a path: what is larger is a mistake in the file, and its square soon no number any more."""


def json_value(text: str, where: str) -> Any:
    """What a JSON text holds, or a ValueError that begins with `where`."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{where}: expected JSON, found {text[:60]!r} ({error})") from error
    except RecursionError as error:
        raise ValueError(f"{where}: expected JSON, found {text[:60]!r} (nested too deeply)") from error


def json_file(file: Path, where: str) -> Any:
    """What a JSON file holds.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is none; beginning with `where`.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{where}: no such file")
    try:
        text = file.read_text(encoding="utf-8")
    except ValueError as error:
        raise ValueError(f"{where}: expected JSON, found a file that is no text ({error})") from error
    return json_value(text, where)


def field(item: Any, name: str, where: str) -> Any:
    """A field that must be there, or a ValueError that begins with `where`."""
    if not isinstance(item, Mapping) or name not in item:
        raise ValueError(f"{where}: field {name!r} is missing")
    return item[name]


def number(value: Any, where: str) -> float:
    """A finite number, or a ValueError that begins with `where`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST <= value <= LARGEST:
        raise ValueError(f"{where}: expected a finite number of at most {LARGEST:g}, found {found(value)}")
    return float(value)


def number_within(value: Any, low: float, high: float, where: str) -> float:
    """A number of a file, or a ValueError that begins with `where`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{where} must be a number from {low:g} to {high:g}, found {found(value)}")
    return float(value)


def found(value: Any) -> str:
    """The beginning of what stands there."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def rigid_pose(value: Any, where: str) -> Float64[np.ndarray, "4 4"]:
    """A rigid motion of a file, or a ValueError that begins with `where`."""
    try:
        pose = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        pose = np.empty(0)
    if pose.shape != (4, 4):
        raise ValueError(f"{where} must be 4 x 4 numbers, found {found(value)}")
    if not (np.abs(pose) <= LARGEST).all():
        raise ValueError(f"{where} must be finite, of at most {LARGEST:g}, found {pose.tolist()}")
    if np.abs(pose[3] - [0.0, 0.0, 0.0, 1.0]).max() > 1e-6:
        raise ValueError(f"{where} must have the last row 0 0 0 1, found {pose[3].tolist()}")
    R = pose[:3, :3]
    error = float(np.abs(R @ R.T - np.eye(3)).max())
    if error > 1e-3 or np.linalg.det(R) < 0:  # 1e-3: files written in single precision pass, scaled or sheared matrices do not
        raise ValueError(f"{where} must hold a rotation, found one off by {error:.2g} with determinant {np.linalg.det(R):.3g}")
    return pose
