"""How wide the panels beside the picture are: they keep their share of the window, within limits. Pure."""

from __future__ import annotations

SHARE = 0.33
"""Of the window, at first."""
_LEAST_EM = 24.0  # the names of all tabs can be told apart
_LEAST_SHARE = 0.4  # no more of a small window is taken for that
_MOST_SHARE = 0.6


def side_width(share: float, window: float, font: float) -> float:
    """The width of the panels that are to have a share of the window.

    Args:
        window: its width.
        font: size of text, in the same unit.
    """
    return min(max(share * window, _least(window, font)), _MOST_SHARE * window)


def share_of(width: float, window: float, font: float) -> float:
    """The share that panels of a width have; where they are as narrow as can be, the window was too small for theirs, and they get the first one again."""
    return SHARE if width <= _least(window, font) + 1.0 else width / window


def _least(window: float, font: float) -> float:
    return min(_LEAST_EM * font, _LEAST_SHARE * window)
