"""What a session starts with, and the events that a scene begins with. Pure, but for a look whether the scene has a path."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from im4d_core.types import Scene
from viewer.events import AskedFor, Event, LoadPath, Notified, Restored, SceneOpened, SetFrame, SetRange, SetScale, SetTargetFps, Triggered
from viewer.memory import Place
from viewer.offline import find_frame, find_range, find_view
from viewer.preferences import Preferences, Preset, clamped
from viewer.state import Mode


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
    """None: as the scene was left, else auto."""
    frames: str | None = None
    """A:B, the frames that play; None: as the scene was left."""
    play: bool = False
    """Play as soon as the scene is open."""
    scale: float | None = None
    """Of the pictures, in place of an automatic one."""
    target_fps: float | None = None
    vsync: bool | None = None
    """This and the next two are preferences; None: as last time."""
    ui_scale: float | None = None
    preset: Preset | None = None
    size: tuple[int, int] | None = None
    """Of the window; as last time when None."""
    device: str = "auto"
    interop: bool = True
    output: Path | None = None
    """Folder of screenshots and videos; as the user prefers when None."""
    settings: Path | None = None
    """Folder where the window's size and arrangement, preferences, and where scenes were left are kept; None keeps nothing."""
    fresh: bool = False
    """Do not go back to where the scene was left."""
    control: Path | None = None
    """Let programs steer the window; where they find out how (`viewer.control`)."""
    plugins: tuple[Path, ...] = ()
    """Python files with panels of the user's own (`viewer.plugins`)."""


def preferred(start: Start, before: Preferences) -> Preferences:
    """What the user prefers from now on."""
    return clamped(
        replace(
            before,
            vsync=before.vsync if start.vsync is None else start.vsync,
            ui_scale=before.ui_scale if start.ui_scale is None else start.ui_scale,
            preset=start.preset or before.preset,
        )
    )


def beginning(start: Start, scene: Scene, device: str, place: Place | None) -> list[Event]:
    """What happens when a scene was opened: it appears as the options say, else where it was left, with the path that it comes with."""
    events: list[Event] = []
    view = None
    try:
        view = find_view(scene, start.camera) if start.camera is not None else None
    except ValueError as error:
        events.append(Notified(level="error", text=str(error)))
    events.append(SceneOpened(scene=scene, source=start.source, device=device, first_view=view))
    if place is not None:
        manner = replace(place.manner, mode=start.mode or place.manner.mode)
        events.append(Restored(place=replace(place, manner=manner), view=start.camera is None))
    try:
        if start.frames is not None:
            first, last = find_range(scene, start.frames)
            events.append(SetRange(first=first, last=last))
        if start.frame is not None:
            events.append(SetFrame(index=find_frame(scene, start.frame)))
    except ValueError as error:
        events.append(Notified(level="error", text=str(error)))
    if start.target_fps is not None:
        events.append(SetTargetFps(fps=start.target_fps))
    if start.scale is not None:
        events.append(SetScale(scale=start.scale))
    stored = start.path or start.source / "path.json"
    left = place is not None and (place.path.keys or place.shelf)
    if start.path is not None or (stored.is_file() and not left):
        events.append(AskedFor(effect=LoadPath(file=stored.absolute(), of_scene=start.path is None)))
    if start.play:
        events.append(Triggered(action="play"))
    return events
