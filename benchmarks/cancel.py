"""How soon a picture that is being made stops when a newer one is asked for: from the request to the render thread's being free.

python -m benchmarks.cancel [RUN] [--size WIDTHxHEIGHT]
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from benchmarks.render_thread import RenderThread
from benchmarks.table import ROOT, durations, report
from viewer.offline import first_request
from viewer.request import RenderRequest
from viewer.worker import open_scene_renderer

_LONGEST_S = 120.0  # for each renderer
_WITHIN_S = {"full": 0.7, "fast": 0.1}  # interruptions fall within this time: drafts and pictures alike
_NEW_WITHIN_S = 1.0  # the same where a frame is decoded, encoded and baked before


@dataclass(frozen=True, kw_only=True)
class Options:
    """Interrupts still pictures at random moments."""

    run: tyro.conf.Positional[Path] = ROOT / "assets" / "demo"
    """Folder of a run or of an exported scene."""
    size: Annotated[tuple[int, int], tyro.conf.arg(metavar="WIDTH HEIGHT")] = (1180, 664)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    count: int = 30
    """Interruptions of each renderer, of a frame that was shown before and of one that was not."""
    json: Path = ROOT / "benchmarks" / "results" / "cancel.json"


def main(options: Options) -> None:
    stopped: list[float] = []

    def opener(source: Path, device: str):
        renderer = open_scene_renderer(source, device)
        render = renderer.render

        def watched(*args, **named):
            made = render(*args, **named)
            if made is None:
                if renderer.device.type == "cuda":
                    import torch

                    torch.cuda.synchronize()  # free only when the device is
                stopped.append(time.monotonic())
            return made

        renderer.render = watched
        return renderer

    with RenderThread(options.run, device=options.device, opener=opener) as thread:
        rows = []
        for mode in ("full", "fast"):
            wanted = first_request(thread.scene, camera=None, frame=None, width=options.size[0], height=options.size[1], mode=mode)
            for frame in ("shown before", "new"):
                rows.append({"renderer": mode, "frame": frame, **_interrupted(thread, wanted, stopped, options.count, new=frame == "new")})
    report(f"From a newer request to a free render thread, {options.size[0]} x {options.size[1]}", rows, options.json)


def _interrupted(thread: RenderThread, wanted: RenderRequest, stopped: list[float], count: int, *, new: bool) -> dict[str, str | int | float | None]:
    """Times of so many interruptions.

    Args:
        new: whether the scene is opened anew before each, so that its frame is in no cache.
    """
    chance = random.Random(0)
    times: list[float] = []
    worker = thread.worker
    small = replace(wanted, camera=replace(wanted.camera, width=8, height=8), mode="fast", moving=True)
    deadline = time.monotonic() + _LONGEST_S
    while len(times) < count and time.monotonic() < deadline:
        if new:
            thread.reopen()
        stopped.clear()
        pose = wanted.camera.T_camera_world.copy()
        pose[0, 3] += 1e-4 * chance.random()  # another picture each time: one that was stopped would go on where it was
        worker.submit(replace(wanted, camera=replace(wanted.camera, T_camera_world=pose)))
        began = time.monotonic()
        thread.wait(lambda began=began: (worker.busy and (new or worker.progress > 0.0) and worker.progress < 1.0) or time.monotonic() - began > 5.0)
        time.sleep((_NEW_WITHIN_S if new else _WITHIN_S[wanted.mode]) * chance.random())
        if not (worker.busy and worker.progress < 1.0):
            continue
        asked = time.monotonic()
        worker.submit(small)
        thread.wait(lambda: not worker.busy)
        if stopped:
            times.append(1e3 * (stopped[0] - asked))
    if not times:
        return {"interruptions": 0, "median ms": None, "p95 ms": None, "longest ms": None}
    found = durations(times)
    return {"interruptions": found.count, "median ms": found.median_ms, "p95 ms": found.p95_ms, "longest ms": max(times)}


if __name__ == "__main__":
    main(tyro.cli(Options))
