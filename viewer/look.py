"""How what was rendered is shown: colours and range of depth, exposure, what is behind the scene. Changes no rendering. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from viewer.near_far import NearFar, limited

Output = Literal["colour", "depth", "opacity", "cost", "normals"]
"""What of a picture is shown."""
Colormap = Literal["distance", "viridis", "heat", "grey"]

OUTPUTS: tuple[Output, ...] = ("colour", "depth", "opacity", "cost", "normals")
COLORMAPS: tuple[Colormap, ...] = ("distance", "viridis", "heat", "grey")
EXPOSURES = (-6.0, 6.0)
"""Least and greatest, in stops."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """Settings of the display."""

    colormap: Colormap = "distance"
    """Of depth and opacity. Cost keeps its own colours and range, so that pictures compare."""
    inverted: bool = False
    depths: NearFar | None = None
    """The depths that the first and last colour stand for, in world units; None for the depths of the frame's box."""
    exposure: float = 0.0
    """Stops: one more doubles the light."""
    pattern: bool = False
    """Squares behind the scene, so that what is transparent is seen to be."""

    @property
    def limited(self) -> Look:
        """Within what can be shown."""
        exposure = min(max(self.exposure, EXPOSURES[0]), EXPOSURES[1]) if math.isfinite(self.exposure) else 0.0
        return replace(self, exposure=exposure, depths=limited(self.depths))
