"""Jumps to time steps that are in no cache of the program's, through the window's render thread: from the key to the finished picture, by stage.

python -m benchmarks.scrub SCENE

The scene is opened anew whenever every frame was visited once, and nothing is prefetched, so every jump reads its files, decodes, encodes, bakes and
renders. The window itself is not there: what it adds is its own frame (docs/viewer.md). The files may lie in the system's cache, unless `--cold-files`
asks the system to drop them first.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path

import im4d_core  # noqa: F401 - before torch, which reads at its import how OpenMP's threads are to wait  # isort: skip
import numpy as np
import tyro
from rich.progress import track

from benchmarks.setup import Setup
from benchmarks.table import Cell, report
from im4d_core.types import Scene
from viewer.messages import DisplayBuffer

_WHOLE, _WAITING = "key to picture", "waiting for the thread"


@dataclass(frozen=True, kw_only=True)
class Options(Setup):
    """Jumps about in a run."""

    jumps: int = 100
    """How many."""
    cold_files: bool = False
    """Ask the system to forget the files of a frame before the jump (Linux)."""
    output: Path = Path("benchmarks/results/scrub.json")
    """Where the figures are written."""


def main(options: Options) -> None:
    chance = random.Random(0)
    spent: dict[str, list[float]] = {}
    smaller = 0
    with options.thread() as thread:
        scene = thread.scene
        (camera,) = options.cameras(scene, scene.frames[0], 1)
        if len(scene.frames) < 2:
            raise SystemExit(f"{scene.name}: one frame only, there is nowhere to jump to")
        left: list[int] = []
        for _ in track(range(options.jumps), description="jumping"):
            if not left:
                first, *left = chance.sample(scene.frames, len(scene.frames))
                thread.reopen()
                thread.show(thread.request(camera, first, moving=False))  # loads and compiles
            frame = left.pop()
            if options.cold_files:
                _forget_files(scene, frame)
            thread.rest()
            picture = thread.show(thread.request(camera, frame))
            smaller += picture.request.camera.width < camera.width
            for stage, ms in _stages(picture):
                spent.setdefault(stage, []).append(ms)
        made = options.title(thread)
    rows: list[dict[str, Cell]] = [{"stage": stage, **_summary(values)} for stage, values in spent.items()]
    files = "files dropped from the system's cache" if options.cold_files else "files may be in the system's cache"
    if smaller:
        print(f"{smaller} of {options.jumps} pictures were made smaller, as the window does where whole ones take long")
    report(f"Jumps to cold frames through the render thread: {made}; {files}", rows, options.output)


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
    main(tyro.cli(Options))
