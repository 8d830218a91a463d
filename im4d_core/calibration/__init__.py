"""Cameras of a capture, from the files of whichever program calibrated them. NumPy only, and no pixels are read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from im4d_core.calibration import colmap, easymocap, llff, transforms
from im4d_core.calibration.camera import CalibratedCamera
from im4d_core.calibration.rig import CameraFolders, rig_of

logger = logging.getLogger(__name__)

_COLMAP_FOLDERS = (".", "sparse/0", "sparse", "colmap/sparse/0")
KNOWN_FILES = (
    f"{' and '.join(easymocap.FILES)} (EasyMocap), {' and '.join(colmap.TEXT_FILES)} or {' and '.join(colmap.BINARY_FILES)} (COLMAP, also in "
    f"{', '.join(_COLMAP_FOLDERS[1:])}), {transforms.FILE} (nerfstudio, instant-ngp) or {llff.FILE} (LLFF)"
)
"""For messages."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Files of one program that calibrate a capture, and what they leave unsaid."""

    files: str
    """Their names, below the capture."""
    pixel_centre: Literal["0", "0.5"]
    """Where the program puts the centre of the first pixel."""
    upright: bool
    """Whether an axis of its world points up. So it is where people lay out the world; where a program does, it lies anyhow."""
    cameras: Callable[[CameraFolders], tuple[CalibratedCamera, ...]]
    """Reads the cameras of the folders, in the string order of their names. Raises FileNotFoundError or ValueError, naming file, camera and what to do."""


def calibration_of(root: Path) -> Calibration | None:
    """The calibration of a capture, None where it has none. EasyMocap's files win over COLMAP's, these over transforms.json, this over poses_bounds.npy; of
    several the log says which is taken."""
    found = _calibrations(root)
    if len(found) > 1:
        taken, *others = (calibration.files for calibration in found)
        logger.warning("%s: cameras are taken from %s, not from %s; move away what is not meant", root, taken, ", ".join(others))
    return found[0] if found else None


def _calibrations(root: Path) -> list[Calibration]:
    """All that a folder has, the one that wins first."""
    found = []
    if any((root / name).exists() for name in easymocap.FILES):
        read = partial(_easymocap, root)
        found.append(Calibration(files=" and ".join(easymocap.FILES), pixel_centre="0", upright=True, cameras=read))
    for folder in _COLMAP_FOLDERS:
        names = colmap.model_files(root / folder)
        if names is not None:
            files = " and ".join((Path(folder) / name).as_posix() for name in names)
            found.append(Calibration(files=files, pixel_centre="0.5", upright=False, cameras=partial(_colmap, root / folder / names[1])))
    if (root / transforms.FILE).exists():
        found.append(Calibration(files=transforms.FILE, pixel_centre="0.5", upright=False, cameras=partial(_transforms, root / transforms.FILE)))
    if (root / llff.FILE).exists():
        found.append(Calibration(files=llff.FILE, pixel_centre="0.5", upright=False, cameras=partial(llff.llff_cameras, root / llff.FILE)))
    return found


def _easymocap(root: Path, _: CameraFolders) -> tuple[CalibratedCamera, ...]:
    return easymocap.easymocap_cameras(root)


def _colmap(file: Path, folders: CameraFolders) -> tuple[CalibratedCamera, ...]:
    return rig_of(colmap.read_model(file.parent), folders, file)


def _transforms(file: Path, folders: CameraFolders) -> tuple[CalibratedCamera, ...]:
    return rig_of(transforms.read_transforms(file, folders), folders, file)
