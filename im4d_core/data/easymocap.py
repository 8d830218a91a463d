"""The EasyMocap layout: intri.yml, extri.yml, images/<camera>/<frame>.jpg, masks/<camera>/<frame>.png, and an optional meta.json beside them."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from im4d_core.calibration import CalibratedCamera, read_calibration
from im4d_core.data.capture import Capture, PixelCentre, StoredCamera, checked_bounds, parse_up, select_frames
from im4d_core.data.pictures import picture_size

logger = logging.getLogger(__name__)

MASK_FOLDERS = ("masks", "mask", "schp")
LABEL_FOLDER = "schp"
"""Masks of this folder are label maps."""
_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, kw_only=True)
class _Pictures:
    """The pictures of one folder."""

    pattern: str
    frames: dict[str, frozenset[int]]
    """By camera."""


def read_easymocap(root: Path, selection: str) -> Capture:
    """The capture in a folder, of which `selection` (START:STOP:STEP) names the frames. Reads file names and one header per camera, no pixels.

    Raises:
        FileNotFoundError: the calibration or the images folder is missing.
        ValueError: the calibration is damaged, a camera has no images, frames are missing, or meta.json does not fit.
    """
    calibration = read_calibration(root)
    names = [camera.name for camera in calibration]
    images = _index(root / "images", names)
    all_frames = tuple(sorted(frozenset[int]().union(*images.frames.values())))
    frames = select_frames(selection, all_frames, str(root))
    _require_frames(root / "images", images, frames)
    masks = None
    mask_folder = next((root / name for name in MASK_FOLDERS if (root / name).is_dir()), None)
    if mask_folder is not None:
        masks = _index(mask_folder, names)
        _require_frames(mask_folder, masks, frames)
    meta = _read_meta(root / "meta.json")
    image_pattern = f"images/{images.pattern}"
    cameras = tuple(_stored(camera, root / image_pattern.format(camera=camera.name, frame=frames[0])) for camera in calibration)
    return Capture(
        name=meta.name or root.resolve().name,
        root=root,
        cameras=cameras,
        all_frames=all_frames,
        frames=frames,
        image_pattern=image_pattern,
        mask_pattern=None if masks is None or mask_folder is None else f"{mask_folder.name}/{masks.pattern}",
        pixel_centre=meta.pixel_centre,
        train_views=meta.train_views,
        test_views=meta.test_views,
        bounds=meta.bounds,
        fps=meta.fps,
        up=meta.up,
        pictures_are_masked=meta.masked,
    )


def _index(folder: Path, cameras: list[str]) -> _Pictures:
    """The numbered pictures of every camera; one listing per camera, no file is touched."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; expected {folder.name}/<camera>/<frame>.jpg for the cameras {', '.join(cameras)}")
    found: dict[str, list[tuple[str, str]]] = {}  # camera → (stem, suffix)
    for camera in cameras:
        names = []
        if (folder / camera).is_dir():
            with os.scandir(folder / camera) as entries:
                names = [os.path.splitext(entry.name) for entry in entries]
        found[camera] = [(stem, suffix) for stem, suffix in names if suffix.lower() in _SUFFIXES and stem.isascii() and stem.isdigit()]
    empty = [camera for camera, files in found.items() if not files]
    if empty:
        raise ValueError(
            f"{folder}: no {folder.name} of camera {', '.join(map(repr, empty))}; expected files such as {folder / empty[0] / '000000.jpg'}; "
            f"add them, or remove the camera from intri.yml and extri.yml"
        )
    extra = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and entry.name not in found)
    if extra:
        logger.warning("%s: no calibration of %s; not used", folder, ", ".join(extra))
    suffix = Counter(suffix for files in found.values() for _, suffix in files).most_common(1)[0][0]
    stems = {camera: [stem for stem, other in files if other == suffix] for camera, files in found.items()}
    padded = Counter(len(stem) for files in stems.values() for stem in files if stem.startswith("0") and len(stem) > 1)
    width = padded.most_common(1)[0][0] if padded else 1
    frames = {camera: frozenset(int(stem) for stem in files if stem == f"{int(stem):0{width}d}") for camera, files in stems.items()}
    return _Pictures(pattern=f"{{camera}}/{{frame:0{width}d}}{suffix}", frames=frames)


def _require_frames(folder: Path, pictures: _Pictures, frames: tuple[int, ...]) -> None:
    """Every camera has every frame."""
    missing = {camera: [frame for frame in frames if frame not in there] for camera, there in pictures.frames.items()}
    missing = {camera: gone for camera, gone in missing.items() if gone}
    if missing:
        lines = [f"camera {camera!r} lacks {len(gone)} of {len(frames)} ({_listed(gone)})" for camera, gone in missing.items()]
        pattern = pictures.pattern.replace("{camera}", "<camera>")
        raise ValueError(
            f"{folder}: every camera must have every frame as {pattern}; {'; '.join(lines[:8])}{'; …' if len(lines) > 8 else ''}; "
            f"add the files, or choose frames that all cameras have with --frames"
        )


def _listed(frames: list[int]) -> str:
    return ", ".join(map(str, frames[:5])) + (", …" if len(frames) > 5 else "")


def _stored(camera: CalibratedCamera, first: Path) -> StoredCamera:
    width, height = picture_size(first)
    if camera.size is not None and camera.size != (width, height):
        raise ValueError(
            f"camera {camera.name!r}: intri.yml is made for pictures of {camera.size[0]} × {camera.size[1]} (W_{camera.name}, H_{camera.name}), "
            f"but {first} has {width} × {height}; scale the calibration or restore the pictures"
        )
    return StoredCamera(name=camera.name, K=camera.K, distortion=camera.distortion, T_camera_world=camera.T_camera_world, width=width, height=height)


@dataclass(frozen=True, kw_only=True)
class _Meta:
    """What meta.json may say; keys it does not know are somebody else's."""

    name: str = ""
    pixel_centre: PixelCentre = "0"
    train_views: tuple[str, ...] = ()
    test_views: tuple[str, ...] = ()
    bounds: np.ndarray | None = None
    fps: float = 30.0
    up: np.ndarray | None = None
    masked: bool = False


def _read_meta(path: Path) -> _Meta:
    if not path.is_file():
        return _Meta()
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not valid JSON ({error}); repair it, or remove it to use the defaults") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected a JSON object, found {type(values).__name__}")
    fps = values.get("fps", 30.0)
    if not isinstance(fps, int | float) or isinstance(fps, bool) or not 0 < fps < float("inf"):
        raise ValueError(f"{path}: fps must be a positive number, found {fps!r}")
    found = values.get("pixel_centre", 0)
    pixel_centre = next((name for name in get_args(PixelCentre) if found == name or (name != "as-written" and found == float(name))), None)
    if pixel_centre is None:
        raise ValueError(f'{path}: pixel_centre must be 0 or 0.5 (or "as-written"), found {found!r}')
    masked = values.get("masked", False)
    if not isinstance(masked, bool):
        raise ValueError(f"{path}: masked must be true or false (whether the pictures are multiplied by their masks already), found {masked!r}")
    low, high = values.get("bounds_min"), values.get("bounds_max")
    if (low is None) != (high is None):
        raise ValueError(f"{path}: bounds_min and bounds_max belong together, found {'bounds_min' if high is None else 'bounds_max'} only")
    return _Meta(
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
