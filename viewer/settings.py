"""What the window remembers between two starts: its size and where pictures go. A bad file is put aside, never obeyed."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

_log = logging.getLogger(__name__)
_VERSION = 1
_SIZES = (320, 16384)  # windows outside were not made by a person


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Remembered between two starts."""

    width: int = 1440
    """Window size in window units."""
    height: int = 860
    vsync: bool = True


def settings_folder() -> Path:
    """The user's folder for settings of this program."""
    return Path(platformdirs.user_config_dir("im4d-viewer", appauthor=False))


def output_folder() -> Path:
    """Where screenshots and videos go when nothing else is said: the user's pictures, else the home folder."""
    return Path(platformdirs.user_pictures_dir()) / "Im4D"


def load_settings(folder: Path) -> Settings:
    """Read the settings; defaults where there are none, or where the file is broken (it is kept as settings.bad.json)."""
    file = folder / "settings.json"
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        return _put_aside(file, str(error))
    if not isinstance(stored, dict) or stored.get("version") != _VERSION:
        return _put_aside(file, "it is of another version")
    size = {name: stored.get(name) for name in ("width", "height")}
    if not all(isinstance(value, int) and _SIZES[0] <= value <= _SIZES[1] for value in size.values()):
        return _put_aside(file, f"absurd window size {size}")
    if not isinstance(stored.get("vsync"), bool):
        return _put_aside(file, f"vsync must be true or false, got {stored.get('vsync')!r}")
    return Settings(width=stored["width"], height=stored["height"], vsync=stored["vsync"])


def save_settings(settings: Settings, folder: Path) -> None:
    """Write the settings; a folder that cannot be written is logged, not an error."""
    file = folder / "settings.json"
    temporary = file.with_suffix(f".{os.getpid()}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps({"version": _VERSION, **asdict(settings)}, indent=2), encoding="utf-8")
        os.replace(temporary, file)
    except OSError as error:
        _log.warning("settings are not kept: %s", error)


def _put_aside(file: Path, reason: str) -> Settings:
    aside = file.with_name("settings.bad.json")
    _log.warning("%s is ignored (%s); it was renamed to %s", file, reason, aside.name)
    try:
        os.replace(file, aside)
    except OSError as error:
        _log.warning("it could not be renamed: %s", error)
    return Settings()
