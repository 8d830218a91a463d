"""What the renderer of a scene does less well than it could, told to the user once. Used by the render thread; importing it imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from viewer.messages import Failed

if TYPE_CHECKING:
    from im4d_core.scene_renderer import SceneRenderer


class Shortcomings:
    """Knows what was told of one scene already.

    Args:
        tell: takes what the user is to read.
    """

    def __init__(self, renderer: SceneRenderer, tell: Callable[[Failed], None]) -> None:
        self._renderer = renderer
        self._tell = tell
        self._told: set[str] = set()
        self._told_full = False

    def tell_fallbacks(self) -> None:
        """Say what is done in a slower or poorer way than it could be, and why."""
        for text in self._fallbacks():
            if text not in self._told:
                self._told.add(text)
                self._tell(Failed(text=text, details="", level="warning"))

    def tell_full(self) -> None:
        """Say that a frame without occupancy is rendered by the full renderer."""
        if not self._told_full:
            self._told_full = True
            text = self._renderer.occupancy_problem or "this frame has no occupancy yet"
            self._tell(Failed(text=f"{text}. The full renderer is used; build the occupancy in the Scene panel.", details="", level="warning"))

    def occupancy_changed(self) -> None:
        """Frames that still have none are told again."""
        self._told_full = False

    def _fallbacks(self) -> list[str]:
        """In words for the user."""
        renderer = self._renderer
        if renderer.device.type != "cuda" or renderer.kernel_problem is None:
            return list(renderer.fallbacks)
        return [*renderer.fallbacks, f"the CUDA kernels cannot be used, so PyTorch renders, more slowly: {renderer.kernel_problem}"]
