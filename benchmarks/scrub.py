"""Jumps to time steps that are in no cache of the program's, through the window's render thread: from the key to the finished picture, by stage.

python -m benchmarks.scrub SCENE

The scene is opened anew whenever every frame was visited once, and nothing is prefetched, so every jump reads its files, decodes, encodes, bakes and
renders. The window itself is not there: what it adds is its own frame (docs/viewer.md). The files may lie in the system's cache, unless `--cold-files`
asks the system to drop them first.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Annotated

import im4d_core  # noqa: F401 - before torch, which reads at its import how OpenMP's threads are to wait  # isort: skip
import numpy as np
import tyro
from rich.progress import track

from benchmarks.orbit import orbit
from benchmarks.render_thread import RenderThread, opener_with
from benchmarks.table import Cell, report
from im4d_core.types import Scene
from viewer.messages import DisplayBuffer

_WHOLE, _WAITING = "key to picture", "waiting for the thread"


def main(
    run: Annotated[Path, tyro.conf.Positional],
    *,
    views: int = 4,
    size: str = "1920x1080",
    jumps: int = 100,
    cold_files: bool = False,
    device: str = "auto",
    output: Path = Path("benchmarks/results/scrub.json"),
) -> None:
    """Jumps about in a run.

    Args:
        run: run folder or exported scene.
        views: source views of a picture; 0 for all that the scene has.
        size: width x height.
        jumps: how many.
        cold_files: ask the system to forget the files of a frame before the jump (Linux).
        device: auto, cpu, cuda or cuda:N.
        output: where the figures are written.
    """
    width, height = (int(side) for side in size.split("x"))
    chance = random.Random(0)
    spent: dict[str, list[float]] = {}
    smaller = 0
    with RenderThread(run, device=device, opener=opener_with(views)) as thread:
        scene = thread.scene
        camera = next(orbit(scene, scene.frames[0], width, height, 1))
        if len(scene.frames) < 2:
            raise SystemExit(f"{scene.name}: one frame only, there is nowhere to jump to")
        left: list[int] = []
        for _ in track(range(jumps), description="jumping"):
            if not left:
                first, *left = chance.sample(scene.frames, len(scene.frames))
                thread.reopen()
                thread.show(thread.request(camera, first, moving=False))  # loads and compiles
            frame = left.pop()
            if cold_files:
                _forget_files(scene, frame)
            thread.rest()
            picture = thread.show(thread.request(camera, frame))
            smaller += picture.request.camera.width < width
            for stage, ms in _stages(picture):
                spent.setdefault(stage, []).append(ms)
        made = f"{scene.name}, {size}, {views or len(scene.source_views)} source views, {thread.renderer}"
    rows: list[dict[str, Cell]] = [{"stage": stage, **_summary(values)} for stage, values in spent.items()]
    files = "files dropped from the system's cache" if cold_files else "files may be in the system's cache"
    if smaller:
        print(f"{smaller} of {jumps} pictures were made smaller, as the window does where whole ones take long")
    report(f"Jumps to cold frames through the render thread: {made}; {files}", rows, output)


def _stages(picture: DisplayBuffer) -> list[tuple[str, float]]:
    """The whole and its parts: what the renderer timed, and the rest."""
    return [(_WHOLE, picture.latency_ms), *picture.stages_ms, (_WAITING, picture.latency_ms - picture.render_ms)]


def _summary(milliseconds: list[float]) -> dict[str, Cell]:
    median, p95, p99 = (float(np.percentile(milliseconds, q)) for q in (50, 95, 99))
    return {"jumps": len(milliseconds), "median ms": median, "p95 ms": p95, "p99 ms": p99}


def _forget_files(scene: Scene, frame: int) -> None:
    """Asks the system to drop what it holds of a frame's files."""
    for view in scene.source_views:
        for path in (scene.image_path(view, frame), scene.mask_path(view, frame)):
            if path is None:
                continue
            file = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(file)


if __name__ == "__main__":
    tyro.cli(main)
