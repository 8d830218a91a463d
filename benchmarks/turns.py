"""Timing several ways to draw fairly: they take turns in blocks, so that clocks that drift hit all alike."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from rich.progress import track

from benchmarks.table import Cell
from benchmarks.variants import Draw, Variant
from im4d_core.types import Camera


def take_turns(variants: Sequence[Variant], draws: Sequence[Draw], cameras: Sequence[Camera], rounds: int, slow_block: int, title: str) -> None:
    """Fills the variants' times.

    Args:
        draws: how each makes a picture.
        rounds: turns of each; one more warms up.
        slow_block: pictures of a turn where PyTorch makes them; others make one of every camera.
    """
    for variant in variants:
        variant.milliseconds.clear()
        variant.wall_ms.clear()
    for turn in track(range(-1, rounds), description=title):
        for variant, draw in zip(variants, draws, strict=True):
            cuda = variant.renderer.device.type == "cuda"
            quick = variant.way == "kernels" or (not cuda and variant.mode == "fast")
            spent, wall = _block(draw, cameras if quick else cameras[:slow_block], cuda)
            if turn >= 0:
                variant.milliseconds += spent
                variant.wall_ms.append(wall)


def spent(variant: Variant) -> dict[str, Cell]:
    """What its pictures took."""
    median, p5, p95, p99 = (float(np.percentile(variant.milliseconds, q)) for q in (50, 5, 95, 99))
    return {"median ms": median, "p5": p5, "p95": p95, "p99": p99, "wall ms": float(np.median(variant.wall_ms)), "pictures": len(variant.milliseconds)}


def _block(draw: Draw, cameras: Sequence[Camera], cuda: bool) -> tuple[list[float], float]:
    """Milliseconds of each picture, and of all together over their number by the host's clock."""
    began = time.perf_counter()
    if not cuda:
        times = []
        for camera in cameras:
            start = time.perf_counter()
            draw(camera)
            times.append(1e3 * (time.perf_counter() - start))
        return times, 1e3 * (time.perf_counter() - began) / len(cameras)
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in cameras]
    for camera, (before, after) in zip(cameras, events, strict=True):
        before.record()
        draw(camera)
        after.record()
    torch.cuda.synchronize()
    return [before.elapsed_time(after) for before, after in events], 1e3 * (time.perf_counter() - began) / len(cameras)
