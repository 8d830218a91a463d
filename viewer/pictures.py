"""Making the pictures of requests: how large a first draft is, what to do when memory does not suffice, bytes for the window.

Used by the render thread only. Importing it imports no torch.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from im4d_core.geometry import resized
from im4d_core.types import Camera
from viewer.captured import CapturedPictures
from viewer.cells import Cells, surface_cells
from viewer.handover import handed_over, in_host
from viewer.messages import DisplayBuffer, Failed
from viewer.renders import Canvas, GoOn, Renders, SoFar
from viewer.request import RenderRequest
from viewer.thumbnails import Thumbnail, Thumbnails
from viewer.values import Readable

if TYPE_CHECKING:
    from torch import Tensor

    from im4d_core.scene_renderer import SceneRenderer
    from im4d_core.tensors import Rendered

_OF_FRAMES = ("sources", "features", "occupancy", "density")  # stages that take as long whatever the size, and are kept
_QUICK_MS = 250.0  # a still picture that takes longer is preceded by a smaller one ...
_SLOW_MOTION_MS = 1000.0  # during motion the automatic scale does that, until it is hopelessly wrong
_DRAFT_MS = 80.0  # ... of about this time
_DRAFTS = (0.125, 0.5)  # least and greatest size of such a draft over the whole one
_FIRST_DRAFT = 0.25  # where no time is known yet
_LONG_MS = 1000.0  # a still picture that takes longer is made over the fast renderer's ...
_SHARE = 0.25  # ... where that takes at most such a part of its time
_SMALL_PIXELS = 128 * 128  # smaller pictures need no draft
_LEAST_CAP = 0.125  # below an eighth of the size a picture is not worth having
_FIRST_SHARE = 0.1  # of the work on a fast and a full picture, the first one's
_SHOW_S = 0.15  # how often an unfinished picture is shown: putting it over its draft takes time itself


@dataclass(frozen=True, kw_only=True)
class _Made:
    request: RenderRequest
    rendered: Rendered
    steady: bool
    complete: bool = True
    """Every pixel is of this request."""
    below: RenderRequest | None = None
    """What the other pixels are of."""


class PictureMaker:
    """Renders requests with one scene's renderer and remembers how long pictures take.

    Args:
        shares_memory: whether the window takes pictures in CUDA memory.
        tell: told when pictures become smaller for lack of memory.
    """

    def __init__(self, renderer: SceneRenderer, *, shares_memory: bool, tell: Callable[[Failed], None]) -> None:
        self._renderer = renderer
        self.shares_memory = shares_memory
        self._tell = tell
        self._cap = 1.0
        self._pixel_ms: dict[str, float] = {}
        self._typical: set[str] = set()  # renderers of which that is more than the time of their first picture
        self._renders = Renders(renderer)
        self._thumbnails = Thumbnails(renderer)
        self._all_views = Thumbnails(renderer)
        self._miniatures_of: int | None = None
        self._captured = CapturedPictures(renderer, tell)
        self._cells: Cells | None = None
        self._below: _Made | None = None  # the last complete picture; what is unfinished is shown over it

    def expected_ms(self, request: RenderRequest) -> float | None:
        """How long a picture of a frame that is in the caches should take; None before the first one of its renderer."""
        pixel_ms = self._pixel_ms.get(request.mode)
        return None if pixel_ms is None else pixel_ms * request.camera.width * request.camera.height

    def draft(self, request: RenderRequest, occupied: bool) -> RenderRequest | None:
        """What to show first: the fast renderer's picture of a full one, and a smaller one where the picture takes long.

        Returns:
            None where the picture itself comes soon enough, or a draft would improve nothing.
        """
        if self._renders.kept(request) is not None:
            return None
        draft = replace(request, mode="fast") if request.mode == "full" and occupied else request
        if draft.camera.width * draft.camera.height > _SMALL_PIXELS:
            expected_ms = self.expected_ms(draft)
            if expected_ms is None:
                draft = _scaled(draft, _FIRST_DRAFT)
            elif expected_ms > (_SLOW_MOTION_MS if request.moving else _QUICK_MS):
                draft = _scaled(draft, float(np.clip((_DRAFT_MS / expected_ms) ** 0.5, *_DRAFTS)))
        if draft is request or self._improves_nothing(draft):
            return None
        return _alone(draft)

    def quick(self, request: RenderRequest, occupied: bool, most_ms: float) -> RenderRequest | None:
        """What to show under a still picture while that is made: the fast renderer's at the same size.

        Args:
            most_ms: a picture that is known to take longer is not quick.

        Returns:
            None where the picture itself comes soon, or there is something as good.
        """
        if request.mode == "fast" or request.moving or not occupied or self._renders.kept(request) is not None:
            return None
        quick = _alone(replace(request, mode="fast"))
        quick_ms, whole_ms = (self.expected_ms(each) if each.mode in self._typical else None for each in (quick, request))
        slow = quick_ms is not None and quick_ms > most_ms
        soon = whole_ms is not None and (whole_ms < _LONG_MS or (quick_ms is not None and quick_ms > _SHARE * whole_ms))
        return None if slow or soon or self._improves_nothing(quick) else quick

    def make(self, request: RenderRequest, asked_s: float, *, final: bool, go_on: GoOn, show: Callable[[DisplayBuffer], None]) -> DisplayBuffer | None:
        """Render a request; None where `go_on` stopped it.

        Args:
            asked_s: when the user asked for it, by the monotonic clock.
            final: whether nothing better follows.
            go_on: as `SceneRenderer.render`'s progress.
            show: takes what can be seen before the end: a still picture tile by tile, and the mean of its passes so far.
        """
        still = final and not request.moving
        against = None if request.against in (None, "captured", "same") else request.against
        first = 1.0 if against is None else _FIRST_SHARE
        made = self._finished(request, still, lambda done: go_on(first * done), lambda so_far: show(self._buffer(so_far, asked_s, final=False)))
        if made is None or against is None:
            return None if made is None else self._buffer(made, asked_s, final=final)
        show(self._buffer(made, asked_s, final=False))
        other = self._finished(
            replace(request, mode=against),
            still,
            lambda done: go_on(first + (1.0 - first) * done),
            lambda so_far: show(self._buffer(made, asked_s, final=False, other=so_far.rendered, complete=so_far.complete)),
        )
        return None if other is None else self._buffer(made, asked_s, final=final, other=other.rendered)

    def _finished(self, request: RenderRequest, still: bool, go_on: GoOn, show: Callable[[_Made], None]) -> _Made | None:
        """One complete picture with all its passes; None where `go_on` stopped it. `show` takes what can be seen before."""
        kept = self._renders.kept(request)
        if kept is not None:
            return _Made(request=request, rendered=kept, steady=False)
        passes = request.quality.passes if still else 1
        made = self._render(request, lambda fraction: go_on(fraction / passes), self._tiles(request, show) if still else None)
        if made is None:
            return None
        spent_ms = sum(ms for stage, ms in made.rendered.milliseconds.items() if stage not in _OF_FRAMES)
        self._pixel_ms[made.request.mode] = spent_ms / (made.request.camera.width * made.request.camera.height)
        if made.steady:
            self._typical.add(made.request.mode)
        self._below = made
        if passes > 1:
            averaged = 1
            for mean in self._renders.passes(made.request, made.rendered, go_on):
                show(made)
                made, averaged = replace(made, rendered=mean), averaged + 1
            if averaged < passes:
                return None
        if still and made.request == request:
            self._renders.keep(request, made.rendered)
        return made

    def choose(self, request: RenderRequest) -> tuple[int, ...]:
        """The source views that will colour the picture of a request."""
        return self._renders.choose(request)

    @property
    def views(self) -> tuple[int, ...]:
        """The source views in use, which coming frames will need too."""
        return self._renders.views

    def miniatures(self, frame: int) -> Iterator[Thumbnail]:
        """Small pictures of all cameras, one after the other; none where those of the frame were all given before."""
        if frame == self._miniatures_of:
            return
        self._miniatures_of = None
        yield from self._all_views.each(frame, tuple(range(len(self._renderer.scene.cameras))))
        self._miniatures_of = frame

    def forget(self) -> None:
        """What pictures are made from has changed."""
        self._renders.forget()
        self._cells = None

    def _tiles(self, request: RenderRequest, show: Callable[[_Made], None]) -> Callable[[SoFar], None]:
        """Shows an unfinished picture over its draft, now and then."""
        below = self._below
        same = (
            below is not None
            and (below.request.frame, below.request.onward, below.request.crop, below.request.clip)
            == (request.frame, request.onward, request.crop, request.clip)
            and _same_view(below.request.camera, request.camera)
        )
        draft = below if same else None
        canvas = Canvas(None if draft is None else draft.rendered)
        shown_s = time.monotonic()

        def unfinished(so_far: SoFar) -> None:
            nonlocal shown_s
            if time.monotonic() - shown_s < _SHOW_S:
                return
            show(_Made(request=request, rendered=canvas.shown(*so_far()), steady=False, complete=False, below=None if draft is None else draft.request))
            shown_s = time.monotonic()

        return unfinished

    def _buffer(self, made: _Made, asked_s: float, *, final: bool, other: Rendered | None = None, complete: bool = True) -> DisplayBuffer:
        """A picture as the window takes it, with the one it is compared with: `other`, or the captured one where the request says so.

        Args:
            complete: whether the other one is.
        """
        began = time.monotonic()
        if made.request.against == "captured":
            other = self._captured.picture(made.request)
        elif made.request.against == "same":
            other = made.rendered
        solid = _solid_depth(made.rendered)
        rgba = self._pixels(made.request, made.rendered)
        other_rgba = None if other is None else self._pixels(replace(made.request, output=made.request.other_output), other)
        pixels, depth = handed_over(rgba, self.shares_memory), handed_over(solid, self.shares_memory)
        stages = (*made.rendered.milliseconds.items(), ("display", 1e3 * (time.monotonic() - began)))
        other_pixels = None if other_rgba is None else handed_over(other_rgba, self.shares_memory)
        readable = None
        if isinstance(pixels, np.ndarray) or (final and not made.request.moving):
            readable = Readable(pixels=in_host(pixels), depth=in_host(depth), other=None if other_pixels is None else in_host(other_pixels))
        return DisplayBuffer(
            request=made.request,
            pixels=pixels,
            depth=depth,
            source_views=made.rendered.source_views,
            renderer=made.rendered.renderer,
            stages_ms=stages,
            render_ms=sum(ms for _, ms in stages),
            asked_s=asked_s,
            latency_ms=1e3 * (time.monotonic() - asked_s),
            final=final,
            below=made.below,
            other_complete=complete,
            steady=made.steady,
            cells=self._cells_of(made.request.frame) if made.request.cells else None,
            thumbnails=self._thumbnails.of(made.request.frame, made.rendered.source_views) if made.request.thumbnails and final else (),
            other=other_pixels,
            psnr_db=self._psnr(made, other) if other is not None and made.complete and complete else None,
            readable=readable,
        )

    def _psnr(self, made: _Made, other: Rendered) -> float | None:
        """How like two pictures are where the frame's box is; None where they have not one pixel in common, or are one picture."""
        from im4d_core.metrics import psnr

        if made.request.against == "same":
            return None
        counted = self._captured.counted(made.request)
        if made.rendered.rgb.shape != other.rgb.shape or not bool(counted.any()):
            return None
        return psnr(made.rendered.rgb, other.rgb, counted)

    def _cells_of(self, frame: int) -> Cells | None:
        """The occupied cells of a frame, found once as long as it is shown."""
        if (self._cells is None or self._cells.frame != frame) and self._renderer.has_occupancy(frame):
            self._cells = surface_cells(frame, self._renderer.occupancy(frame))
        return self._cells if self._cells is not None and self._cells.frame == frame else None

    def _improves_nothing(self, draft: RenderRequest) -> bool:
        """Whether the last picture shows the same, at least as large."""
        last = None if self._below is None else self._below.request
        if last is None or last.camera.width < draft.camera.width:
            return False
        shown = ((r.frame, r.onward, r.output, r.background, r.quality, r.look, r.crop, r.clip) for r in (last, draft))
        same = next(shown) == next(shown)
        return same and _same_view(last.camera, draft.camera)

    def _render(self, wanted: RenderRequest, go_on: GoOn, unfinished: Callable[[SoFar], None] | None) -> _Made | None:
        """Render, smaller where the device's memory does not suffice."""
        import torch

        steady = wanted.mode in self._pixel_ms  # the first picture of a renderer loads and compiles
        while True:
            request = wanted if self._cap == 1.0 else _scaled(wanted, self._cap)
            try:
                rendered = self._renders.render(request, go_on, unfinished)
            except torch.OutOfMemoryError as error:
                details = traceback.format_exc()
                error.__traceback__ = None  # its frames hold the tensors that did not fit
                if not self._keep_less(details):
                    if self._cap <= _LEAST_CAP:
                        raise
                    self._shrink(details)
                steady = False
            else:
                return None if rendered is None else _Made(request=request, rendered=rendered, steady=steady)

    def _keep_less(self, details: str) -> bool:
        """Make room by keeping less of other frames; False where that was done before."""
        self._renders.forget()
        self._below = None
        if not self._renderer.keep_less():
            return False
        text = f"not enough memory on {self._renderer.device}: less is kept of the frames that were shown, so going back to them takes longer"
        self._tell(Failed(text=text, details=details, level="warning"))
        return True

    def _shrink(self, details: str) -> None:
        self._cap /= 2
        text = f"not enough memory on {self._renderer.device}: pictures are now made at {self._cap:.0%} of their size; open the scene again to reset"
        self._tell(Failed(text=text, details=details, level="warning"))

    def _pixels(self, request: RenderRequest, rendered: Rendered) -> UInt8[Tensor, "h w 4"]:
        """The picture as bytes."""
        from viewer.colormap import display_pixels

        return display_pixels(
            rendered,
            request.output,
            camera=request.camera,
            box=self._renderer.scene.box(request.frame),
            background=request.background,
            rendered_on=self._renderer.config.data.background,
            look=request.look,
        )


def _solid_depth(rendered: Rendered) -> Tensor:
    """Depth where a pixel shows something; haze has none worth picking or hiding a line behind."""
    import torch

    return torch.where(rendered.opacity >= 0.5, rendered.depth, 0.0)


def _alone(request: RenderRequest) -> RenderRequest:
    """The same without another renderer's picture to compare it with. What was captured and other outputs stay: they are there at once."""
    return request if request.against in ("captured", "same") else replace(request, against=None)


def _scaled(request: RenderRequest, size: float) -> RenderRequest:
    """The same view in a smaller picture."""
    camera = request.camera
    smaller = resized(camera, max(1, round(camera.width * size)), max(1, round(camera.height * size)))
    return replace(request, camera=smaller, scale=request.scale * size)


def _same_view(one: Camera, other: Camera) -> bool:
    """Whether two cameras differ in size only; 1e-9: rounding of the intrinsics of resized ones."""
    axes = [camera.K[:2, 2] / [camera.width, camera.height] for camera in (one, other)]
    lens = abs(one.fov_y_deg - other.fov_y_deg) < 1e-9 and np.allclose(*axes, rtol=0.0, atol=1e-9)
    return lens and np.array_equal(one.T_camera_world, other.T_camera_world)
