"""From the window's input code: the clock, keys, mouse, size, files dropped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from viewer.events.effects import FilePurpose
from viewer.state import Vector


@dataclass(frozen=True, kw_only=True)
class Tick:
    """Once per GUI frame, before the request is made: clocks advance, held keys move the camera, old notices go.

    `held` are the while-held actions of `bindings` whose keys are down now (polled, empty without focus or while a text field has the keyboard).
    """

    now_s: float
    """A monotonic clock."""
    held: frozenset[str] = frozenset()
    gesture: int = 0
    """Number of the press of the mouse that holds the picture or a widget, or began typing into one; 0 for none. Edits of one press are undone together."""


@dataclass(frozen=True, kw_only=True)
class Triggered:
    """A key chord of `bindings` was pressed, or a panel's button stands for the same action."""

    action: str


@dataclass(frozen=True, kw_only=True)
class Dragged:
    """The mouse moved over the picture with a button down; `action` from `bindings.drag_action`: orbit, look or pan. Not scaled by time."""

    action: str
    dx_px: float
    dy_px: float
    """Downwards; window units, like `height_px`."""
    height_px: float
    """Height of the picture on screen."""


@dataclass(frozen=True, kw_only=True)
class DragAbandoned:
    """What is dragged was let go by a key: everything is to be as before the press."""


@dataclass(frozen=True, kw_only=True)
class Scrolled:
    """The wheel turned over the picture; `action` from `bindings.scroll_action`: dolly, fov, fly_speed or scale."""

    action: str
    steps: float
    """Positive away from the user; touchpads give fractions."""
    at: tuple[float, float] | None = None
    """Where in the picture the mouse is, from 0 at its left and top to 1."""


@dataclass(frozen=True, kw_only=True)
class PivotPicked:
    """A double-click met a surface at this world point (from the displayed depth)."""

    point: Vector


@dataclass(frozen=True, kw_only=True)
class Resized:
    """The picture area has another size, in framebuffer pixels."""

    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class FileChosen:
    """A file dialog was answered, or a file or folder was dropped onto the window (purpose "open": a path file or a scene, told apart by its name)."""

    purpose: FilePurpose
    path: Path


InputEvent = Tick | Triggered | Dragged | DragAbandoned | Scrolled | PivotPicked | Resized | FileChosen
