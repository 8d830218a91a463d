"""Filling a monitor with the window, and back to where it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from viewer.glfw_library import glfw

Place = tuple[int, int, int, int]
"""Left, top, width and height on the desktop, in window units."""


class Fullscreen:
    """Whether a window fills a monitor. Belongs to the main thread."""

    def __init__(self) -> None:
        self._windowed: Place | None = None

    @property
    def is_on(self) -> bool:
        return self._windowed is not None

    def toggle(self, handle: Any) -> None:
        """Fill the monitor that most of the window is on, or go back to where it was."""
        if self._windowed is not None:
            glfw.set_window_monitor(handle, None, *self._windowed, glfw.DONT_CARE)  # pyright: ignore[reportArgumentType]
            self._windowed = None
            return
        monitors = [(monitor, glfw.get_video_mode(monitor)) for monitor in glfw.get_monitors()]
        if not monitors:
            return
        self._windowed = (*glfw.get_window_pos(handle), *glfw.get_window_size(handle))
        places = [(*glfw.get_monitor_pos(monitor), mode.size.width, mode.size.height) for monitor, mode in monitors]
        monitor, mode = monitors[most_covered(self._windowed, places)]
        glfw.set_window_monitor(handle, monitor, 0, 0, mode.size.width, mode.size.height, mode.refresh_rate)


def most_covered(window: Place, monitors: Sequence[Place]) -> int:
    """Which of the monitors most of a window is on; the first one, which is the primary one, where it is on none."""

    def shared(monitor: Place) -> int:
        sides = (min(window[i] + window[i + 2], monitor[i] + monitor[i + 2]) - max(window[i], monitor[i]) for i in (0, 1))
        wide, high = (max(side, 0) for side in sides)
        return wide * high

    return max(range(len(monitors)), key=lambda index: shared(monitors[index]))
