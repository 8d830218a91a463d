"""Rendering beside the GUI: one thread owns torch, the model and its caches; the window sends the newest request and takes what is ready.

Nothing here touches OpenGL or ImGui, and importing it imports no torch: the thread does that, so that the window appears first.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from viewer.facts import facts_of
from viewer.jobs import FairShare, OccupancyOrder, Order, name, result, steps
from viewer.mailboxes import Asked, Inbox, Outbox
from viewer.messages import Facts, Failed, Job, JobOver, JobStep, Message, Opened
from viewer.render_device import RenderDevice
from viewer.request import RenderRequest
from viewer.serving import Serving

if TYPE_CHECKING:
    from im4d_core.scene_renderer import SceneRenderer

_log = logging.getLogger(__name__)
_FACTS_EVERY_S = 1.0  # while pictures are made, and at rest until nothing changes any more

Opener = Callable[[Path, str], "SceneRenderer"]


def open_scene_renderer(source: Path, device: str) -> SceneRenderer:
    """The default opener: a run, an exported scene, or the demo."""
    from im4d_core.opened_run import open_run

    return open_run(source, device=device)


class RenderWorker:
    """The render thread: it opens scenes, serves the window with pictures, and does jobs between them.

    Args:
        opener: makes the renderer of a folder on a device; runs in the thread.
        device: auto, cpu, cuda or cuda:N.
        display: name of the OpenGL device; a GPU there that PyTorch cannot use is told.
        display_device: the CUDA device that draws the window, e.g. "cuda:0", which auto and cuda then mean; empty where there is none.
        shares_memory: whether the window takes pictures in CUDA memory.
        wake: called from the thread when there is something to take.
    """

    def __init__(self, *, opener: Opener, device: str, display: str, display_device: str, shares_memory: bool, wake: Callable[[], None]) -> None:
        self._opener = opener
        self._shares_memory = shares_memory
        self._inbox = Inbox()
        self._outbox = Outbox(wake)
        self._status = "Loading PyTorch"
        # Below: the thread's own.
        self._device = RenderDevice(device, display=display, display_device=display_device)
        self._serving: Serving | None = None
        self._opened: Path | None = None
        self._next: tuple[Path, SceneRenderer] | None = None
        self._compiler: threading.Thread | None = None
        self._share = FairShare()
        self._counted_s = 0.0
        self._facts_s = 0.0
        self._facts: Facts | None = None
        self._facts_hold = True
        """What was told of the frames last is still true, as far as is known."""
        self._facts_of_picture = False
        """They were told since the first picture of the scene."""
        self._thread = threading.Thread(target=self._run, name="render", daemon=True)

    # ---- the window's side --------------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def open(self, source: Path) -> None:
        """Open a run or exported scene; answered by `Opened` or `Failed`. The scene that is open stays until then, and so do its jobs."""
        self._inbox.open(source)

    def submit(self, request: RenderRequest, *, asked_s: float | None = None, coming: tuple[int, ...] = ()) -> None:
        """Ask for a picture; replaces a request that has not begun.

        Args:
            asked_s: when the inputs were read that it follows from, by the monotonic clock; None for now.
            coming: frames that playback will need, nearest first, up to where they begin again.
        """
        self._inbox.ask(Asked(request=request, asked_s=time.monotonic() if asked_s is None else asked_s, coming=coming))

    def begin(self, order: Order) -> None:
        """Do a long task between the pictures of the window; answered by `JobStep`s and a `JobOver`. One after the other, in the order asked."""
        self._inbox.begin(order)

    def cancel(self, job: Job, number: int = 0) -> None:
        """Stop a job between two tiles; nothing partial is left, except complete pictures in a folder of them.

        Args:
            number: of an export.
        """
        if self._inbox.cancel(job, number):
            self._outbox.post(JobOver(job=job, number=number, cancelled=True))
        self._outbox.wake()

    def share_memory(self, on: bool) -> None:
        """Whether the pictures from now on are handed over in CUDA memory."""
        self._shares_memory = on
        if self._serving is not None:
            self._serving.share_memory(on)

    def take(self) -> list[Message]:
        """Everything that became ready since the last call; of several pictures only the newest."""
        return self._outbox.take()

    @property
    def status(self) -> str:
        """What start-up waits for; empty when ready."""
        return self._status

    @property
    def busy(self) -> bool:
        """A picture is being made or a scene opened, or waits to be."""
        return self._inbox.busy

    @property
    def postponed(self) -> bool:
        """A better picture than the one that is shown follows when the jobs are over."""
        return self._inbox.postponed

    @property
    def progress(self) -> float:
        """Done fraction of the picture that is being made."""
        return self._outbox.progress

    def stop(self, timeout_s: float = 60.0) -> bool:
        """End the thread: what runs is cancelled between two tiles. Returns whether it ended in time."""
        self._inbox.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # ---- the thread's side --------------------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            # A thread that waits for another must sleep: by default it burns its core, which the window, the decoders and the other threads need.
            # On two busy cores pictures then take ten times as long. Read once, when torch loads its library of threads.
            os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
            import torch

            torch.set_grad_enabled(False)  # this thread only renders; the setting is the thread's own
        except ImportError as error:
            self._status = ""
            self._outbox.post(Failed(text=f"PyTorch cannot be imported: {error}", details=traceback.format_exc(), during="start"))
            return
        unused = self._device.choose()
        if unused is not None:
            self._outbox.post(unused)
        self._status = ""
        self._outbox.wake()
        while not self._inbox.stopping:
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 - whatever a renderer raises, the window stays and says it
                self._fail(error)
        self._change()
        if self._serving is not None:
            self._serving.renderer.close()
        if self._compiler is not None:
            self._compiler.join()  # a compiler must not be at work while the process is taken down

    def _turn(self) -> None:
        """Wait for something to do and do the most urgent part of it."""
        due_s = None if self._facts_hold else max(0.0, self._facts_s + _FACTS_EVERY_S - time.monotonic())
        if not self._inbox.wait(due_s):
            self._post_facts()  # the last picture changed them, and decoders may still be at work
            return
        if self._inbox.stopping:
            return
        if self._inbox.scene_waits:
            self._open()
            self._change()
        elif self._inbox.has_pictures and (self._share.picture_is_due or not self._inbox.has_jobs):
            self._serve()
        else:
            self._do_job()

    def _open(self) -> None:
        """Make the renderer of the scene that is asked for."""
        source = self._inbox.take_scene()
        if source is None:
            self._inbox.rest()
            return
        self._status = f"Opening {source.name or source}"
        self._outbox.wake()
        try:
            self._next = (source, self._opener(source, self._device.name))
        except Exception as error:  # noqa: BLE001 - anything a broken folder can cause becomes a message
            if self._leaves_gpu(error, source):
                return
            text = f"cannot open {source}: {_first_line(error)}"
            _log.warning("%s", text)
            _log.debug("where it failed", exc_info=error)
            self._outbox.post(Failed(text=text, details=traceback.format_exc(), during="opening", source=source))
        finally:
            self._status = ""
            self._inbox.rest()

    def _change(self) -> None:
        """Go over to the scene that was opened, if one was."""
        if self._next is None:
            return
        (source, renderer), self._next = self._next, None
        old, self._opened = self._serving, source
        for order in self._inbox.drop():
            job, number = name(order)
            self._outbox.post(JobOver(job=job, number=number, cancelled=True))
        self._serving = Serving(renderer, self._inbox, self._outbox, shares_memory=self._shares_memory, shown=self._picture_posted)
        self._outbox.post(Opened(scene=renderer.scene, source=source, device=str(renderer.device)))
        self._serving.shortcomings.tell_fallbacks()
        self._post_facts()
        self._facts_of_picture = False
        if old is not None:
            with contextlib.suppress(RuntimeError):  # of a GPU that failed
                old.renderer.close()

    def _serve(self) -> None:
        """Make the picture, or pictures, of the waiting request."""
        asked, serving = self._inbox.take_picture(), self._serving
        if asked is None or serving is None:
            self._inbox.rest()
            return
        began = time.monotonic()
        try:
            serving.serve(asked)
        finally:
            self._inbox.rest()
            if not self._inbox.busy:
                self._outbox.progress = 1.0
            if self._inbox.has_jobs:
                self._share.drew(time.monotonic() - began)
            self._facts_hold = False
            if time.monotonic() - self._facts_s > _FACTS_EVERY_S:
                self._post_facts()
            self._outbox.wake()

    def _picture_posted(self) -> None:
        """The window shows something: a picture, a draft, or a part of what may take long."""
        self._compile()
        if not self._facts_of_picture or time.monotonic() - self._facts_s > _FACTS_EVERY_S:
            self._facts_of_picture = True
            self._post_facts()

    def _compile(self) -> None:
        """Compile what makes pictures faster: beside the window, and only once it shows something."""
        if self._compiler is None and self._serving is not None:
            self._compiler = threading.Thread(target=self._serving.renderer.prepare, name="compiler", daemon=True)
            self._compiler.start()

    # ---- jobs ---------------------------------------------------------------------------------------------------------------------------------

    def _do_job(self) -> None:
        """Do the next job to its end; pictures that the window wants are made between its tiles, and take their share of the time."""
        order, serving = self._inbox.take_order(), self._serving
        if order is None or serving is None:
            self._inbox.end_job()
            return
        job, number = name(order)
        self._counted_s = time.monotonic()

        def told(done: int, total: int) -> None:
            self._outbox.post(JobStep(job=job, number=number, done=done, total=total))

        try:
            complete = steps(order, serving.renderer, lambda: self._between(order), told)
        except Exception as error:  # noqa: BLE001 - a failed job must not end the viewer
            _log.warning("%s %d failed: %s", job, number, _first_line(error))
            _log.log(logging.DEBUG if isinstance(error, (OSError, ValueError)) else logging.WARNING, "where it failed", exc_info=error)
            self._outbox.post(JobOver(job=job, number=number, error=_first_line(error)))
        else:
            self._outbox.post(JobOver(job=job, number=number, file=result(order) if complete else None, cancelled=not complete))
        finally:
            self._inbox.end_job()
            self._share = FairShare()
        if isinstance(order, OccupancyOrder):
            serving.occupancy_changed()
        self._post_facts()
        self._change()

    def _between(self, order: Order) -> bool:
        """Between two tiles of a job: make the window's picture where it is its turn, or open another scene. False stops the job."""
        now = time.monotonic()
        if self._inbox.has_pictures:
            self._share.worked(now - self._counted_s)
        if self._inbox.has_pictures and self._share.picture_is_due and self._goes_on(order):
            try:
                self._serve()
            except Exception as error:  # noqa: BLE001 - a picture that fails must not end the job
                self._fail(error)
        if self._inbox.scene_waits and self._goes_on(order):
            self._open()  # where that fails, the job has lost nothing
        self._counted_s = time.monotonic()
        return self._goes_on(order)

    def _goes_on(self, order: Order) -> bool:
        return not (self._inbox.is_cancelled(order) or self._inbox.stopping or self._next is not None)

    # ---- messages -----------------------------------------------------------------------------------------------------------------------------

    def _post_facts(self) -> None:
        if self._serving is not None:
            self._facts_s, before = time.monotonic(), self._facts
            self._facts = facts_of(self._serving.renderer)
            self._facts_hold = before is not None and before.cached == self._facts.cached
            self._outbox.post(self._facts)

    def _fail(self, error: Exception) -> None:
        if self._opened is not None and self._leaves_gpu(error, self._opened):
            return
        _log.warning("rendering failed", exc_info=error)
        details = "".join(traceback.format_exception(error))
        self._outbox.post(Failed(text=f"rendering failed: {_first_line(error)}", details=details))

    def _leaves_gpu(self, error: Exception, source: Path) -> bool:
        """Open a scene again on the CPU where an error says that the GPU can do no more; False where it does not."""
        left = self._device.leave(error)
        if left is None:
            return False
        self._inbox.open(source)
        self._outbox.post(left)
        return True


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
