"""Serving the window with pictures of one scene: a draft, the picture itself, then what coming frames need. Used by the render thread only."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from viewer.mailboxes import Asked, Inbox, Outbox
from viewer.messages import DisplayBuffer, Estimated, Miniatures
from viewer.pictures import PictureMaker
from viewer.request import RenderRequest
from viewer.shortcomings import Shortcomings
from viewer.state import STILL_S
from viewer.thumbnails import Thumbnail

if TYPE_CHECKING:
    from im4d_core.scene_renderer import SceneRenderer

AHEAD = 4
"""Frames that are made ready ahead of playback."""
_PATIENCE_S = 0.4  # a picture made during motion may take this long before a newer request stops it
_PLAYING_S = 3.0  # and this long while time plays: the frame after it would take as long, and of pictures that are all given up none is seen
_QUICK_S = 4.0  # a fast picture that takes longer does not precede a still one at its size, which by then shows much of itself
_TURN_S = 0.5  # a still picture is made for so long at a time while a job waits or runs
_MINIATURES_S = 0.2  # small pictures of the cameras are shown this often while they are read


class Serving:
    """Answers requests with the renderer of a scene.

    A request made during motion gives one picture. For a still one a draft comes first where the picture would take long: smaller, and made by the
    fast renderer where the full one was asked for and the frame's occupancy exists. Once the view has been still for a moment the fast renderer's
    picture at the whole size follows, where a slow one was asked for, then the picture itself, shown tile by tile over what was there; any newer request
    stops either between two tiles. A job does not wait for a slow still picture, which then
    takes turns with it; the passes that smooth edges, which begin anew when they are stopped, are made when the job is over.

    Args:
        inbox: what is wanted meanwhile.
        shares_memory: whether the window takes pictures in CUDA memory.
        shown: called whenever a picture was posted, if only a draft or a part.
    """

    def __init__(self, renderer: SceneRenderer, inbox: Inbox, outbox: Outbox, *, shares_memory: bool, shown: Callable[[], None]) -> None:
        self.renderer = renderer
        self.shortcomings = Shortcomings(renderer, outbox.post)
        self._inbox = inbox
        self._outbox = outbox
        self._shown = shown
        self._maker = PictureMaker(renderer, shares_memory=shares_memory, tell=outbox.post)

    def share_memory(self, on: bool) -> None:
        """Whether the pictures from now on are handed over in CUDA memory."""
        self._maker.shares_memory = on

    def occupancy_changed(self) -> None:
        """Fast pictures follow the new occupancy."""
        self.shortcomings.occupancy_changed()
        self._maker.forget()

    def serve(self, asked: Asked) -> None:
        """Make the picture, or pictures, of a request."""
        renderer, maker, request = self.renderer, self._maker, asked.request
        renderer.expect((request.frame, *asked.coming))
        ahead = asked.coming[:AHEAD]
        if ahead:  # now, so that decoders have work while this picture is made, and even where the next one waits already
            renderer.prefetch(ahead, maker.choose(request))
        occupied = renderer.has_occupancy(request.frame)
        if request.mode != "full" and not occupied:
            request = replace(request, mode="full")
            self.shortcomings.tell_full()
        if request.against in ("fast", "exact") and not occupied:
            request = replace(request, against=None)
            self.shortcomings.tell_full()
        draft = None
        if not asked.goes_on:
            self._outbox.progress = 0.0
            draft = maker.draft(request, occupied)
        if draft is not None:
            made = self._picture(draft, asked, final=False)
            whole = replace(request, mode=draft.mode)
            expected_ms = maker.expected_ms(whole)
            if made and request.moving and draft.camera.width < request.camera.width and expected_ms is not None:
                self._outbox.post(Estimated(request=whole, render_ms=expected_ms))
            if not made or request.moving or self._inbox.newer_until(asked.asked_s + STILL_S):
                return
        most_s = _TURN_S if self._inbox.has_jobs else _QUICK_S
        quick = None if asked.goes_on else maker.quick(request, occupied, 1e3 * most_s)
        if quick is not None:
            if not self._picture(quick, asked, final=False, most_s=most_s):
                self._inbox.leave(replace(asked, request=request))
                return
            self._outbox.progress = 0.0
        single = request
        if self._inbox.has_jobs and not request.moving:
            single = replace(request, quality=replace(request.quality, passes=1))
        if not self._picture(single, asked, final=True):
            self._inbox.leave(replace(asked, request=request))
            return
        if single != request:
            self._inbox.postpone(replace(asked, request=request))
        self.shortcomings.tell_fallbacks()
        if ahead and not self._inbox.picture_waits:
            renderer.prefetch(ahead, maker.views)
            renderer.make_ready(ahead, maker.views, request.mode, wanted=lambda: not (self._inbox.picture_waits or self._inbox.stopping))
        if request.frusta and not request.moving:
            self._show_captured(request.frame)

    def _show_captured(self, frame: int) -> None:
        """Post small pictures of the cameras, ever more of them, until something newer is asked for."""
        made: list[Thumbnail] = []
        posted_s, posted = time.monotonic(), 0
        for picture in self._maker.miniatures(frame):
            made.append(picture)
            if self._inbox.picture_waits or self._inbox.scene_waits or self._inbox.stopping:
                break
            if time.monotonic() - posted_s > _MINIATURES_S:
                self._outbox.post(Miniatures(frame=frame, pictures=tuple(made)))
                posted_s, posted = time.monotonic(), len(made)
        if len(made) > posted:
            self._outbox.post(Miniatures(frame=frame, pictures=tuple(made)))

    def _picture(self, request: RenderRequest, asked: Asked, *, final: bool, most_s: float = math.inf) -> bool:
        """Render one picture and post it; False when it was given up for a newer request: during motion after a while only, so that pictures appear.

        Args:
            most_s: after which it is given up, too.
        """
        began, patient = time.monotonic(), request.moving

        def go_on(fraction: float) -> bool:
            self._outbox.report(fraction)
            if final and not patient and self._inbox.has_jobs and time.monotonic() - began > _TURN_S:
                return False
            newer = self._inbox.picture_waits or self._inbox.scene_waits
            patience_s = _PLAYING_S if asked.coming and self._inbox.plays_on else _PATIENCE_S
            wanted = not newer or (patient and time.monotonic() - began < patience_s)
            if not wanted and patient and fraction > 0:
                self._outbox.post(Estimated(request=request, render_ms=1e3 * (time.monotonic() - began) / fraction))
            return wanted and not self._inbox.stopping and time.monotonic() - began < most_s

        def show(picture: DisplayBuffer) -> None:
            self._outbox.post(picture)
            self._shown()

        picture = self._maker.make(request, asked.asked_s, final=final, go_on=go_on, show=show)
        if picture is None:
            return False
        show(picture)
        return True
