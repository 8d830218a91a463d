"""Near and far: two depths along the viewing direction. Between them the view is rendered, or depth is coloured."""

from __future__ import annotations

import math

NearFar = tuple[float, float]
LEAST = 1e-3
"""Between the two, in world units: nothing would be seen, and a range of nothing has no colours."""


def limited(depths: NearFar | None) -> NearFar | None:
    """In order, and in front of the camera; None, for no limits, where one is not a number."""
    if depths is None or not all(map(math.isfinite, depths)):
        return None
    near = max(depths[0], 0.0)
    return near, max(depths[1], near + LEAST)
