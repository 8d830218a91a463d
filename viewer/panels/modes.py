"""What each renderer is, and the keys that choose it, in the words of every tooltip about it."""

from __future__ import annotations

from viewer import bindings
from viewer.state import Mode

_WHAT: dict[Mode, str] = {
    "fast": "Marches the occupancy of the frame through baked density and stops where nothing shines through",
    "exact": "The same samples as fast, with the field evaluated at each: sharper where baked density is coarse",
    "full": "Samples every ray with the proposal network: the reference, slower",
    "auto": "Fast while anything moves, full once the view is still",
}
_ACTIONS: dict[Mode, tuple[str, ...]] = {"fast": ("mode",), "exact": (), "full": ("mode",), "auto": ("mode_auto",)}


def why(mode: Mode) -> str:
    """What a renderer is, and its key."""
    return bindings.keyed(_WHAT[mode], *_ACTIONS[mode])
