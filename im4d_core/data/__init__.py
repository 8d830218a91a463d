"""Captures on disk → the index of a scene. NumPy only; `im4d_core.data.frames` decodes pictures and needs torch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from im4d_core.calibration import KNOWN_FILES, calibration_of
from im4d_core.config import DataConfig
from im4d_core.data.boxes import boxes_from_masks, load_boxes, require_seen
from im4d_core.data.capture import Capture, PixelCentre, StoredCamera, checked_bounds
from im4d_core.data.exported import INDEX_FILE, read_exported
from im4d_core.data.folders import read_folders
from im4d_core.geometry import box_union, cropped
from im4d_core.types import Camera, Scene, Sensor

__all__ = ["open_scene"]

logger = logging.getLogger(__name__)

_SHIFT: dict[PixelCentre, float] = {"0": 0.5, "0.5": 0.0, "as-written": 0.0}
_UP_SNAP_DEG = 30.0


def open_scene(config: DataConfig, *, progress: Callable[[float], None] | None = None) -> Scene:
    """The index of a capture or of an exported scene.

    Reads file names and one header per camera. Pixels are read only where boxes must be made from masks, which takes a fraction of a second
    per frame; store such boxes and name their file in `config.boxes` to open quickly the next time.

    Args:
        config: what to read, and how.
        progress: called with the share done while boxes are made.

    Raises:
        FileNotFoundError: the folder, or a file that the layout needs, is missing.
        ValueError: the files or the settings do not fit; the message says which, what was expected and what was found.
    """
    root = Path(config.path)
    if (root / INDEX_FILE).is_file():
        capture = read_exported(root, config.frames)
    elif (calibration := calibration_of(root)) is not None:
        capture = read_folders(root, calibration, config.frames)
    else:
        raise FileNotFoundError(
            f"{root}: no capture here; expected images/ and the cameras in {KNOWN_FILES}, or {INDEX_FILE} (exported scene), "
            f"found {'no such folder' if not root.is_dir() else 'none of them'}"
        )
    pixel_centre = capture.pixel_centre if config.pixel_centre == "auto" else config.pixel_centre
    placed = [_placed(camera, pixel_centre, config) for camera in capture.cameras]
    cameras = tuple(camera for camera, _ in placed)
    source, train, test = _views(capture, config)
    unknown_box = np.array([[-1.0] * 3, [1.0] * 3])  # replaced below
    scene = Scene(
        name=capture.name,
        root=root,
        cameras=cameras,
        sensors=tuple(sensor for _, sensor in placed),
        frames=capture.frames,
        image_pattern=capture.image_pattern,
        mask_pattern=capture.mask_pattern,
        source_views=source,
        train_views=train,
        test_views=test,
        bounds=unknown_box,
        boxes=unknown_box[None],
        fps=capture.fps,
        up=estimated_up(cameras, upright=capture.upright) if capture.up is None else capture.up,
        pictures_are_masked=capture.pictures_are_masked,
        without_pictures=tuple(view for view, camera in enumerate(cameras) if camera.name in capture.without_pictures),
    )
    scene = _boxed(scene, capture, config, progress)
    require_seen(scene)
    return scene


def estimated_up(cameras: tuple[Camera, ...], *, upright: bool) -> Float64[np.ndarray, "3"]:
    """The direction that the tops of the pictures point to on average; z where they cancel.

    Args:
        upright: the world has an axis that points up; the one within 30 degrees is taken, where there is one.
    """
    mean = -np.mean([camera.R[1] for camera in cameras], axis=0)
    length = float(np.linalg.norm(mean))
    if length < 1e-3:  # pictures that point all ways have no common up
        return np.array([0.0, 0.0, 1.0])
    mean = mean / length
    axis = int(np.argmax(np.abs(mean)))
    return np.eye(3)[axis] * np.sign(mean[axis]) if upright and abs(mean[axis]) >= np.cos(np.radians(_UP_SNAP_DEG)) else mean


def _placed(stored: StoredCamera, pixel_centre: PixelCentre, config: DataConfig) -> tuple[Camera, Sensor]:
    """A stored camera after resizing and cropping, and how its pictures get there."""
    if not 0 < config.resize <= 1:
        raise ValueError(f"resize must be above 0 and at most 1, found {config.resize}")
    K = stored.K.copy()
    K[:2, 2] += _SHIFT[pixel_centre]
    # 1e-6: the release rounds down, but 0.29 * 100 must be 29
    width, height = int(stored.width * config.resize + 1e-6), int(stored.height * config.resize + 1e-6)
    if min(width, height) < 1:
        raise ValueError(f"camera {stored.name!r}: resize {config.resize} leaves nothing of {stored.width} × {stored.height} pixels")
    scale = (config.resize, config.resize) if pixel_centre == "as-written" else (width / stored.width, height / stored.height)
    camera = Camera(name=stored.name, K=np.diag([*scale, 1.0]) @ K, T_camera_world=stored.T_camera_world, width=width, height=height)
    x = y = 0
    if any(config.crop):
        crop_height, crop_width = config.crop
        if not (0 < crop_height <= height and 0 < crop_width <= width):
            raise ValueError(f"camera {stored.name!r}: crop (height {crop_height}, width {crop_width}) must fit into its resized picture of {width} × {height}")
        x, y = (width - crop_width) // 2, (height - crop_height) // 2
        camera = cropped(camera, x, y, crop_width, crop_height)
    sensor = Sensor(
        K=K,
        distortion=stored.distortion,
        width=stored.width,
        height=stored.height,
        resized_width=width,
        resized_height=height,
        crop_x=x,
        crop_y=y,
    )
    return camera, sensor


def _views(capture: Capture, config: DataConfig) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Source, training and test views."""
    index = {camera.name: view for view, camera in enumerate(capture.cameras)}

    def views(names: tuple[str, ...], kind: str) -> tuple[int, ...]:
        unknown = [name for name in names if name not in index]
        if unknown:
            raise ValueError(f"{capture.root}: unknown {kind} view {', '.join(map(repr, unknown))}; the capture has the cameras {', '.join(index)}")
        gone = [name for name in names if name in capture.without_pictures]
        if gone:
            raise ValueError(f"{capture.root}: no pictures of {kind} view {', '.join(map(repr, gone))} are stored in this exported scene")
        return tuple(sorted({index[name] for name in names}))

    test = views(config.test_views or capture.test_views, "test")
    usable = tuple(view for view, camera in enumerate(capture.cameras) if view not in test and camera.name not in capture.without_pictures)
    train = usable
    if capture.train_views and not config.test_views:
        train = tuple(view for view in views(capture.train_views, "training") if view not in test)
    source = views(config.source_views, "source") if config.source_views else tuple(v for v in views(capture.source_views, "source") if v not in test) or usable
    shared = set(source) & set(test)
    if shared:
        logger.warning(
            "%s: source views %s are test views too, so tests see their own pictures", capture.root, [capture.cameras[v].name for v in sorted(shared)]
        )
    if not source:
        raise ValueError(f"{capture.root}: no source view is left, all {len(index)} cameras are test views; hold out fewer")
    return source, train, test


def _boxed(scene: Scene, capture: Capture, config: DataConfig, progress: Callable[[float], None] | None) -> Scene:
    """The scene with its bounds and its boxes, from the settings first, then from the capture, then from masks."""
    bounds = checked_bounds(config.bounds, "--bounds") if config.bounds else capture.bounds
    if config.boxes:
        path = Path(config.boxes)
        boxes = load_boxes(path if path.is_file() else scene.root / path, capture.all_frames, scene.frames)
    elif capture.boxes is not None:
        boxes = capture.boxes
    elif scene.mask_pattern is not None:
        views = scene.train_views or scene.source_views
        boxes = boxes_from_masks(scene, views, bounds, padding=config.box_padding, progress=progress)
    elif bounds is not None:
        boxes = np.repeat(bounds[None], len(scene.frames), axis=0)
    else:
        raise ValueError(
            f"{scene.root}: where the subject is cannot be told, the capture has no masks, no boxes and no bounds_min and bounds_max in meta.json; "
            f"give --bounds X0 Y0 Z0 X1 Y1 Z1"
        )
    union = box_union(boxes)
    if config.global_box:
        boxes = np.repeat(union[None], len(boxes), axis=0)
    return replace(scene, bounds=union if bounds is None else bounds, boxes=boxes)
