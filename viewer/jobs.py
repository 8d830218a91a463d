"""Long tasks of the render thread: what was asked for, what was cancelled, and how the thread's time is shared between a task and the window's pictures."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from im4d_core.camera_path import CameraPath, SceneTiming
from im4d_core.export_settings import ExportSettings
from viewer.messages import Job
from viewer.request import RenderRequest

if TYPE_CHECKING:
    from im4d_core.scene_renderer import SceneRenderer

JOB_SHARE = 1 / 3
"""Of the render thread's time, while the window wants pictures all the time."""
_MOST_OWED_S = 2.0
"""A job that waited long does not make the window wait as long."""


@dataclass(frozen=True, kw_only=True)
class ExportOrder:
    """A path to be filmed."""

    number: int
    """Of several that wait, which one."""
    path: CameraPath
    timing: SceneTiming
    settings: ExportSettings


@dataclass(frozen=True, kw_only=True)
class PictureOrder:
    """One picture to be saved, of a size of its own."""

    request: RenderRequest
    file: Path


@dataclass(frozen=True, kw_only=True)
class OccupancyOrder:
    """The occupancy of every frame to be built."""


Order = ExportOrder | PictureOrder | OccupancyOrder


class FairShare:
    """Whose turn it is, by measured time: over a while a job gets its share, whether pictures or the job's steps are the long ones."""

    def __init__(self) -> None:
        self._owed_s = 0.0
        """How long the job may go on before the next picture."""

    @property
    def picture_is_due(self) -> bool:
        return self._owed_s <= 0.0

    def drew(self, seconds: float) -> None:
        """A picture was made while a job waited."""
        self._owed_s = min(self._owed_s + seconds * JOB_SHARE / (1.0 - JOB_SHARE), _MOST_OWED_S)

    def worked(self, seconds: float) -> None:
        """The job went on while a picture was wanted."""
        self._owed_s = max(self._owed_s - seconds, -_MOST_OWED_S)


class Orders:
    """Jobs in the order they were asked for. The window puts, the render thread takes. Any number of exports may wait; of the other kinds one is enough."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Order] = deque()
        self._cancelled: set[tuple[Job, int]] = set()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, order: Order) -> None:
        """Ask for a job; the same one, where it waits, is replaced."""
        with self._lock:
            self._waiting = deque(other for other in self._waiting if name(other) != name(order))
            self._waiting.append(order)
            self._cancelled.discard(name(order))

    def take(self) -> Order | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def drop(self) -> list[Order]:
        """Forget those that wait."""
        with self._lock:
            dropped, self._waiting = list(self._waiting), deque()
            return dropped

    def cancel(self, job: Job, number: int = 0) -> bool:
        """Stop a job; True where it had not begun."""
        with self._lock:
            before = len(self._waiting)
            self._waiting = deque(order for order in self._waiting if name(order) != (job, number))
            self._cancelled.add((job, number))
            return len(self._waiting) < before

    def is_cancelled(self, order: Order) -> bool:
        return name(order) in self._cancelled


def kind(order: Order) -> Job:
    """The kind of a job in messages and events."""
    return name(order)[0]


def name(order: Order) -> tuple[Job, int]:
    """What tells one job from all others: its kind, and which of the exports it is."""
    match order:
        case ExportOrder(number=number):
            return "export", number
        case PictureOrder():
            return "picture", 0
        case OccupancyOrder():
            return "occupancy", 0


def steps(order: Order, renderer: SceneRenderer, go_on: Callable[[], bool], told: Callable[[int, int], None]) -> bool:
    """Do a job.

    Args:
        go_on: asked between tiles and frames; False stops the job.
        told: called with steps done and steps in total.

    Returns:
        False where it was stopped.
    """
    match order:
        case ExportOrder():
            return _exported(order, renderer, go_on, told)
        case PictureOrder(request=request, file=file):
            return _saved(request, file, renderer, go_on, told)
        case OccupancyOrder():

            def baked(done: int, total: int) -> bool:
                told(done, total)
                return go_on()

            return renderer.bake_occupancy(baked)


def result(order: Order) -> Path | None:
    """What a finished job leaves behind."""
    match order:
        case ExportOrder(settings=settings):
            return Path(settings.file)
        case PictureOrder(file=file):
            return file
        case OccupancyOrder():
            return None


def _exported(order: ExportOrder, renderer: SceneRenderer, go_on: Callable[[], bool], told: Callable[[int, int], None]) -> bool:
    from im4d_core.filming import film

    done, total = 0, -1
    pictures: Iterator[tuple[int, int]] = film(renderer, order.path, order.timing, order.settings, go_on=go_on)
    for done, total in pictures:
        told(done, total)
    return done == total


def _saved(request: RenderRequest, file: Path, renderer: SceneRenderer, go_on: Callable[[], bool], told: Callable[[int, int], None]) -> bool:
    from viewer.offline import save_png, take_picture

    def between(fraction: float) -> bool:
        told(round(100 * fraction), 100)
        return go_on()

    if request.mode != "full" and not renderer.has_occupancy(request.frame):
        request = replace(request, mode="full")
    pixels = take_picture(renderer, request, between)
    if pixels is None:
        return False
    save_png(pixels, file)
    return True
