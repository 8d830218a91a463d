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

__all__ = ["load_path", "load_paths", "path_from_json", "path_to_json", "save_path"]


def load_paths(file: Path, frames: Sequence[int] | None = None) -> tuple[CameraPath, ...]:
    """All paths of a file: the one that `load_path` reads, then the others that our own format keeps beside it.

    Raises:
        FileNotFoundError, ValueError: as `load_path`.
    """
    content, where = _read(file), f"camera path {file}"
    path = path_from_json(content, where, frames)
    others = content.get("others", []) if content.get("format") == FORMAT else []
    if not isinstance(others, list):
        raise ValueError(f"{where}: others must be a list of paths, found {others!r}")
    return (path, *(path_from_json(other, f"{where}: others[{i}]", frames) for i, other in enumerate(others)))


def load_path(file: Path, frames: Sequence[int] | None = None) -> CameraPath:
    """A path from our own JSON file, or nerfstudio's camera_path.json.

    Args:
        frames: the scene's frames; a file that gives scene time as a fraction needs them, and loses it without.

    Raises:
        FileNotFoundError: no such file.
        ValueError: naming file, key, field, what was expected and what was found.
    """
    return path_from_json(_read(file), f"camera path {file}", frames)


def path_from_json(content: Any, where: str, frames: Sequence[int] | None = None) -> CameraPath:
    """`load_path` of what a file (or the clipboard) holds; `where` begins its errors."""
    if not isinstance(content, Mapping):
        raise ValueError(f"{where}: expected a JSON object, found {type(content).__name__}")
    if content.get("format") != FORMAT and is_nerfstudio(content):
        return as_camera_path(nerfstudio_path(content, where), frames, where)
    return own_path(content, where)


def save_path(path: CameraPath, file: Path, others: Sequence[CameraPath] = ()) -> None:
    """Writes our own JSON file: to a temporary name in the same folder first, then renamed. Unknown fields of a loaded file are written back.

    Args:
        others: paths that the file keeps as well; `load_path` and the command line take the first one.
    """
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        content = path_to_json(path)
        if others:
            content["others"] = [path_to_json(other) for other in others]
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def _read(file: Path) -> Any:
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(f"camera path {file}: no such file")
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"camera path {file}: not a JSON file ({error})") from error
