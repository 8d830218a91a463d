"""The automatic render scale: pixels follow measured render time, without oscillation."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

from viewer.request import RenderRequest
from viewer.state import SCALES, Picture

SAMPLES = 3
"""Pictures the decision is made from."""
HYSTERESIS = 1.2
"""Changes smaller than this factor are not worth a visible jump."""
MAX_STEP = 2.0


def rescaled(picture: Picture, request: RenderRequest, render_ms: float, steady: bool) -> Picture:
    """The picture settings after a measured render. Only pictures in motion at the current scale count, and none that filled caches."""
    if not picture.automatic_scale or not request.moving or not steady or abs(request.scale - picture.scale) > 1e-9 or render_ms <= 0.0:
        return picture
    recent = (*picture.recent_ms, render_ms)[-SAMPLES:]
    if len(recent) < SAMPLES:
        return replace(picture, recent_ms=recent)
    ratio = (1000.0 / picture.target_fps / median(recent)) ** 0.5  # time goes with the number of pixels
    wanted = min(max(picture.scale * min(max(ratio, 1.0 / MAX_STEP), MAX_STEP), SCALES[0]), SCALES[1])
    small = 1.0 / HYSTERESIS < wanted / picture.scale < HYSTERESIS
    if small and not (wanted == SCALES[1] and ratio > HYSTERESIS):  # with time to spare the last step up to full size is taken
        return replace(picture, recent_ms=recent)
    if wanted == picture.scale:
        return replace(picture, recent_ms=recent)
    return replace(picture, scale=wanted, recent_ms=())
