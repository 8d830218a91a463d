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
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from viewer.facts import facts_of, slower_ways
from viewer.jobs import FairShare, OccupancyOrder, Order, Orders, kind, result, steps
from viewer.messages import DisplayBuffer, Estimated, Failed, Job, JobOver, JobStep, Message, Miniatures, Opened
from viewer.pictures import PictureMaker
from viewer.request import RenderRequest
from viewer.state import STILL_S
from viewer.thumbnails import Thumbnail

if TYPE_CHECKING:
    from im4d_core.scene_renderer import SceneRenderer

_log = logging.getLogger(__name__)
_PATIENCE_S = 0.4  # a picture made during motion may take this long before a newer request stops it
_BESIDE_JOB_S = 1.0  # a still picture may take this long while a job waits or runs; a longer one is made when the job is over
_WAKE_EVERY_S = 0.05  # progress is shown at most this often

_MINIATURES_S = 0.2  # small pictures of the cameras are shown this often while they are read

Opener = Callable[[Path, str], "SceneRenderer"]


def open_scene_renderer(source: Path, device: str) -> SceneRenderer:
    """The default opener: a run, an exported scene, or the demo."""
    from im4d_core.scene_renderer import open_run

    return open_run(source, device=device)


class RenderWorker:
    """The render thread and its mailboxes.

    Requests lie in one slot: a newer one replaces an older one that has not begun. A request made during motion gives one picture. For a still
    one a draft comes first where the picture would take long: smaller, and made by the fast renderer where the full one was asked for and the
    frame's occupancy exists. Once the view has been still for a moment the picture itself follows, shown tile by tile over the draft; any newer
    request stops it between two tiles. A job does not wait for a slow still picture: the draft stays until the job is over, then the picture is made.

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
        self._device = device
        self._display = display
        self._display_device = display_device
        self._shares_memory = shares_memory
        self._wake = wake
        self._changed = threading.Condition()
        self._request: RenderRequest | None = None
        self._postponed: RenderRequest | None = None
        self._asked_s = 0.0
        self._prefetch: tuple[int, ...] = ()
        self._source: Path | None = None
        self._orders = Orders()
        self._stopping = False
        self._outbox: deque[Message] = deque()
        self._status = "Loading PyTorch"
        self._busy = False
        self._progress = 1.0
        # Below: the thread's own.
        self._renderer: SceneRenderer | None = None
        self._opened: Path | None = None
        self._next: tuple[Path, SceneRenderer] | None = None
        self._maker: PictureMaker | None = None
        self._compiler: threading.Thread | None = None
        self._told_full = False
        self._told: set[str] = set()
        self._working = False
        self._share = FairShare()
        self._counted_s = 0.0
        self._woke_s = 0.0
        self._facts_s = 0.0
        self._thread = threading.Thread(target=self._run, name="render", daemon=True)

    # ---- the window's side --------------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def open(self, source: Path) -> None:
        """Open a run or exported scene; answered by `Opened` or `Failed`. The scene that is open stays until then, and so do its jobs."""
        with self._changed:
            self._source = source
            self._changed.notify()

    def submit(self, request: RenderRequest, *, prefetch: tuple[int, ...] = ()) -> None:
        """Ask for a picture; replaces a request that has not begun.

        Args:
            prefetch: frames that will be needed next, nearest first.
        """
        with self._changed:
            self._request, self._asked_s, self._prefetch = request, time.monotonic(), prefetch
            self._postponed = None
            self._changed.notify()

    def begin(self, order: Order) -> None:
        """Do a long task between the pictures of the window; answered by `JobStep`s and a `JobOver`. One after the other, in the order asked."""
        with self._changed:
            self._orders.put(order)
            self._changed.notify()

    def cancel(self, job: Job) -> None:
        """Stop a job between two tiles; nothing partial is left, except complete pictures in a folder of them."""
        with self._changed:
            if self._orders.cancel(job):
                self._outbox.append(JobOver(job=job, cancelled=True))
            self._changed.notify()
        self._wake()

    def share_memory(self, on: bool) -> None:
        """Whether the pictures from now on are handed over in CUDA memory."""
        with self._changed:
            self._shares_memory = on
            if self._maker is not None:
                self._maker.shares_memory = on

    def take(self) -> list[Message]:
        """Everything that became ready since the last call; of several pictures only the newest."""
        with self._changed:
            messages, self._outbox = list(self._outbox), deque()
        pictures = [message for message in messages if isinstance(message, DisplayBuffer)]
        return [message for message in messages if not isinstance(message, DisplayBuffer) or message is pictures[-1]]

    @property
    def status(self) -> str:
        """What start-up waits for; empty when ready."""
        return self._status

    @property
    def busy(self) -> bool:
        """A picture is being made or a scene opened, or waits to be."""
        return self._busy or self._request is not None or self._source is not None

    @property
    def postponed(self) -> bool:
        """A better picture than the one that is shown follows when the jobs are over."""
        return self._postponed is not None

    @property
    def progress(self) -> float:
        """Done fraction of the picture that is being made."""
        return self._progress

    def stop(self, timeout_s: float = 60.0) -> bool:
        """End the thread: what runs is cancelled between two tiles, a partial video is removed. Returns whether it ended in time."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
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
            self._post(Failed(text=f"PyTorch cannot be imported: {error}", details=traceback.format_exc(), during="start"))
            return
        self._choose_device()
        self._status = ""
        self._wake()
        while not self._stopping:
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 - whatever a renderer raises, the window stays and says it
                self._fail(error)
        self._change()
        if self._renderer is not None:
            self._renderer.close()
        if self._compiler is not None:
            self._compiler.join()  # a compiler must not be at work while the process is taken down

    def _choose_device(self) -> None:
        """The GPU that draws the window also renders, unless another device was named."""
        from im4d_core.devices import has_driver, unused_gpu, why_no_cuda

        if self._device == "auto" and why_no_cuda() is not None:
            self._device = "cpu"
            if "NVIDIA" in self._display or self._display_device or has_driver():
                self._post(Failed(text=unused_gpu(), details="", level="warning"))
        elif self._device in ("auto", "cuda") and self._display_device:
            self._device = self._display_device

    def _turn(self) -> None:
        """Wait for something to do and do the most urgent part of it."""
        with self._changed:
            if self._request is None and not self._orders:
                self._request, self._postponed = self._postponed, None
            while not (self._stopping or self._source or self._request or self._orders):
                self._changed.wait()
        if self._stopping:
            return
        if self._source is not None:
            self._open()
            self._change()
        elif self._request is not None and (self._share.picture_is_due or not self._orders):
            self._serve()
        else:
            self._do_job()

    def _open(self) -> None:
        """Make the renderer of the scene that is asked for."""
        with self._changed:
            source, self._source = self._source, None
            if source is None:
                return
            busy, self._busy = self._busy, True
        self._status = f"Opening {source.name or source}"
        self._wake()
        try:
            self._next = (source, self._opener(source, self._device))
        except Exception as error:  # noqa: BLE001 - anything a broken folder can cause becomes a message
            if self._leaves_gpu(error, source):
                return
            _log.warning("cannot open %s", source, exc_info=True)
            text = f"cannot open {source}: {_first_line(error)}"
            self._post(Failed(text=text, details=traceback.format_exc(), during="opening", source=source))
        finally:
            self._status, self._busy = "", busy

    def _change(self) -> None:
        """Go over to the scene that was opened, if one was."""
        if self._next is None:
            return
        (source, renderer), self._next = self._next, None
        old, self._renderer, self._opened = self._renderer, renderer, source
        with self._changed:
            self._request = self._postponed = None  # they were meant for the scene before, and so were the jobs
            for order in self._orders.drop():
                self._outbox.append(JobOver(job=kind(order), cancelled=True))
        self._maker = PictureMaker(renderer, shares_memory=self._shares_memory, tell=self._post)
        self._told_full = False
        self._post(Opened(scene=renderer.scene, source=source))
        self._told.clear()
        self._tell_slower()
        self._post_facts()
        if old is not None:
            with contextlib.suppress(RuntimeError):  # of a GPU that failed
                old.close()

    def _serve(self) -> None:
        """Make the picture, or pictures, of the waiting request."""
        with self._changed:
            request, asked, prefetch = self._request, self._asked_s, self._prefetch
            renderer, maker = self._renderer, self._maker
            self._request = None
            if request is None or renderer is None or maker is None:
                return
            self._busy = True  # before the lock is given up: nobody may see a moment of rest between
        began = time.monotonic()
        try:
            occupied = renderer.has_occupancy(request.frame)
            if request.mode != "full" and not occupied:
                request = replace(request, mode="full")
                self._tell_full()
            if request.against in ("fast", "exact") and not occupied:
                request = replace(request, against=None)
                self._tell_full()
            draft = maker.draft(request, occupied)
            if draft is not None:
                made = self._picture(maker, draft, asked, final=False, patient=request.moving)
                whole = replace(request, mode=draft.mode)
                expected_ms = maker.expected_ms(whole)
                if made and request.moving and draft.camera.width < request.camera.width and expected_ms is not None:
                    self._post(Estimated(request=whole, render_ms=expected_ms))
                if not made or request.moving or self._moves_on(asked):
                    return
            if not self._picture(maker, request, asked, final=True, patient=request.moving):
                self._postpone(request)
            self._tell_slower()
            if prefetch and self._request is None:
                renderer.prefetch(prefetch, maker.views)
                renderer.make_ready(prefetch, maker.views, request.mode, wanted=lambda: self._request is None and not self._stopping)
            if request.frusta and not request.moving:
                self._show_captured(maker, request.frame)
        finally:
            self._busy = False
            self._progress = 1.0
            if self._working or self._orders:
                self._share.drew(time.monotonic() - began)
            if time.monotonic() - self._facts_s > 1.0:
                self._post_facts()
            self._wake()

    def _show_captured(self, maker: PictureMaker, frame: int) -> None:
        """Post small pictures of the cameras, ever more of them, until something newer is asked for."""
        made: list[Thumbnail] = []
        posted_s, posted = time.monotonic(), 0
        for picture in maker.miniatures(frame):
            made.append(picture)
            if self._request is not None or self._source is not None or self._stopping:
                break
            if time.monotonic() - posted_s > _MINIATURES_S:
                self._post(Miniatures(frame=frame, pictures=tuple(made)))
                posted_s, posted = time.monotonic(), len(made)
        if len(made) > posted:
            self._post(Miniatures(frame=frame, pictures=tuple(made)))

    def _postpone(self, request: RenderRequest) -> None:
        """The picture was given up: if that was for a job, it is wanted again afterwards."""
        with self._changed:
            if self._request is None and (self._working or self._orders):
                self._postponed = request

    def _moves_on(self, asked: float) -> bool:
        """Wait until the view has been still for a moment; True when a newer request came instead."""
        with self._changed:
            self._changed.wait_for(lambda: self._request is not None or self._stopping, timeout=max(0.0, asked + STILL_S - time.monotonic()))
            return self._request is not None or self._stopping

    def _picture(self, maker: PictureMaker, request: RenderRequest, asked: float, *, final: bool, patient: bool) -> bool:
        """Render one picture and post it; False when it was given up for a newer request.

        Args:
            patient: a newer request stops it only after a while, so that pictures appear during motion.
        """
        began, expected_ms = time.monotonic(), maker.expected_ms(request)
        hopeless = expected_ms is not None and expected_ms > 1e3 * _BESIDE_JOB_S

        def go_on(fraction: float) -> bool:
            self._report(fraction)
            if final and not patient and (self._working or self._orders) and (hopeless or time.monotonic() - began > _BESIDE_JOB_S):
                return False
            newer = self._request is not None or self._source is not None
            wanted = not newer or (patient and time.monotonic() - began < _PATIENCE_S)
            if not wanted and patient and fraction > 0:
                self._post(Estimated(request=request, render_ms=1e3 * (time.monotonic() - began) / fraction))
            return wanted and not self._stopping

        self._progress = 0.0
        picture = maker.make(request, asked, final=final, go_on=go_on, show=self._post)
        if picture is None:
            return False
        self._post(picture)
        if self._compiler is None and self._renderer is not None:
            self._compiler = threading.Thread(target=self._renderer.prepare, name="compiler", daemon=True)
            self._compiler.start()  # beside the window, and only once it shows something, if only a draft
        return True

    # ---- jobs ---------------------------------------------------------------------------------------------------------------------------------

    def _do_job(self) -> None:
        """Do the next job to its end; pictures that the window wants are made between its tiles, and take their share of the time."""
        order, renderer = self._orders.take(), self._renderer
        if order is None or renderer is None:
            return
        job = kind(order)
        self._working, self._counted_s = True, time.monotonic()

        def told(done: int, total: int) -> None:
            self._post(JobStep(job=job, done=done, total=total))

        try:
            complete = steps(order, renderer, lambda: self._between(job), told)
        except Exception as error:  # noqa: BLE001 - a failed job must not end the viewer
            _log.warning("the job %s failed", job, exc_info=True)
            self._post(JobOver(job=job, error=_first_line(error)))
        else:
            self._post(JobOver(job=job, file=result(order) if complete else None, cancelled=not complete))
        finally:
            self._working, self._share = False, FairShare()
        if isinstance(order, OccupancyOrder):
            self._told_full = False
            if self._maker is not None:
                self._maker.forget()  # fast pictures follow the new occupancy
        self._post_facts()
        self._change()

    def _between(self, job: Job) -> bool:
        """Between two tiles of a job: make the window's picture where it is its turn, or open another scene. False stops the job."""
        now = time.monotonic()
        if self._request is not None:
            self._share.worked(now - self._counted_s)
        if self._request is not None and self._share.picture_is_due and self._goes_on(job):
            try:
                self._serve()
            except Exception as error:  # noqa: BLE001 - a picture that fails must not end the job
                self._fail(error)
        if self._source is not None and self._goes_on(job):
            self._open()  # where that fails, the job has lost nothing
        self._counted_s = time.monotonic()
        return self._goes_on(job)

    def _goes_on(self, job: Job) -> bool:
        return not (self._orders.is_cancelled(job) or self._stopping or self._next is not None)

    # ---- messages -----------------------------------------------------------------------------------------------------------------------------

    def _post(self, message: Message) -> None:
        with self._changed:
            self._outbox.append(message)
        self._wake()

    def _post_facts(self) -> None:
        renderer = self._renderer
        if renderer is None:
            return
        self._facts_s = time.monotonic()
        self._post(facts_of(renderer))

    def _report(self, fraction: float) -> None:
        self._progress = fraction
        now = time.monotonic()
        if now - self._woke_s > _WAKE_EVERY_S:
            self._woke_s = now
            self._wake()

    def _tell_slower(self) -> None:
        """Say once for a scene what is done in a slower way than it could be, and why."""
        for text in [] if self._renderer is None else slower_ways(self._renderer):
            if text not in self._told:
                self._told.add(text)
                self._post(Failed(text=text, details="", level="warning"))

    def _tell_full(self) -> None:
        if not self._told_full:
            self._told_full = True
            problem = self._renderer.occupancy_problem if self._renderer is not None else None
            text = problem or "this frame has no occupancy yet"
            self._post(Failed(text=f"{text}. The full renderer is used; build the occupancy in the Scene panel.", details="", level="warning"))

    def _fail(self, error: Exception) -> None:
        if self._opened is not None and self._leaves_gpu(error, self._opened):
            return
        _log.warning("rendering failed", exc_info=error)
        details = "".join(traceback.format_exception(error))
        self._post(Failed(text=f"rendering failed: {_first_line(error)}", details=details))

    def _leaves_gpu(self, error: Exception, source: Path) -> bool:
        """Open a scene again on the CPU where an error says that the GPU can do no more; False where it does not."""
        from im4d_core.devices import why_leave

        reason = None if self._device == "cpu" else why_leave(error)
        if reason is None:
            return False
        _log.warning("the GPU is left", exc_info=error)
        details = "".join(traceback.format_exception(error))
        self._device, self._source = "cpu", source
        self._post(Failed(text=f"{reason}: the CPU renders from now on, until the program is started again", details=details, level="warning"))
        return True


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
