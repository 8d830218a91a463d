"""Small captures whose cameras other programs calibrated: pictures of `captures`, files of `foreign`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from captures import SmallCapture, write_capture

from im4d_core.config import DataConfig
from im4d_core.data import open_scene
from im4d_core.types import Camera, Scene

FOREIGN = Path(__file__).parent / "foreign"
DISTORTION = (-0.1, 0.02, 0.001, -0.002, 0.0)  # of the files in FOREIGN
FORMS: dict[str, tuple[str, str]] = {
    "COLMAP, text, in the capture": ("colmap_text", "."),
    "COLMAP, text, in sparse": ("colmap_text", "sparse"),
    "COLMAP, binary, in sparse/0": ("colmap_binary", "sparse/0"),
    "COLMAP, binary, in colmap/sparse/0": ("colmap_binary", "colmap/sparse/0"),
    "nerfstudio": ("nerfstudio", "."),
    "EasyVolcap": ("easyvolcap", "."),
}


def write_bare(folder: Path, distortion: tuple[float, ...] = DISTORTION, **meta: object) -> SmallCapture:
    """A capture of four cameras without a calibration, whose meta.json says nothing of pixel centres."""
    written = write_capture(folder, cameras=4, distortion=distortion)
    for name in ("intri.yml", "extri.yml"):
        (folder / name).unlink()
    said = json.loads((folder / "meta.json").read_text())
    del said["pixel_centre"]
    (folder / "meta.json").write_text(json.dumps({**said, **meta}))
    return written


def calibrate(folder: Path, form: str = "COLMAP, text, in the capture") -> None:
    source, place = FORMS[form]
    shutil.copytree(FOREIGN / source, folder / place, dirs_exist_ok=True)


def opened(folder: Path, **settings: Any) -> Scene:
    return open_scene(DataConfig(path=str(folder), **settings))


def llff_row(camera: Camera) -> np.ndarray:
    """As LLFF makes one of an OpenGL pose, by its description: columns -y, x, z, position, then height, width and focal length; near and far at the end."""
    opengl = np.linalg.inv(camera.T_camera_world) @ np.diag([1.0, -1.0, -1.0, 1.0])
    hwf = [float(camera.height), float(camera.width), camera.K[0, 0]]
    return np.concatenate([np.column_stack([-opengl[:3, 1], opengl[:3, 0], opengl[:3, 2], opengl[:3, 3], hwf]).ravel(), [1.0, 5.0]])


def write_llff(folder: Path) -> tuple[Camera, ...]:
    """A capture with poses_bounds.npy of the two cameras of the ring whose principal points are in the middle, as the format wants them."""
    written = write_bare(folder, (0.0, 0.0, 0.0, 0.0, 0.0), test_views=["03"])
    for kind in ("images", "masks"):
        for name in ("01", "02"):
            shutil.rmtree(folder / kind / name)
    cameras = (written.cameras[0], written.cameras[3])
    np.save(folder / "poses_bounds.npy", np.stack([llff_row(camera) for camera in cameras]))
    return cameras
