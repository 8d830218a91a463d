"""What the window and the render thread lay before each other: wishes one way, messages the other. No torch, no OpenGL."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from viewer.jobs import Order, Orders
from viewer.messages import DisplayBuffer, Job, Message
from viewer.request import RenderRequest

_WAKE_EVERY_S = 0.05  # progress is shown at most this often


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A picture that the window wants."""

    request: RenderRequest
    asked_s: float
    """When, by the monotonic clock."""
    coming: tuple[int, ...] = ()
    """Frames that playback will need, nearest first, up to where they begin again."""
    goes_on: bool = False
    """It was begun, and stopped for something else, such as a job."""


class Inbox:
    """What the window wants. A picture, and a scene, lie in one slot each: a newer one replaces an older one that has not begun. Jobs wait in order.

    Beside the newest picture lie one that was begun and stopped, to be gone on with, and one that can be bettered when the jobs are over.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked: Asked | None = None
        self._begun: Asked | None = None
        self._postponed: Asked | None = None
        self._source: Path | None = None
        self._orders = Orders()
        self._at_work = False
        self._in_job = False
        self._stopping = False

    # ---- the window's side --------------------------------------------------------------------------------------------------------------------

    def ask(self, asked: Asked) -> None:
        with self._changed:
            self._asked, self._begun, self._postponed = asked, None, None
            self._changed.notify()

    def open(self, source: Path) -> None:
        """Ask for a scene."""
        with self._changed:
            self._source = source
            self._changed.notify()

    def begin(self, order: Order) -> None:
        """Ask for a job."""
        with self._changed:
            self._orders.put(order)
            self._changed.notify()

    def cancel(self, job: Job, number: int = 0) -> bool:
        """Stop a job; True where it had not begun."""
        with self._changed:
            self._changed.notify()
            return self._orders.cancel(job, number)

    def stop(self) -> None:
        """Nothing is wanted any more."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    @property
    def busy(self) -> bool:
        """A picture is being made or a scene opened, or waits to be."""
        with self._changed:  # nobody may see a moment of rest between taking a wish and working on it
            return self._at_work or self._asked is not None or self._begun is not None or self._source is not None

    @property
    def postponed(self) -> bool:
        """A picture waits for the end of the jobs."""
        return self._postponed is not None

    # ---- the thread's side --------------------------------------------------------------------------------------------------------------------

    @property
    def stopping(self) -> bool:
        return self._stopping

    @property
    def picture_waits(self) -> bool:
        """A newer one than the thread has taken."""
        return self._asked is not None

    @property
    def plays_on(self) -> bool:
        """The newer picture is of time that plays."""
        asked = self._asked
        return asked is not None and bool(asked.coming)

    @property
    def has_pictures(self) -> bool:
        """A picture waits, or one that was begun is to be gone on with."""
        return self._asked is not None or self._begun is not None

    @property
    def scene_waits(self) -> bool:
        return self._source is not None

    @property
    def has_jobs(self) -> bool:
        """A job is under way, or waits."""
        return self._in_job or bool(self._orders)

    def wait(self, timeout_s: float | None) -> bool:
        """Return when something is wanted; where nothing else is, that is the picture that was postponed. False where nothing was within the time."""
        with self._changed:
            if not self.has_pictures and not self._orders:
                self._asked, self._postponed = self._postponed, None
            return self._changed.wait_for(lambda: self._stopping or self._source is not None or self.has_pictures or bool(self._orders), timeout_s)

    def newer_until(self, end_s: float) -> bool:
        """Wait for a newer request until then; True when one came, or nothing is wanted any more."""
        with self._changed:
            return self._changed.wait_for(lambda: self._asked is not None or self._stopping, timeout=max(0.0, end_s - time.monotonic()))

    def take_picture(self) -> Asked | None:
        """What is wanted now, the newest or else what was begun; the thread is at work from here on."""
        with self._changed:
            asked = self._asked or self._begun
            self._asked, self._begun, self._at_work = None, None, True
            return asked

    def take_scene(self) -> Path | None:
        """The scene that is wanted; the thread is at work from here on."""
        with self._changed:
            source, self._source, self._at_work = self._source, None, True
            return source

    def rest(self) -> None:
        """What was taken is done."""
        with self._changed:
            self._at_work = False

    def leave(self, asked: Asked) -> None:
        """A picture was stopped. Where that was for no newer one, it is to be gone on with."""
        with self._changed:
            if self._asked is None:
                self._begun = replace(asked, goes_on=True)

    def postpone(self, asked: Asked) -> None:
        """A picture can be bettered when the jobs are over."""
        with self._changed:
            if self._asked is None:
                self._postponed = asked

    def take_order(self) -> Order | None:
        """The next job; it is under way from here on."""
        with self._changed:
            order = self._orders.take()
            self._in_job = order is not None
            return order

    def end_job(self) -> None:
        """The job that was taken is over."""
        self._in_job = False

    def is_cancelled(self, order: Order) -> bool:
        return self._orders.is_cancelled(order)

    def drop(self) -> list[Order]:
        """Forget the pictures and jobs that wait, which were meant for another scene. Returns the jobs."""
        with self._changed:
            self._asked = self._begun = self._postponed = None
            return self._orders.drop()


class Outbox:
    """What the thread says.

    Args:
        wake: called when there is something to take.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._messages: list[Message] = []
        self._woke_s = 0.0
        self.progress = 1.0
        """Done fraction of the picture that is being made."""

    def post(self, message: Message) -> None:
        with self._lock:
            self._messages.append(message)
        self._wake()

    def report(self, fraction: float) -> None:
        """Say how far the picture is."""
        self.progress = fraction
        now = time.monotonic()
        if now - self._woke_s > _WAKE_EVERY_S:
            self._woke_s = now
            self._wake()

    def wake(self) -> None:
        """Something else than a message is to be looked at."""
        self._wake()

    def take(self) -> list[Message]:
        """Everything that was said since the last call; of several pictures only the newest."""
        with self._lock:
            messages, self._messages = self._messages, []
        pictures = [message for message in messages if isinstance(message, DisplayBuffer)]
        return [message for message in messages if not isinstance(message, DisplayBuffer) or message is pictures[-1]]
