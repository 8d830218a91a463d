"""What a session starts with, and what the first scene that opens is to show then."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from im4d_core.types import Scene
from viewer.events import AskedFor, Event, LoadPath, Notified, Restored, SceneOpened, SetFrame
from viewer.memory import Place
from viewer.offline import find_frame, find_view
from viewer.state import Mode

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a session starts with."""

    source: Path
    """The run or exported scene."""
    frame: int | None = None
    camera: str | None = None
    """Name or number of a camera of the capture."""
    path: Path | None = None
    """A camera path to load."""
    mode: Mode | None = None
    size: tuple[int, int] | None = None
    """Of the window; as last time when None."""
    device: str = "auto"
    interop: bool = True
    output: Path = Path()
    """Folder of screenshots and videos."""
    settings: Path | None = None
    """Folder where the window's size and arrangement, preferences, and where scenes were left are kept; None keeps nothing."""
    fresh: bool = False
    """Do not go back to where the scene was left."""
    control: Path | None = None
    """Let programs steer the window; where they find out how (`viewer.control`)."""
    plugins: tuple[Path, ...] = ()
    """Python files with panels of the user's own (`viewer.plugins`)."""


def preview(source: Path) -> UInt8[np.ndarray, "h w 4"] | None:
    """The stored picture of a scene, to be shown until the first one is rendered; None where there is none."""
    file = source / "preview.jpg"
    if not file.is_file():
        return None
    import simplejpeg

    try:
        return simplejpeg.decode_jpeg(file.read_bytes(), colorspace="RGBA")
    except ValueError as error:
        _log.warning("%s: not a JPEG picture (%s)", file, error)
        return None


def first_scene(start: Start, scene: Scene, source: Path, place: Place | None) -> list[Event]:
    """What happens when the first scene is there.

    Args:
        source: its folder.
        place: where it was left; None where that is not known, or not wanted.
    """
    events: list[Event] = []
    view = index = None
    try:
        view = find_view(scene, start.camera) if start.camera is not None else None
    except ValueError as error:
        events.append(Notified(level="error", text=str(error)))
    events.append(SceneOpened(scene=scene, source=source, first_view=view))
    if place is not None:
        manner = replace(place.manner, mode=start.mode or place.manner.mode)
        events.append(Restored(place=replace(place, manner=manner), view=start.camera is None))
    try:
        index = find_frame(scene, start.frame) if start.frame is not None else None
    except ValueError as error:
        events.append(Notified(level="error", text=str(error)))
    if index is not None:
        events.append(SetFrame(index=index))
    stored = start.path or source / "path.json"
    if start.path is not None or (stored.is_file() and (place is None or not place.path.keys)):
        events.append(AskedFor(effect=LoadPath(file=stored.absolute())))
    return events
