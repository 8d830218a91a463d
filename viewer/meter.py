"""Measurements of the running window, put together for the panels."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Literal

from im4d_core.types import Scene
from viewer.messages import DisplayBuffer, Facts
from viewer.rectangle import Rectangle
from viewer.stats import Cached, Stages, Stats
from viewer.worker import RenderWorker

_FEW = 5
"""So many a second are drawn at rest, and say nothing about how fast the window is."""


_RECENT = 60
"""Pictures whose times by stage are remembered."""


class Rate:
    """How often something happened within the last second."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def count(self, now_s: float) -> None:
        self._times.append(now_s)
        self.per_s(now_s)

    def per_s(self, now_s: float) -> float:
        """0 where it was too seldom to be called a rate."""
        while self._times and self._times[0] <= now_s - 1.0:
            self._times.popleft()
        return float(len(self._times)) if len(self._times) > _FEW else 0.0


class Meter:
    """Collects what is measured where it happens."""

    def __init__(self) -> None:
        self.facts: Facts | None = None
        """The newest facts of the render thread."""
        self._drawn, self._shown = Rate(), Rate()
        self._recent: deque[Stages] = deque(maxlen=_RECENT)
        self._fixed = Stats()
        self._unseen: DisplayBuffer | None = None
        self.latency_ms = 0.0
        """From the newest inputs that were answered to the end of the frame that showed the first picture of what they led to."""
        self._answered_s: float | None = None
        """When the inputs were read that a picture was seen of last."""
        self.drawn_s = 0.0
        """When the drawing of the newest frame of the window began: its inputs were read then."""

    def drew(self, now_s: float) -> None:
        """A frame of the window is drawn from now on."""
        self.drawn_s = now_s
        self._drawn.count(now_s)

    def swapped(self, now_s: float) -> None:
        """That frame is on the screen, and what it shows is seen."""
        if self._unseen is not None:
            self._answered_s = self._unseen.asked_s
            self.latency_ms, self._unseen = 1e3 * (now_s - self._answered_s), None

    def showed(self, picture: DisplayBuffer, now_s: float) -> None:
        """Another picture comes to the screen with the frame that is being drawn."""
        self._shown.count(now_s)
        if picture.asked_s != self._answered_s:  # the first picture is the answer; finer ones of the same view follow
            self._unseen = picture
        if picture.final or picture.request.moving:  # others are drafts, or parts of what is still being made
            self._recent.append(picture.stages_ms)

    def presenting(self, gl_renderer: str, present: Literal["interop", "upload"], reason: str, *, can_share: bool) -> None:
        """How pictures reach the screen from now on."""
        self._fixed = replace(self._fixed, gl_renderer=gl_renderer, present=present, present_reason=reason, can_share=can_share)

    def stats(self, worker: RenderWorker, picture: Rectangle, shown: DisplayBuffer | None, scene: Scene | None, now_s: float) -> Stats:
        """Everything as of now."""
        stats = replace(
            self._fixed,
            area=(picture.x, picture.y, picture.width, picture.height),
            gui_fps=self._drawn.per_s(now_s),
            pictures_per_s=self._shown.per_s(now_s),
            busy=worker.busy,
            progress=worker.progress,
            postponed=worker.postponed,
            loading=worker.status,
        )
        if shown is not None:
            stats = replace(
                stats,
                displayed=shown.request,
                below=shown.below,
                other_complete=shown.other_complete,
                stages_ms=shown.stages_ms,
                recent=tuple(self._recent),
                render_ms=shown.render_ms,
                latency_ms=self.latency_ms,
                renderer=shown.renderer,
                source_views=shown.source_views,
                psnr_db=shown.psnr_db,
                cell_block=0 if shown.cells is None else shown.cells.block,
            )
        facts = self.facts
        if facts is None or scene is None or len(facts.occupied) != len(scene.frames):
            return stats
        return replace(
            stats,
            device=facts.device,
            model=facts.model,
            sampling=facts.sampling,
            fast=facts.fast,
            memory=facts.memory,
            in_use=facts.in_use,
            occupancy="ready" if all(facts.occupied) else "partial" if any(facts.occupied) else "missing",
            cache=tuple(map(_cached, facts.decoded, facts.ready)),
            occupied=facts.occupied,
        )


def _cached(decoded: bool, ready: bool) -> Cached:
    """How near a frame is to the screen."""
    return Cached.DEVICE if ready else Cached.HOST if decoded else Cached.DISK
