"""Undo and redo: the steps that lead back and forward again, and which edits are one step. What there is to go back to: `viewer.edits`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from viewer.edits import Edits, View

MAX_STEPS = 200
BURST_S = 0.6
"""Turns of the wheel, and repetitions of a key, are one step as long as they follow each other so soon."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step back, or forward again."""

    what: str
    """What was edited, in words that follow "Undo"."""
    edits: Edits
    """Everything that can be edited, as it is at the other end of the step."""
    view: View | None = None
    """Likewise, where the step moved the camera."""


@dataclass(frozen=True, kw_only=True)
class Gesture:
    """What edits have in common that are undone together."""

    name: str
    """Of the drag, the wheel or the key."""
    at_s: float
    """When it went on last."""
    within_s: float
    """How soon it has to go on."""

    def goes_on(self, before: Gesture | None) -> bool:
        """Whether it is a part of the one before."""
        return before is not None and self.name == before.name and self.at_s - before.at_s <= self.within_s


@dataclass(frozen=True, kw_only=True)
class History:
    """Steps to both sides of the present."""

    undo: tuple[Step, ...] = ()
    """The newest last."""
    redo: tuple[Step, ...] = ()
    """The next one last."""
    gesture: Gesture | None = None
    """The one that the newest step belongs to."""


def with_step(history: History, step: Step, gesture: Gesture | None) -> History:
    """The history after an edit, from which there is no way forward any more.

    Args:
        step: back to before the edit.
        gesture: None for an edit that is a step of its own.
    """
    if gesture is not None and history.undo and gesture.goes_on(history.gesture):
        return replace(history, gesture=gesture)
    return History(undo=(*history.undo, step)[-MAX_STEPS:], gesture=gesture)
