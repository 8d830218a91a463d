"""How many pixels a picture has: the automatic render scale follows measured render time, without oscillation; the size follows a window that rests."""

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
CALM_S = 0.12
"""How long the picture area keeps a size before pictures are made for it. While an edge of the window is dragged, the last one is stretched."""

Size = tuple[int, int]
"""Width and height in framebuffer pixels."""


class SettledSize:
    """The size of the picture area, as soon as it has been the same for a moment; at once where there is no picture yet that could be stretched."""

    def __init__(self) -> None:
        self._settled: Size = (0, 0)
        self._seen: Size = (0, 0)
        self._since_s = 0.0

    @property
    def waits(self) -> bool:
        """Another size will count in a moment."""
        return self._seen != self._settled

    def follow(self, size: Size, now_s: float, *, shown: bool) -> Size:
        """The size that counts now.

        Args:
            size: of the picture area, now.
            shown: whether there is a picture on the screen.
        """
        if size != self._seen:
            self._seen, self._since_s = size, now_s
        if not shown or now_s - self._since_s >= CALM_S:
            self._settled = self._seen
        return self._settled


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
