"""How events about long tasks change the state: the queue of exports, a picture of its own size, the occupancy. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from viewer import events as e
from viewer import export_queue
from viewer.changes import asked, notified
from viewer.export_queue import Queue, QueuedExport
from viewer.progress import Progress
from viewer.state import ViewerState


def _queued(state: ViewerState, event: e.ExportQueued) -> ViewerState:
    return _with_queue(state, export_queue.joined(state.export.queue, QueuedExport(number=event.number, file=event.file)))


def _removed(state: ViewerState, event: e.RemoveExport) -> ViewerState:
    """One that is not over leaves when the render thread has let go of it."""
    export = export_queue.numbered(state.export.queue, event.number)
    if export is None:
        return state
    if export.outcome is None:
        return asked(state, e.CancelExport(number=event.number))
    return _with_queue(state, export_queue.without(state.export.queue, event.number))


def _progressed(state: ViewerState, event: e.JobProgress) -> ViewerState:
    match event.job:
        case "export":
            return _with_queue(state, export_queue.stepped(state.export.queue, event.number, event.done, event.total, state.now_s))
        case "picture":
            return replace(state, picture_job=(state.picture_job or Progress()).after(event.done, event.total, state.now_s))
        case "occupancy":
            return replace(state, occupancy_job=(state.occupancy_job or Progress()).after(event.done, event.total, state.now_s))


def _ended(state: ViewerState, event: e.JobEnded) -> ViewerState:
    name, kept = _name(state, event), ""
    match event.job:
        case "export":
            export = export_queue.numbered(state.export.queue, event.number)
            if export is not None and not export.progress.waits:
                kept = "; what is complete of it is kept, and the same export goes on there"
            state = _with_queue(state, export_queue.ended(state.export.queue, event.number, error=event.error, cancelled=event.cancelled))
        case "picture":
            state = replace(state, picture_job=None)
        case "occupancy":
            state = replace(state, occupancy_job=None)
    if event.error:
        return notified(state, "error", f"{name} failed: {event.error}")
    if event.cancelled:
        return notified(state, "info", f"{name} was cancelled{kept}")
    if event.file is not None:
        return notified(state, "info", f"Saved {event.file}", event.file)
    return notified(state, "info", f"{name} is done")


def _name(state: ViewerState, event: e.JobEnded) -> str:
    match event.job:
        case "export":
            export = export_queue.numbered(state.export.queue, event.number)
            return "The export" if export is None else f"The export of {export.file.name}"
        case "picture":
            return "The picture"
        case "occupancy":
            return "Building the occupancy"


def _with_queue(state: ViewerState, queue: Queue) -> ViewerState:
    return replace(state, export=replace(state.export, queue=queue))


REDUCERS: dict[type, Callable[..., ViewerState]] = {
    e.ExportQueued: _queued,
    e.RemoveExport: _removed,
    e.ClearExports: lambda state, event: _with_queue(state, export_queue.pending(state.export.queue)),
    e.JobProgress: _progressed,
    e.JobEnded: _ended,
}
