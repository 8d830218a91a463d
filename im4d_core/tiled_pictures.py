"""Pictures tile by tile, by PyTorch or the kernels of a CPU: they can be stopped between two tiles, shown before they are finished, and gone on with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from im4d_core import kernels
from im4d_core.canvas import Begun, Canvas
from im4d_core.config import RunConfig
from im4d_core.kernels.bricks import Bricks
from im4d_core.methods.base import Method
from im4d_core.render import fast, full
from im4d_core.render.inside import Inside
from im4d_core.render.occupancy import Occupancy, around
from im4d_core.render.rays import all_pixels, cut, picture_rays, subset
from im4d_core.stage_clock import StageClock
from im4d_core.tensors import Context, Rays, Rendered, Traced
from im4d_core.tiles import rays_at_once
from im4d_core.types import Camera, RenderMode


@dataclass(frozen=True, kw_only=True)
class Matter:
    """What there is to see at a moment, and what is known of where it is."""

    moment: float
    """In frames."""
    box: Float[np.ndarray, "2 3"]
    inside: Inside | None
    """The hulls, which full pictures look into."""
    occupancy: Occupancy | None
    """None makes it a full picture."""
    cropped: Occupancy | None
    """The occupied cells inside the crop box; None shows all."""
    bricks: Bricks | None
    """Baked density; None evaluates the field at every sample."""


def tiled_picture(
    method: Method,
    camera: Camera,
    mode: RenderMode,
    context: Context,
    views: tuple[int, ...],
    matter: Matter,
    config: RunConfig,
    clock: StageClock,
    *,
    sparse: bool,
    crop: Float[np.ndarray, "2 3"] | None,
    clip: tuple[float, float] | None,
    progress: Callable[[float], bool] | None,
    unfinished: Callable[[Callable[[], tuple[Rendered, int]]], None] | None,
    begun: Begun | None,
) -> Rendered | None:
    """One picture; None where it was cancelled.

    Args:
        context: the source views `views`, encoded.
        sparse: whether the model was trained within hulls, so that most rays meet little.
        crop, clip, progress, unfinished, begun: as `SceneRenderer.render`'s.
    """
    occupancy, bricks, device = matter.occupancy, matter.bricks, context.texels.device
    slab = config.sampling.slab and occupancy is None
    time = config.method.times.time(matter.moment)
    rays = picture_rays(camera, all_pixels(camera, device), matter.box, time, pixel_offset=config.method.pixel_offset, slab=slab)
    rays = cut(rays, crop if crop is None or occupancy is None else around(occupancy, crop), clip)
    hit = (rays.far[0] > rays.near[0]).nonzero().squeeze(-1)
    compiled = device.type == "cpu" and bricks is not None and kernels.cpu.ready()
    former = begun or Begun()
    done, left = former.rays, hit[former.rays :]
    tiles = left.split(rays_at_once(mode, config.sampling.chunk, sparse=sparse, gpu=device.type == "cuda", compiled=compiled)) if len(left) else ()
    background = torch.tensor(config.data.background, device=device)
    canvas = former.canvas or Canvas(camera.width, camera.height, background)
    made_by = f"{'full' if occupancy is None else 'exact' if bricks is None else 'baked'}, {'CPU kernels' if compiled else 'PyTorch'}"
    clock.mark("rays")
    for tile in tiles:
        if progress is not None and not progress(done / len(hit)):
            if begun is not None:
                clock.mark(mode)
                begun.stop(canvas, done, clock.milliseconds())
            return None
        if unfinished is not None and done:
            unfinished(lambda first=tile: (canvas.picture(views, made_by, {}), int(first[0])))
        canvas.put(tile, _traced(method, subset(rays, tile), context, matter, config, background))
        done += len(tile)
    clock.mark(mode)
    return canvas.picture(views, made_by, former.with_former(clock.milliseconds()))


def _traced(method: Method, rays: Rays, context: Context, matter: Matter, config: RunConfig, background: Tensor) -> Traced:
    occupancy = matter.cropped or matter.occupancy
    if occupancy is None:
        return full.trace(method, rays, context, config.sampling, background=background, inside=matter.inside).traced
    return fast.trace(method, rays, context, occupancy, config.fast, background=background, bricks=matter.bricks)
