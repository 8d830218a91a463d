"""Exports one after the other: those that wait, the one that runs, and what became of the last ones. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from viewer.progress import Progress

KEPT = 6
"""How many that are over stay in the list."""


@dataclass(frozen=True, kw_only=True)
class QueuedExport:
    """A video or folder of pictures that was asked for. What it shows was settled then, whatever is edited since."""

    number: int
    file: Path
    progress: Progress = Progress()
    outcome: Literal["done", "failed"] | None = None
    """None while it waits or runs; one that was cancelled leaves the queue."""
    error: str = ""
    """Why it failed."""

    @property
    def state(self) -> Literal["waits", "runs", "done", "failed"]:
        return self.outcome or ("waits" if self.progress.waits else "runs")


Queue = tuple[QueuedExport, ...]
"""In the order asked for, which is the order they are made in."""


def pending(queue: Queue) -> Queue:
    """Those that wait or run."""
    return tuple(export for export in queue if export.outcome is None)


def over(queue: Queue) -> Queue:
    """Those that are done or failed."""
    return tuple(export for export in queue if export.outcome is not None)


def numbered(queue: Queue, number: int) -> QueuedExport | None:
    """The export of a number; None where it has left."""
    return next((export for export in queue if export.number == number), None)


def joined(queue: Queue, export: QueuedExport) -> Queue:
    """One more, behind those that wait. Of those that are over, the newest stay; an earlier one of the same file is history."""
    ended = tuple(other for other in over(queue) if other.file != export.file)[-KEPT:]
    return (*(other for other in queue if other.outcome is None or other in ended), export)


def stepped(queue: Queue, number: int, done: int, total: int, now_s: float) -> Queue:
    return tuple(replace(export, progress=export.progress.after(done, total, now_s)) if export.number == number else export for export in queue)


def ended(queue: Queue, number: int, *, error: str = "", cancelled: bool = False) -> Queue:
    """An export is over: it stays to be seen, unless it was cancelled."""
    if cancelled:
        return without(queue, number)
    return tuple(replace(export, outcome="failed" if error else "done", error=error) if export.number == number else export for export in queue)


def without(queue: Queue, number: int) -> Queue:
    return tuple(export for export in queue if export.number != number)
