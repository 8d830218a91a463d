"""Small pictures of what cameras of the capture saw: the source views in use, and all of them for their frusta.

Made in the render thread; importing this imports no torch.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

if TYPE_CHECKING:
    from im4d_core.scene_renderer import SceneRenderer

_log = logging.getLogger(__name__)
_HEIGHT = 144  # pixels: twice what a usual screen shows, so that dense ones look sharp
_WIDEST = 4  # times the height


@dataclass(frozen=True, kw_only=True, eq=False)
class Thumbnail:
    """One view at one frame."""

    view: int
    frame: int
    pixels: UInt8[np.ndarray, "h w 4"]


class Thumbnails:
    """Makes the small pictures of a scene and keeps those that were asked for last."""

    def __init__(self, renderer: SceneRenderer) -> None:
        self._renderer = renderer
        self._made: dict[int, Thumbnail] = {}

    def of(self, frame: int, views: tuple[int, ...]) -> tuple[Thumbnail, ...]:
        """The small pictures of views, read anew where another frame is shown."""
        self._keep(frame, views)
        for view in views:
            if view not in self._made:
                self._made[view] = Thumbnail(view=view, frame=frame, pixels=self._small(frame, view))
        return tuple(self._made[view] for view in views)

    def each(self, frame: int, views: tuple[int, ...]) -> Iterator[Thumbnail]:
        """The same one after the other; who stops here finds what is made again. A camera whose picture cannot be read is left out."""
        self._keep(frame, views)
        for view in views:
            if view not in self._made:
                try:
                    self._made[view] = Thumbnail(view=view, frame=frame, pixels=self._small(frame, view))
                except (OSError, ValueError) as error:  # an exported scene has the pictures that colour comes from, and no others
                    _log.debug("camera %d has no small picture at frame %d: %s", view, frame, error)
                    continue
            yield self._made[view]

    def _keep(self, frame: int, views: tuple[int, ...]) -> None:
        self._made = {view: made for view, made in self._made.items() if made.frame == frame and view in views}

    def _small(self, frame: int, view: int) -> UInt8[np.ndarray, "h w 4"]:
        import torch
        import torch.nn.functional as F

        image = self._renderer.loader.get(frame, [view])[0].image
        height = min(_HEIGHT, image.shape[0])
        width = min(max(1, round(image.shape[1] * height / image.shape[0])), _WIDEST * height)
        small = F.interpolate(image.permute(2, 0, 1)[None].float(), size=(height, width), mode="area")[0].permute(1, 2, 0)
        return torch.cat([small.round().byte(), torch.full_like(small[..., :1], 255, dtype=torch.uint8)], dim=-1).cpu().numpy()
