"""Reading exported scenes: cameras.json and source/<camera>/<frame>.jpg, with which a trained scene opens anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
from jaxtyping import Float64

from im4d_core.data.capture import Capture, PixelCentre, StoredCamera, checked_bounds, parse_up, select_frames

INDEX_FILE = "cameras.json"
SCENE_FORMAT = "im4d-scene"
SCENE_VERSION = 1
IMAGE_PATTERN = "source/{camera}/{frame:06d}.jpg"
MASK_PATTERN = "masks/{camera}/{frame:06d}.png"


def read_exported(root: Path, selection: str) -> Capture:
    """The exported scene in a folder, of which `selection` (START:STOP:STEP) names the frames.

    Raises:
        FileNotFoundError: the pictures of a stored camera are missing.
        ValueError: cameras.json is damaged, of another format, or holds values that do not fit.
    """
    path = root / INDEX_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not valid JSON ({error}), the file is truncated or damaged; export the scene again") from error
    found = (values.get("format"), values.get("version")) if isinstance(values, dict) else type(values).__name__
    if found != (SCENE_FORMAT, SCENE_VERSION):
        raise ValueError(f"{path}: expected format {SCENE_FORMAT!r} version {SCENE_VERSION}, found {found}; export the scene with this version")
    try:
        return _capture(root, values, selection)
    except KeyError as error:
        raise ValueError(f"{path}: the key {error} is missing; export the scene again") from error
    except TypeError as error:
        raise ValueError(f"{path}: a value has another type than expected ({error}); export the scene again") from error


def _capture(root: Path, values: dict[str, Any], selection: str) -> Capture:
    path = root / INDEX_FILE
    cameras = tuple(_camera(camera, path) for camera in values["cameras"])
    names = [camera.name for camera in cameras]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"{path}: expected at least one camera and every name once, found {names}")
    all_frames = tuple(int(frame) for frame in values["frames"])
    if not all_frames or list(all_frames) != sorted(set(all_frames)):
        raise ValueError(f"{path}: frames must be ascending whole numbers, at least one, found {values['frames']}")
    boxes = _array(values["boxes"], (len(all_frames), 2, 3), "boxes", path)
    if (boxes[:, 0] >= boxes[:, 1]).any():
        raise ValueError(f"{path}: the minimum corner of every box must be below its maximum corner")
    frames = select_frames(selection, all_frames, str(root))
    stored = tuple(values["stored_views"])
    for name in stored:
        if not (root / "source" / name).is_dir():
            raise FileNotFoundError(f"{root / 'source' / name}: no such folder; the pictures of camera {name!r} are missing, copy the whole exported scene")
    if values["pixel_centre"] not in get_args(PixelCentre):
        raise ValueError(f"{path}: pixel_centre must be one of {', '.join(get_args(PixelCentre))}, found {values['pixel_centre']!r}")
    fps = float(values["fps"])
    if not 0 < fps < float("inf"):
        raise ValueError(f"{path}: fps must be a positive number, found {fps}")
    return Capture(
        name=str(values["name"]),
        root=root,
        cameras=cameras,
        all_frames=all_frames,
        frames=frames,
        image_pattern=IMAGE_PATTERN,
        mask_pattern=MASK_PATTERN if values["has_masks"] else None,
        pixel_centre=values["pixel_centre"],
        source_views=tuple(values["source_views"]),
        train_views=tuple(values["train_views"]),
        test_views=tuple(values["test_views"]),
        bounds=checked_bounds(_array(values["bounds"], (2, 3), "bounds", path).ravel().tolist(), str(path)),
        boxes=boxes[[all_frames.index(frame) for frame in frames]],
        fps=fps,
        up=parse_up(values["up"], str(path)),
        pictures_are_masked=bool(values["masked"]),
        without_pictures=tuple(name for name in names if name not in stored),
    )


def _camera(values: dict[str, Any], path: Path) -> StoredCamera:
    name = str(values["name"])
    return StoredCamera(
        name=name,
        K=_array(values["K"], (3, 3), f"K of camera {name!r}", path),
        distortion=np.zeros(5),
        T_camera_world=_array(values["T_camera_world"], (4, 4), f"T_camera_world of camera {name!r}", path),
        width=int(values["width"]),
        height=int(values["height"]),
    )


def _array(value: Any, shape: tuple[int, ...], what: str, path: Path) -> Float64[np.ndarray, "..."]:
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {what} must be numbers of shape {shape} ({error})") from error
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(
            f"{path}: {what} must be finite numbers of shape {shape}, found shape {array.shape}{'' if array.shape != shape else ' with NaN or infinity'}"
        )
    return array
