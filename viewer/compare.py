"""Comparing two pictures of one view: what stands against what, and how they share the window. No torch, no OpenGL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Layout = Literal["off", "wipe", "split", "difference", "other"]
"""wipe: one picture on each side of a border. split: the same middle part of both, side by side. other: the second picture alone."""
Pair = Literal["fast | full", "fast | captured", "full | captured"]

LAYOUTS: tuple[Layout, ...] = ("off", "wipe", "split", "difference")
PAIRS: tuple[Pair, ...] = ("fast | full", "fast | captured", "full | captured")
GAIN = 4.0
"""Differences are shown so many times as large: a quarter of the range of colours is white."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What is compared, and how."""

    layout: Layout = "off"
    pair: Pair = "fast | full"
    wipe: float = 0.5
    """Where the border of a wipe is, from 0 on the left to 1."""
    holds_captured: bool = False
    """The captured picture alone, for as long as its key is held."""

    @property
    def left(self) -> Literal["fast", "full"]:
        return "full" if self.pair == "full | captured" else "fast"

    @property
    def right(self) -> Literal["full", "captured"]:
        return "full" if self.pair == "fast | full" else "captured"
