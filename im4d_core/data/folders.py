"""A capture in folders: a calibration, images/<camera>/<frame>.jpg, masks/<camera>/<frame>.png, and an optional meta.json beside them."""

from __future__ import annotations

import logging
import os
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from im4d_core.calibration import Calibration
from im4d_core.calibration.camera import CalibratedCamera
from im4d_core.calibration.rig import CameraFolders
from im4d_core.data.capture import Capture, StoredCamera, select_frames
from im4d_core.data.meta import read_meta
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


def read_folders(root: Path, calibration: Calibration, selection: str) -> Capture:
    """The capture in a folder, of which `selection` (START:STOP:STEP) names the frames. Reads file names and one header per camera, no pixels.

    Raises:
        FileNotFoundError: a file of the calibration or the images folder is missing.
        ValueError: the calibration is damaged, a camera has no images, frames are missing, or meta.json does not fit.
    """
    calibrated = calibration.cameras(_camera_folders(root / "images"))
    names = [camera.name for camera in calibrated]
    images = _index(root / "images", names)
    all_frames = tuple(sorted(frozenset[int]().union(*images.frames.values())))
    frames = select_frames(selection, all_frames, str(root))
    _require_frames(root / "images", images, frames)
    masks = None
    mask_folder = next((root / name for name in MASK_FOLDERS if (root / name).is_dir()), None)
    if mask_folder is not None:
        masks = _index(mask_folder, names)
        _require_frames(mask_folder, masks, frames)
    meta = read_meta(root / "meta.json")
    image_pattern = f"images/{images.pattern}"
    cameras = tuple(_stored(camera, root / image_pattern.format(camera=camera.name, frame=frames[0]), calibration.files) for camera in calibrated)
    return Capture(
        name=meta.name or root.resolve().name,
        root=root,
        cameras=cameras,
        all_frames=all_frames,
        frames=frames,
        image_pattern=image_pattern,
        mask_pattern=None if masks is None or mask_folder is None else f"{mask_folder.name}/{masks.pattern}",
        pixel_centre=meta.pixel_centre or calibration.pixel_centre,
        train_views=meta.train_views,
        test_views=meta.test_views,
        bounds=meta.bounds,
        fps=meta.fps,
        up=meta.up,
        upright=calibration.upright,
        pictures_are_masked=meta.masked,
    )


def _camera_folders(folder: Path) -> CameraFolders:
    """The folders that may be cameras; their pictures are looked at only where their size is asked for."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: no such folder; expected images/<camera>/<frame>.jpg; where there are videos, one a camera, they are unpacked to such folders by: "
            f"python -m im4d_core unpack {folder.parent}"
        )
    names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    return CameraFolders(parent=folder, names=tuple(names), size_of=partial(_size_of, folder))


def _size_of(folder: Path, camera: str) -> tuple[int, int]:
    """Width and height of a camera's first picture."""
    numbered = sorted(_numbered(folder / camera))
    if not numbered:
        raise _no_pictures(folder, [camera])
    return picture_size(folder / camera / "".join(numbered[0]))


def _numbered(folder: Path) -> list[tuple[str, str]]:
    """Stems and suffixes of the pictures of a folder whose names are numbers."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = [os.path.splitext(entry.name) for entry in entries]
    return [(stem, suffix) for stem, suffix in names if suffix.lower() in _SUFFIXES and stem.isascii() and stem.isdigit()]


def _no_pictures(folder: Path, cameras: list[str]) -> ValueError:
    return ValueError(
        f"{folder}: no {folder.name} of camera {', '.join(map(repr, cameras))}; expected files such as {folder / cameras[0] / '000000.jpg'}; "
        f"add them, or leave the camera out of the calibration"
    )


def _index(folder: Path, cameras: list[str]) -> _Pictures:
    """The numbered pictures of every camera; one listing per camera, no file is touched."""
    found = {camera: _numbered(folder / camera) for camera in cameras}
    empty = [camera for camera, files in found.items() if not files]
    if empty:
        raise _no_pictures(folder, empty)
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


def _stored(camera: CalibratedCamera, first: Path, files: str) -> StoredCamera:
    width, height = picture_size(first)
    if camera.size is not None and camera.size != (width, height):
        raise ValueError(
            f"camera {camera.name!r}: its calibration ({files}) is made for pictures of {camera.size[0]} × {camera.size[1]}, "
            f"but {first} has {width} × {height}; scale the calibration or restore the pictures"
        )
    return StoredCamera(name=camera.name, K=camera.K, distortion=camera.distortion, T_camera_world=camera.T_camera_world, width=width, height=height)
