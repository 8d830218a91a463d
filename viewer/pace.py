"""When the window draws its next frame: at once while anything moves, seldom at rest."""

from __future__ import annotations

import time

from viewer.panels import floating
from viewer.state import ViewerState
from viewer.window import Window

_LOADING_S = 0.25  # importing torch needs the processor more than the window does
_HEARTBEAT_S = 0.5
_CALM_S = 3.0  # without any event; tooltips and the last figures are drawn by then
_CALM_HEARTBEAT_S = 2.0


class Pace:
    """Of one window."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._drawn_s = 0.0

    def drew(self, now_s: float) -> None:
        """A frame is drawn now."""
        self._drawn_s = now_s

    def timeout_s(self, state: ViewerState, *, loading: bool, moves: bool, waits: bool) -> float:
        """How long until the next frame, if nothing happens before.

        Args:
            loading: torch or a scene is being loaded.
            moves: something on the screen changes all the time.
            waits: something beside the window is waited for.
        """
        window = self._window
        if window.minimised:
            return _HEARTBEAT_S
        interval = 0.0 if window.due or window.tested else self._interval_s(state, loading, moves, waits)
        least = 0.0 if window.tested else 1.0 / state.preferences.max_fps
        return max(0.0, self._drawn_s + max(interval, least) - time.monotonic())

    def _interval_s(self, state: ViewerState, loading: bool, moves: bool, waits: bool) -> float:
        """Seconds between frames while nothing happens; 0 for as many as there may be."""
        if loading:
            return _LOADING_S
        if moves:
            return 0.0
        if waits:
            return _LOADING_S
        calm = time.monotonic() - self._window.touched_s > _CALM_S and not (self._window.text_input or floating.passes(state))
        return _CALM_HEARTBEAT_S if calm else _HEARTBEAT_S
