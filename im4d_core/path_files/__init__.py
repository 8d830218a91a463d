"""Camera paths in files: our own, and those of nerfstudio, EasyMocap, instant-ngp, COLMAP and Bundler. NumPy only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from im4d_core.calibration.colmap import TEXT_FILES, model_files
from im4d_core.calibration.colmap_binary import BINARY_FILES
from im4d_core.camera_path import CameraPath
from im4d_core.json_fields import json_file, json_value
from im4d_core.path_files import bundler, colmap, easymocap
from im4d_core.path_files.foreign import PathView, as_camera_path, few_keys
from im4d_core.path_files.instant_ngp import NgpWorld, instant_ngp_json, instant_ngp_path, is_instant_ngp
from im4d_core.path_files.nerfstudio import NerfstudioWorld, is_nerfstudio, nerfstudio_json, nerfstudio_path, read_nerfstudio_world
from im4d_core.path_files.own import FORMAT, own_path, path_to_json
from im4d_core.path_files.worlds import ForeignWorlds, Told
from im4d_core.types import MIDDLE
from im4d_core.whole_file import whole_file

__all__ = [
    "CAMERA_FILES",
    "PATH_FORMS",
    "ForeignWorlds",
    "NerfstudioWorld",
    "NgpWorld",
    "PathForm",
    "PathView",
    "export_path",
    "is_own_file",
    "load_path",
    "load_paths",
    "path_from_json",
    "path_from_text",
    "path_to_json",
    "read_nerfstudio_world",
    "save_path",
]

CAMERA_FILES = (*easymocap.FILES, *TEXT_FILES, *BINARY_FILES, *bundler.FILES)
"""Names of files that, with their neighbour, are a path."""
PathForm = Literal["im4d", "nerfstudio", "instant-ngp", "easymocap-keys", "easymocap-pictures"]
PATH_FORMS: tuple[PathForm, ...] = ("im4d", "nerfstudio", "instant-ngp", "easymocap-keys", "easymocap-pictures")
_USUAL = ForeignWorlds()


def _unheard(_note: str) -> None:
    """For callers to whom it does not matter."""


def load_paths(file: Path, frames: Sequence[int] | None = None, worlds: ForeignWorlds = _USUAL, *, told: Told = _unheard) -> tuple[CameraPath, ...]:
    """All paths of a file: the one that `load_path` reads, then the others that our own format keeps beside it.

    Raises:
        FileNotFoundError, ValueError: as `load_path`.
    """
    file = Path(file)
    where = f"camera path {file}"
    folder = file.parent if file.name in CAMERA_FILES else file
    if (folder / "extri.yml").is_file():
        return (as_camera_path(easymocap.easymocap_path(folder), frames, where),)
    if model_files(folder) is not None:
        return (as_camera_path(colmap.colmap_path(folder), frames, where),)
    if (folder / "bundle.out").is_file():
        return (as_camera_path(bundler.bundler_path(folder), frames, where),)
    if folder.is_dir():
        known = ", or ".join(" and ".join(files) for files in (easymocap.FILES, TEXT_FILES, BINARY_FILES, bundler.FILES))
        raise FileNotFoundError(f"{where}: a folder with a path has {known}")
    content = json_file(file, where)
    path = path_from_json(content, where, frames, worlds, folder=file.parent, told=told)
    others = content.get("others", []) if content.get("format") == FORMAT else []
    if not isinstance(others, list):
        raise ValueError(f"{where}: others must be a list of paths, found {others!r}")
    return (path, *(path_from_json(other, f"{where}: others[{i}]", frames) for i, other in enumerate(others)))


def load_path(file: Path, frames: Sequence[int] | None = None, worlds: ForeignWorlds = _USUAL, *, told: Told = _unheard) -> CameraPath:
    """A path from our own JSON file, nerfstudio's camera_path.json, instant-ngp's path file, or the folder of EasyMocap, COLMAP or Bundler cameras.

    Args:
        frames: the scene's frames; a file that gives scene time as a fraction needs them, and loses it without.
        worlds: where other programs have the scene; their path files do not say.
        told: called with what the user should know of how the file was taken.

    Raises:
        FileNotFoundError: no such file.
        ValueError: naming file, key, field, what was expected and what was found.
    """
    return load_paths(file, frames, worlds, told=told)[0]


def is_own_file(file: Path) -> bool:
    """Whether a file is of our own form: saving a path there loses nothing that another program knows."""
    content = json_file(file, f"camera path {file}") if file.is_file() and file.name not in CAMERA_FILES else None
    return isinstance(content, Mapping) and content.get("format") == FORMAT


def path_from_json(
    content: Any,
    where: str,
    frames: Sequence[int] | None = None,
    worlds: ForeignWorlds = _USUAL,
    *,
    folder: Path | None = None,
    told: Told = _unheard,
) -> CameraPath:
    """`load_path` of what a JSON file in a folder holds; `where` begins its errors."""
    if not isinstance(content, Mapping):
        raise ValueError(f"{where}: expected a JSON object, found {type(content).__name__}")
    if content.get("format") != FORMAT and is_nerfstudio(content):
        read = nerfstudio_path(content, where, worlds.of_nerfstudio(folder, told))
        path = as_camera_path(read, frames, where)
        if not read.pictures:
            return path
        short = few_keys(path)
        told(f"Of {len(path.keys)} pictures {len(short.keys)} became keys; the path between them meets the others within 0.2 % of its reach and 0.5°")
        return short
    if content.get("format") != FORMAT and is_instant_ngp(content):
        return as_camera_path(instant_ngp_path(content, where, worlds.of_instant_ngp(folder, told)), frames, where)
    return own_path(content, where)


def path_from_text(text: str, where: str) -> CameraPath:
    """`load_path` of a text, such as the clipboard's; `where` begins its errors."""
    return path_from_json(json_value(text, where), where)


