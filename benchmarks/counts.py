"""How many samples a picture takes at each stage, and how much GPU memory: speed means nothing without them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks.table import Cell
from benchmarks.variants import Variant
from im4d_core import kernels
from im4d_core.render.rays import all_pixels, picture_rays
from im4d_core.types import Camera

_MIB = 2**20
_RAYS = 1 << 17

EMPTY: dict[str, Cell] = dict.fromkeys(("rays %", "before/ray", "after/ray", "shaded/ray", "coverage %", "GPU MiB"))
"""Per ray that meets an occupied cell (full renderer: the box): density samples that lie there, those that are evaluated until the ray ends, and those
that are shaded. Rays and coverage (pixels that are at least half opaque) are of the whole picture."""


def counted(variant: Variant, camera: Camera, frame: int, views: tuple[int, ...]) -> dict[str, Cell]:
    """The counts of one picture, and the memory that a frame and its picture take beside the model, the peak of making both from nothing."""
    renderer = variant.renderer
    pixels = camera.width * camera.height
    made = renderer.render(camera, frame, variant.mode, views=views)
    assert made is not None  # nobody cancels
    rays, before = (int((made.samples > 0).sum()), int(made.samples.sum())) if variant.mode == "full" else _occupied(variant, camera, frame)
    with _shading(variant) as shaded:
        draw, painter = variant.drawing(frame, views, camera)
        draw(camera)
    per_ray = 1.0 / max(rays, 1)
    return {
        "rays %": 100.0 * rays / pixels,
        "before/ray": before * per_ray,
        "after/ray": (before if variant.way == "nerfacc" else float(made.samples.sum())) * per_ray,
        "shaded/ray": (shaded() if painter is None else painter.counts()[0]) * per_ray,
        "coverage %": 100.0 * float((made.opacity >= 0.5).float().mean()),
        "GPU MiB": _memory(variant, camera, frame, views),
    }


def _occupied(variant: Variant, camera: Camera, frame: int) -> tuple[int, int]:
    """Rays that meet an occupied cell, and the samples on them if none of them ended."""
    renderer = variant.renderer
    method, occupancy = renderer.config.method, renderer.occupancy(frame)
    step = float((occupancy.box[1] - occupancy.box[0]).norm()) / renderer.config.fast.steps
    rays = samples = 0
    for part in all_pixels(camera, renderer.device).split(_RAYS):
        lines = picture_rays(camera, part, occupancy.box.numpy(), method.times.time(frame), pixel_offset=method.pixel_offset, slab=False)
        ray, _ = kernels.lattice_samples(lines.origins[0], lines.directions[0], lines.near[0], lines.far[0], occupancy.distance, occupancy.corners, step)
        rays, samples = rays + len(ray.unique_consecutive()), samples + len(ray)
    return rays, samples


@contextmanager
def _shading(variant: Variant) -> Iterator[Callable[[], int]]:
    """Counts the points whose colour the method is asked for meanwhile."""
    method, count = variant.renderer.method, 0
    color = method.color

    def counting(points: Tensor, directions: Tensor, context) -> Tensor:
        nonlocal count
        count += points.shape[0] * points.shape[1]
        return color(points, directions, context)

    with patch.object(method, "color", counting):
        yield lambda: count


def _memory(variant: Variant, camera: Camera, frame: int, views: tuple[int, ...]) -> float | None:
    if variant.renderer.device.type != "cuda":
        return None
    variant.rules.forget()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    draw, _ = variant.drawing(frame, views, camera)
    draw(camera)
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / _MIB
