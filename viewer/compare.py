"""Comparing two pictures of one view: what stands against what, and how they share the window. No torch, no OpenGL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from im4d_core.types import RenderMode
from viewer.look import Output

Layout = Literal["off", "wipe", "split", "difference", "other"]
"""wipe: one picture on each side of a border. split: the same middle part of both, side by side. other: the second picture alone."""
Pair = Literal["fast | full", "fast | captured", "full | captured", "exact | full", "exact | captured", "fast | exact", "two outputs"]
Right = RenderMode | Literal["captured", "same"]
"""What stands on the right; same: the picture on the left in another output."""

LAYOUTS: tuple[Layout, ...] = ("off", "wipe", "split", "difference")
PAIRS: tuple[Pair, ...] = ("fast | full", "fast | captured", "full | captured", "exact | full", "exact | captured", "fast | exact", "two outputs")
_LEFT: dict[Pair, RenderMode] = {"full | captured": "full", "exact | full": "exact", "exact | captured": "exact"}
_RIGHT: dict[Pair, Right] = {"fast | full": "full", "exact | full": "full", "fast | exact": "exact", "two outputs": "same"}
GAIN = 4.0
"""Differences are shown so many times as large: a quarter of the range of colours is white."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What is compared, and how."""

    layout: Layout = "off"
    pair: Pair = "fast | full"
    output: Output = "depth"
    """What the right shows where two outputs are compared."""
    wipe: float = 0.5
    """Where the border of a wipe is, from 0 on the left to 1."""
    holds_captured: bool = False
    """The captured picture alone, for as long as its key is held."""

    @property
    def needs_captured(self) -> bool:
        """Only a camera of the capture has a picture to compare with."""
        return self.holds_captured or (self.layout != "off" and self.right == "captured")

    @property
    def shown_layout(self) -> Layout:
        return "other" if self.holds_captured else self.layout

    @property
    def left(self) -> RenderMode:
        return _LEFT.get(self.pair, "fast")

    @property
    def right(self) -> Right:
        return _RIGHT.get(self.pair, "captured")


@dataclass(frozen=True, kw_only=True)
class Opponents:
    """What a request is to make for a comparison."""

    mode: RenderMode
    against: Right | None
    hidden: int | None
    """The view that the picture must not be coloured from: itself, where it is held against its own capture."""


def opponents(comparison: Comparison, mode: RenderMode, view: int | None, moving: bool) -> Opponents:
    """What to render now.

    Args:
        mode: the renderer where nothing is compared.
        view: the camera of the capture that the window looks through.
        moving: a full picture takes too long then; it follows when the view is still.
    """
    if comparison.layout == "off":
        against = "captured" if comparison.holds_captured and view is not None else None
        return Opponents(mode=mode, against=against, hidden=None)
    if comparison.right == "same":
        return Opponents(mode=mode, against="captured" if comparison.holds_captured and view is not None else "same", hidden=None)
    left = "fast" if moving and comparison.left == "full" else comparison.left
    if comparison.right == "captured":
        return Opponents(mode=left, against=None if view is None else "captured", hidden=view)
    against = "captured" if comparison.holds_captured and view is not None else None if moving else comparison.right
    return Opponents(mode=left, against=against, hidden=None)


def place_in_picture(layout: Layout, x: float) -> float:
    """Where in the picture a place of the window lies, both from 0 on the left to 1: a split shows the middle half twice."""
    return x + (0.25 if x <= 0.5 else -0.25) if layout == "split" else x
