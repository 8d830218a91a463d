"""Where a scene was left and how it was shown: camera, time, renderer, path, look, overlays, comparison, export. Kept for each scene in the settings
folder, so that it opens there again."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from im4d_core.camera_path import CameraPath
from im4d_core.config import config_from_json
from im4d_core.export_settings import ExportSettings
from im4d_core.path_files import path_from_json, path_to_json
from im4d_core.quality import Quality
from viewer.compare import Comparison
from viewer.crop import Crop
from viewer.look import Look, Output
from viewer.near_far import NearFar
from viewer.settings import Tell, put_aside, write_json
from viewer.state import Mode, NavigationMode, Overlays, Taken, Vector
from viewer.transport import LoopMode

_VERSION = 2
_READ = (1, _VERSION)  # the first one did not tell how a scene was shown
_MOST = 100  # places that are kept


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a scene was looked at, beside the camera."""

    pivot: tuple[float, float, float]
    up: tuple[float, float, float]
    navigation: NavigationMode
    speed: float
    dataset_camera: str
    """Name of the camera of the capture that was looked through; empty for none."""
    mode: Mode
    output: Output
    loop: LoopMode
    path_file: str
    path_saved: bool
    """The path is what the file holds."""
    fps: float | None = None
    """Frames of the scene per second; None: the capture's."""
    scene_speed: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How pictures of the scene were made and shown."""

    overlays: Overlays
    look: Look
    quality: Quality
    background: Vector
    automatic_scale: bool
    scale: float
    target_fps: float
    crop: Crop
    clip: NearFar | None
    first: int
    """Indices of the first and the last frame that play; None for the last one there is."""
    last: int | None
    every_frame: bool = False
    between: bool = False
    figures: bool = True
    comparison: Comparison = Comparison()
    export: ExportSettings | None = None
    """None where a file of before does not tell: the window makes one for the scene."""
    taken: Taken = Taken()


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a scene was left."""

    manner: Manner
    shown: Shown | None
    """None where a file of the first version does not tell."""
    camera: CameraPath
    """One key: pose, field of view and frame."""
    path: CameraPath
    shelf: tuple[CameraPath, ...] = ()
    """The other named paths."""


def load_place(folder: Path, source: Path, tell: Tell) -> Place | None:
    """Where a scene was left; None where it is not known, or the file is broken: it is put aside, and that is told."""
    file = _file(folder, source)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return _from_json(content, str(file))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        put_aside(file, str(error), tell)
        return None


def save_place(place: Place, folder: Path, source: Path) -> None:
    """Remember a place; those of scenes that were not opened for longest are forgotten."""
    file = _file(folder, source)
    content = {
        "manner": asdict(place.manner),
        "shown": None if place.shown is None else asdict(place.shown),
        "camera": path_to_json(place.camera),
        "path": path_to_json(place.path),
        "shelf": [path_to_json(path) for path in place.shelf],
    }
    write_json({"version": _VERSION, "scene": str(source.absolute()), **content}, file)
    files = sorted(file.parent.glob("*.json"), key=lambda known: known.stat().st_mtime)
    for old in files[:-_MOST]:
        old.unlink(missing_ok=True)


def _file(folder: Path, source: Path) -> Path:
    return folder / "places" / f"{hashlib.sha256(str(source.absolute()).encode()).hexdigest()[:16]}.json"


def _from_json(content: Any, where: str) -> Place:
    if not isinstance(content, dict) or content.get("version") not in _READ:
        raise ValueError(f"{where}: it is of another version")
    manner = config_from_json(Manner, content.get("manner"), f"{where}, manner")
    numbers = (*manner.pivot, *manner.up, manner.speed, manner.scene_speed, manner.fps or 0.0)
    if not all(map(math.isfinite, numbers)) or np.linalg.norm(manner.up) < 1e-6:
        raise ValueError(f"{where}: pivot, up, speeds and rate must be finite, and up must have a length")
    camera, path = (path_from_json(content.get(name), f"{where}, {name}") for name in ("camera", "path"))
    if len(camera.keys) != 1:
        raise ValueError(f"{where}: camera must have one key, found {len(camera.keys)}")
    shelf = content.get("shelf", [])
    if not isinstance(shelf, list):
        raise ValueError(f"{where}: shelf must be a list of paths, found {shelf!r}")
    shown = None if content.get("shown") is None else _shown(content["shown"], f"{where}, shown")
    return Place(manner=manner, shown=shown, camera=camera, path=path, shelf=tuple(path_from_json(other, f"{where}, shelf") for other in shelf))


def _shown(content: Any, where: str) -> Shown:
    """Look, quality, crop box, near and far need no check: they are limited to what can be shown when they are taken up."""
    shown = config_from_json(Shown, content, where)
    if not all(0.0 <= part <= 1.0 for part in shown.background):
        raise ValueError(f"{where}: background must be red, green and blue from 0 to 1, found {shown.background}")
    if not (math.isfinite(shown.scale) and math.isfinite(shown.target_fps)):
        raise ValueError(f"{where}: scale and target_fps must be finite")
    if not 0.0 <= shown.comparison.wipe <= 1.0:
        raise ValueError(f"{where}: comparison.wipe must be 0 to 1, found {shown.comparison.wipe}")
    export = shown.export
    if export is not None and not all(math.isfinite(moment) for moment in (export.start_s or 0.0, export.stop_s or 0.0)):
        raise ValueError(f"{where}: export.start_s and export.stop_s must be finite")
    return shown