def save_path(path: CameraPath, file: Path, others: Sequence[CameraPath] = ()) -> None:
    """Writes our own JSON file: to a temporary name in the same folder first, then renamed. Unknown fields of a loaded file are written back.

    Args:
        others: paths that the file keeps as well; `load_path` and the command line take the first one.

    Raises:
        OSError: as `whole_file`.
    """
    content = path_to_json(path)
    if others:
        content["others"] = [path_to_json(other) for other in others]
    _write(json.dumps(content, indent=1) + "\n", Path(file))


def export_path(path: CameraPath, target: Path, form: PathForm, view: PathView, worlds: ForeignWorlds = _USUAL, *, told: Told = _unheard) -> None:
    """Writes a path for another program: a JSON file, or a folder of EasyMocap cameras of its keys or of every picture.

    Args:
        worlds, told: as `load_path`'s; read again from there, the file is the same path.

    Raises:
        ValueError: the path has no keys.
        OSError: as `whole_file`.
    """
    if not path.keys:
        raise ValueError("camera path: it has no keys; add one first")
    if form in ("nerfstudio", "instant-ngp") and any(key.principal_point != MIDDLE for key in path.keys):
        told(f"{form}'s path files hold no principal point: it is left out, and their pictures show more on one side and less on the other")
    match form:
        case "im4d":
            save_path(path, target)
        case "nerfstudio":
            _write(json.dumps(nerfstudio_json(path, view, worlds.of_nerfstudio(target.parent, told)), indent=1) + "\n", target)
        case "instant-ngp":
            _write(json.dumps(instant_ngp_json(path, view, worlds.of_instant_ngp(target.parent, told)), indent=1) + "\n", target)
        case "easymocap-keys" | "easymocap-pictures":
            poses = easymocap.key_poses(path, view) if form == "easymocap-keys" else easymocap.picture_poses(path, view)
            for name, text in easymocap.easymocap_texts(poses, view).items():
                _write(text, target / name)


def _write(text: str, file: Path) -> None:
    with whole_file(file) as temporary:
        temporary.write_text(text, encoding="utf-8")
