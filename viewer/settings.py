"""What the window remembers between two starts: its size and what the user prefers. A bad file is put aside, never obeyed."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs

from im4d_core.config import config_from_json
from viewer.preferences import Preferences, clamped

Tell = Callable[[str], None]
"""Takes what the user should know."""
_log = logging.getLogger(__name__)
_VERSION = 3
_SIZES = (320, 16384)  # windows outside were not made by a person


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Remembered between two starts."""

    width: int = 1440
    """Window size in window units."""
    height: int = 860
    preferences: Preferences = Preferences()


def settings_folder() -> Path:
    """The user's folder for settings of this program."""
    return Path(platformdirs.user_config_dir("im4d-viewer", appauthor=False))


def output_folder(preferences: Preferences) -> Path:
    """Where screenshots, videos and paths go when a start does not say: the folder that the user prefers, else one among their pictures."""
    return Path(preferences.output) if preferences.output else Path(platformdirs.user_pictures_dir()) / "Im4D"


def load_settings(folder: Path, tell: Tell) -> Settings:
    """Read the settings; defaults where there are none, or where the file is broken: it is kept as settings.bad.json, and that is told."""
    file = folder / "settings.json"
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        put_aside(file, str(error), tell)
        return Settings()
    try:
        settings = config_from_json(Settings, _migrated(stored), str(file))
        if not all(_SIZES[0] <= side <= _SIZES[1] for side in (settings.width, settings.height)):
            raise ValueError(f"absurd window size {settings.width} x {settings.height}")
    except ValueError as error:
        put_aside(file, str(error), tell)
        return Settings()
    return replace(settings, preferences=clamped(settings.preferences))


def save_settings(settings: Settings, folder: Path) -> None:
    """Write the settings; a folder that cannot be written is logged, not an error."""
    write_json({"version": _VERSION, **asdict(settings)}, folder / "settings.json")


def write_json(content: dict[str, Any], file: Path) -> None:
    """Write a small file of the settings folder, whole or not at all; what cannot be written is logged."""
    temporary = file.with_suffix(f".{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content, indent=2), encoding="utf-8")
        os.replace(temporary, file)
    except OSError as error:
        _log.warning("%s is not kept: %s", file.name, error)


def put_aside(file: Path, reason: str, tell: Tell) -> None:
    """Rename a file that cannot be used, so that it is neither obeyed nor lost."""
    aside = file.with_name(f"{file.stem}.bad.json")
    try:
        os.replace(file, aside)
        done = f"it was renamed to {aside.name}"
    except OSError as error:
        done = f"it could not be renamed ({error})"
    _log.warning("%s is ignored (%s); %s", file, reason, done)
    tell(f"What was remembered is not used: {reason if str(file) in reason else f'{file}: {reason}'}; {done}")


def _migrated(stored: object) -> dict[str, Any]:
    """The content of the present version from that of an older one.

    Raises:
        ValueError: it is of no version that is known.
    """
    version = stored.get("version") if isinstance(stored, dict) else None
    if not isinstance(stored, dict) or version not in (1, 2, _VERSION):
        raise ValueError(f"it is of version {version!r}, expected {_VERSION}")
    values = {key: value for key, value in stored.items() if key != "version"}
    if version == 1:  # had vertical sync beside the size, and nothing else; 2 had fewer preferences
        values["preferences"] = {"vsync": values.pop("vsync", True)}
    return values
