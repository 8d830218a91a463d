"""The buttons that undo and redo, which say what."""

from __future__ import annotations

from viewer import bindings
from viewer.events import Event
from viewer.history import Step
from viewer.panels.widgets import action, explained
from viewer.state import ViewerState


def draw_undo(state: ViewerState, label: str, width: float) -> list[Event]:
    steps = state.history.undo
    return action(label, "undo", width=width, enabled=bool(steps), why=_why("Undo", "undo", steps))


def draw_redo(state: ViewerState, label: str, width: float) -> list[Event]:
    steps = state.history.redo
    return action(label, "redo", width=width, enabled=bool(steps), why=_why("Redo", "redo", steps))


def _why(word: str, name: str, steps: tuple[Step, ...]) -> str:
    """What the next step is, and the key: "Undo: crop box (Ctrl+Z)"."""
    if not steps:
        return explained(name)
    hint = bindings.hint(name)
    return f"{word}: {steps[-1].what}" + (f" ({hint})" if hint else "")
