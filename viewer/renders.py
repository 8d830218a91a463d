"""Rendering a request with one scene's renderer: source views that do not flicker, live quality, averaged passes, finished pictures kept for a while,
and the last one that was not finished, to go on with.

Used by the render thread only. Importing it imports no torch.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from im4d_core.types import Camera
from viewer.request import RenderRequest

if TYPE_CHECKING:
    from torch import Tensor, device

    from im4d_core.canvas import Begun
    from im4d_core.scene_renderer import SceneRenderer
    from im4d_core.tensors import Rendered

GoOn = Callable[[float], bool]
SoFar = Callable[[], "tuple[Rendered, int]"]
_KEPT = 3  # finished pictures; at 1920 x 1080 one takes 50 MB
_AHEAD = 2  # tiles that a GPU may have in its queue: they cannot be called back


class Renders:
    """Renders requests and remembers what makes the next one better: the source views in use, and pictures that are complete."""

    def __init__(self, renderer: SceneRenderer) -> None:
        self._renderer = renderer
        self._kept: OrderedDict[tuple[object, ...], Rendered] = OrderedDict()
        self._stopped: tuple[tuple[object, ...], Begun] | None = None  # what it is of, and the picture
        self.views: tuple[int, ...] = ()
        """The source views of the last picture."""

    def choose(self, request: RenderRequest) -> tuple[int, ...]:
        """The source views of a request's picture: those in use, for as long as no others are clearly better."""
        from im4d_core.methods.source_views import choose_views

        previous = self.views if request.steady else ()
        self.views = choose_views(self._renderer.scene, request.camera, self._renderer.config.views, request.hidden, previous)
        return self.views

    def kept(self, request: RenderRequest) -> Rendered | None:
        """The complete picture of a request, where it was made a moment ago; how it is displayed does not matter."""
        rendered = self._kept.get(request.view_key)
        if rendered is not None:
            self.views = rendered.source_views  # what is shown is what the next picture follows
        return rendered

    def keep(self, request: RenderRequest, rendered: Rendered) -> None:
        self._kept[request.view_key] = rendered
        self._kept.move_to_end(request.view_key)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def forget(self) -> None:
        """Drop the pictures: memory is short, or what they were made from has changed."""
        self._kept.clear()
        self._stopped = None

    def render(self, request: RenderRequest, go_on: GoOn, unfinished: Callable[[SoFar], None] | None = None) -> Rendered | None:
        """One picture; None where `go_on` stopped it. One that is shown before it is finished goes on where it was stopped, if it was the last.

        Args:
            unfinished: as `SceneRenderer.render`'s.
        """
        renderer, quality, views = self._renderer, request.quality, self.choose(request)
        begun = None if unfinished is None else self._begun((*replace(request, quality=replace(quality, passes=1)).view_key, views))
        with renderer.tuned(quality.sampling(renderer.config.sampling), quality.fast(renderer.config.fast)):
            rendered = renderer.render(
                request.camera,
                request.frame,
                request.mode,
                onward=request.onward,
                hidden=request.hidden,
                crop=None if request.crop is None else np.array(request.crop),
                clip=request.clip,
                hurried=request.moving,
                views=views,
                progress=_in_step(go_on, renderer.device),
                unfinished=unfinished,
                begun=begun,
            )
        if rendered is not None and begun is not None:
            self._stopped = None
        return rendered

    def _begun(self, of: tuple[object, ...]) -> Begun:
        """The picture that was stopped last, where it is this one; otherwise a new one takes its place."""
        from im4d_core.canvas import Begun

        if self._stopped is None or self._stopped[0] != of:
            self._stopped = of, Begun()
        return self._stopped[1]

    def passes(self, request: RenderRequest, first: Rendered, go_on: GoOn) -> Iterator[Rendered]:
        """The means of the first picture and ever more like it; ends early where `go_on` stops it."""
        from im4d_core.passes import means

        return means(first, request.camera, request.quality.passes, self._pass(request, go_on))

    def complete(self, request: RenderRequest, go_on: GoOn) -> Rendered | None:
        """One picture with all its passes; None where `go_on` stopped it."""
        from im4d_core.passes import averaged

        return averaged(request.camera, request.quality.passes, self._pass(request, go_on))

    def _pass(self, request: RenderRequest, go_on: GoOn) -> Callable[[Camera, int], Rendered | None]:
        count = request.quality.passes
        return lambda camera, i: self.render(replace(request, camera=camera), lambda fraction: go_on((i + fraction) / count))


class Canvas:
    """A picture that is being made, over the draft before it, which may be smaller. Each part is copied once, since this happens between tiles.

    Args:
        draft: what is seen where nothing is done yet; None: the background.
    """

    def __init__(self, draft: Rendered | None) -> None:
        self._draft = draft
        self._whole: Rendered | None = None
        self._done = 0

    def shown(self, picture: Rendered, pixels: int) -> Rendered:
        """The picture so far, of which the first pixels, row by row, are done."""
        if self._draft is None:
            return picture
        if self._whole is None:
            self._whole = _enlarged(self._draft, *picture.opacity.shape)
        whole, part = self._whole, slice(self._done, pixels)
        for canvas, made in ((whole.rgb, picture.rgb), (whole.opacity, picture.opacity), (whole.depth, picture.depth), (whole.samples, picture.samples)):
            canvas.flatten(0, 1)[part] = made.flatten(0, 1)[part]
        self._done = pixels
        return replace(whole, source_views=picture.source_views)


def _enlarged(draft: Rendered, height: int, width: int) -> Rendered:
    """A copy of a draft at the size of a picture."""
    import torch.nn.functional as F

    def nearest(values: Tensor) -> Tensor:
        """Between two texels depth would lie on no surface."""
        return F.interpolate(values[None, None].float(), size=(height, width), mode="nearest")[0, 0].to(values.dtype).clone()

    rgb = F.interpolate(draft.rgb.permute(2, 0, 1)[None], size=(height, width), mode="bilinear")[0].permute(1, 2, 0).contiguous().clone()
    return replace(draft, rgb=rgb, opacity=nearest(draft.opacity), depth=nearest(draft.depth), samples=nearest(draft.samples), display=None)


def _in_step(go_on: GoOn, at: device) -> GoOn:
    """Keep the host only a few tiles ahead of a GPU, so that stopping stops the device as well."""
    if at.type != "cuda":
        return go_on
    import torch

    queued: deque[torch.cuda.Event] = deque()

    def in_step(fraction: float) -> bool:
        event = torch.cuda.Event()
        event.record()
        queued.append(event)
        if len(queued) > _AHEAD:
            queued.popleft().synchronize()
        return go_on(fraction)

    return in_step
