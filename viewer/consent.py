"""What the user is asked before it is done: effects that end or replace something. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from viewer.changes import asked
from viewer.events import ChooseFile, Effect, ExportPath, OpenScene, Quit, SavePath, StartExport
from viewer.export_queue import pending
from viewer.opening import is_open
from viewer.path_actions import path_saving
from viewer.state import ViewerState


@dataclass(frozen=True, kw_only=True)
class Question:
    """In the words of the window."""

    losses: tuple[str, ...]
    """What would happen; there is nothing to ask without any."""
    text: str
    yes: str
    no: str = "Stay"
    saves: str = ""
    """The button that saves the path before; empty for none."""


def question(state: ViewerState, effect: Effect) -> Question:
    """What is to be asked before an effect, as things are now."""
    match effect:
        case Quit():
            return Question(losses=(*_jobs(state), *_made(state)), text="Quit anyway?", yes="Quit", saves="Save and quit" if _unsaved(state) else "")
        case OpenScene(source=source):
            name = "the scene again" if is_open(state, source) else source.name or str(source)
            return Question(losses=_jobs(state), text=f"Open {name} anyway?", yes="Open")
        case SavePath(file=file, replaces=True, changes_form=True):
            losses = (
                f"{file} exists already, and is no camera path of the viewer's own form.",
                "The program that it is for could not read it any more; Export in the Path panel writes for other programs.",
            )
            return Question(losses=losses, text="Replace it by a path of the viewer's form?", yes="Replace", no="Cancel")
        case SavePath(file=file, replaces=True) | ExportPath(target=file, replaces=True):
            return Question(losses=(f"{file} exists already.",), text="Replace it?", yes="Replace", no="Cancel")
        case StartExport(settings=settings, replaces=True):
            return Question(losses=(f"{settings.file} exists already.",), text="Replace it when the export is complete?", yes="Replace", no="Cancel")
        case ChooseFile(why=why) if why:
            return Question(losses=(f"The path is not saved: {why}.",), text="Save it somewhere else?", yes="Choose", no="Cancel")
        case _:
            return Question(losses=(), text="", yes="")


def wanted(state: ViewerState, effect: Effect) -> ViewerState:
    """The window is to do something, after asking where that would cost something."""
    return replace(state, asks=effect) if question(state, effect).losses else asked(state, effect)


def asked_of_user(state: ViewerState) -> str | None:
    """The question that is on the screen; None where there is none."""
    if state.asks is None:
        return None
    asks = question(state, state.asks)
    return " ".join((*asks.losses, asks.text))


def _agreed(state: ViewerState) -> ViewerState:
    effect = state.asks
    return state if effect is None else asked(replace(state, asks=None), effect)


def _saved_first(state: ViewerState) -> ViewerState:
    """Quit when the path is saved, not before: a question or an error on the way leaves the window open."""
    return asked(replace(state, asks=None), replace(path_saving(state), quits=True)) if isinstance(state.asks, Quit) else state


HANDLERS: dict[str, Callable[[ViewerState], ViewerState]] = {
    "agree": _agreed,
    "decline": lambda state: replace(state, asks=None),
    "save_first": _saved_first,
}


def _jobs(state: ViewerState) -> tuple[str, ...]:
    reasons = []
    exports = pending(state.export.queue)
    if exports:
        waits = {0: "", 1: ", and the one that waits would not be made"}.get(len(exports) - 1, f", and the {len(exports) - 1} that wait would not be made")
        reasons.append(f"An export is running and would be cancelled{waits}.")
    if state.picture_job is not None:
        reasons.append("A picture is being made and would be cancelled.")
    if state.occupancy_job is not None:
        reasons.append("The occupancy is being built and would be cancelled.")
    return tuple(reasons)


def _unsaved(state: ViewerState) -> bool:
    return state.path_editor.unsaved and not state.path_editor.empty


def _made(state: ViewerState) -> tuple[str, ...]:
    reasons = []
    if state.recording is not None:
        reasons.append("Your motion is being recorded: it would end here, and is kept as a path.")
    if _unsaved(state):
        reasons.append("The camera path has changes that are not saved.")
    return tuple(reasons)
