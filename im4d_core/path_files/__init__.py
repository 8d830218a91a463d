"""Camera paths in files: our own, and those of other programs. NumPy only."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from im4d_core.camera_path import CameraPath
from im4d_core.path_files.foreign import as_camera_path
from im4d_core.path_files.nerfstudio import is_nerfstudio, nerfstudio_path
from im4d_core.path_files.own import FORMAT, own_path, path_to_json

__all__ = ["load_path", "path_from_json", "path_to_json", "save_path"]


def load_path(file: Path, frames: Sequence[int] | None = None) -> CameraPath:
    """A path from our own JSON file, or nerfstudio's camera_path.json.

    Args:
        frames: the scene's frames; a file that gives scene time as a fraction needs them, and loses it without.

    Raises:
        FileNotFoundError: no such file.
        ValueError: naming file, key, field, what was expected and what was found.
    """
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(f"camera path {file}: no such file")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"camera path {file}: not a JSON file ({error})") from error
    return path_from_json(content, f"camera path {file}", frames)


def path_from_json(content: Any, where: str, frames: Sequence[int] | None = None) -> CameraPath:
    """`load_path` of what a file (or the clipboard) holds; `where` begins its errors."""
    if not isinstance(content, Mapping):
        raise ValueError(f"{where}: expected a JSON object, found {type(content).__name__}")
    if content.get("format") != FORMAT and is_nerfstudio(content):
        return as_camera_path(nerfstudio_path(content, where), frames, where)
    return own_path(content, where)


def save_path(path: CameraPath, file: Path) -> None:
    """Writes our own JSON file: to a temporary name in the same folder first, then renamed. Unknown fields of a loaded file are written back."""
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(path_to_json(path), indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)
