"""Playing a scene from disk while the camera orbits: pictures a second, frames dropped at the capture's rate, and where the time of a frame goes.

python -m benchmarks.playback SCENE --views 8

The scene is opened anew for every round, so that no cache of the program's holds a frame before it is played; the files may lie in the system's cache.
The first two rows are the window's render thread with its decoders, its prefetching and its preparation of coming frames: keeping to the clock, which
drops frames, and showing every frame as soon as it can. Their stages are what was left to do when a frame was asked for. The other rows do the work of
a frame alone: every stage after the other, and decoding only.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import im4d_core  # noqa: F401 - before torch, which reads at its import how OpenMP's threads are to wait  # isort: skip
import numpy as np
import torch
import tyro
from rich.progress import track

from benchmarks.render_thread import RenderThread
from benchmarks.setup import Setup
from benchmarks.table import Cell, report
from im4d_core.methods.source_views import choose_views, cropped_to_mask
from im4d_core.scene_renderer import SceneRenderer
from im4d_core.stage_clock import StageClock
from im4d_core.types import Camera
from viewer.messages import DisplayBuffer
from viewer.serving import AHEAD

_STAGES = {"wait for decoding": ("sources",), "upload": ("upload",), "features": ("features",), "bake": ("density", "occupancy")}
_REST = "render"
_TICK_S = 0.001


@dataclass
class Played:
    """What was shown of so many frames."""

    asked: int = 0
    seconds: float = 0.0
    pictures: list[DisplayBuffer] = field(default_factory=list)
    smaller: int = 0
    """Pictures that the window would show smaller than asked for, because whole ones take long."""


@dataclass(frozen=True, kw_only=True)
class Options(Setup):
    """Plays a run."""

    views: int = 8
    rate: float = 0.0
    """Frames a second; the capture's when 0."""
    rounds: int = 3
    """The scene is played so many times."""
    frames: int = 0
    """Play the first so many frames only; all when 0."""
    orbit_s: float = 10.0
    """Seconds of one turn of the camera, at the rate."""
    output: Path = Path("benchmarks/results/playback.json")
    """Where the figures are written."""


def main(options: Options) -> None:
    with options.thread() as thread:
        scene = thread.scene
        rate = options.rate or scene.fps
        played = scene.frames[: options.frames or None]
        cameras = options.cameras(scene, played[0], max(round(options.orbit_s * rate), 1))
        on_time, fastest = Played(), Played()
        for _ in track(range(options.rounds), description="playing"):
            _play(thread, played, cameras, rate, on_time)
            _play(thread, played, cameras, None, fastest)
        title = options.title(thread)
    renderer = options.renderer()
    try:
        alone = _stages(renderer, played, cameras)
    finally:
        renderer.close()
    renderer = options.renderer()  # its decoders have read nothing yet
    try:
        decoding = _decoding(renderer, played, cameras[0])
    finally:
        renderer.close()
    rows = [
        _row(f"at {rate:g} frames/s", on_time),
        _row("as fast as it goes", fastest),
        {**_EMPTY, "playback": "one stage after the other", "frames": len(played), "frames/s": 1e3 / max(sum(alone.values()), 1e-9), **_named(alone)},
        {**_EMPTY, "playback": "decoding only", **decoding},
    ]
    report(f"{title}, on {renderer.device}", rows, options.output)


_EMPTY: dict[str, Cell] = {
    **dict.fromkeys(("playback", "frames", "frames/s", "dropped", "smaller", "median ms", "p95 ms")),
    **dict.fromkeys((*_STAGES, _REST)),
    "pictures decoded/s": None,
}


def _play(thread: RenderThread, frames: tuple[int, ...], cameras: list[Camera], rate: float | None, played: Played) -> None:
    """Plays the scene once from its first frame, which is on the screen already.

    Args:
        rate: of the clock; None waits for every picture.
    """
    thread.reopen()
    thread.show(thread.request(cameras[0], frames[0], moving=False))
    thread.rest()
    thread.pictures(0.0)
    asked = [thread.request(cameras[i % len(cameras)], frame) for i, frame in enumerate(frames)]
    began, last, shown = time.monotonic(), len(frames) - 1, {0}
    here = 0
    while here < last or (rate is not None and time.monotonic() - began < len(frames) / rate):
        wanted = here + 1 if rate is None else min(int((time.monotonic() - began) * rate), last)
        if wanted > here:
            here = wanted
            coming = frames[here + 1 :]
            if rate is None:
                pictures = [thread.show(asked[here], coming=coming)]
            else:
                thread.worker.submit(asked[here], coming=coming)
                pictures = []
        else:
            pictures = thread.pictures(_TICK_S)
        for picture in pictures:
            index = frames.index(picture.request.frame)
            if index not in shown:
                shown.add(index)
                played.pictures.append(picture)
                played.smaller += picture.request.camera.width < cameras[0].width
    played.asked += last
    played.seconds += time.monotonic() - began


def _row(name: str, played: Played) -> dict[str, Cell]:
    stages: dict[str, float] = {}
    for picture in played.pictures:
        for stage, ms in picture.stages_ms:
            stages[stage] = stages.get(stage, 0.0) + ms / len(played.pictures)
    latencies = [picture.latency_ms for picture in played.pictures]
    return {
        **_EMPTY,
        "playback": name,
        "frames": played.asked,
        "frames/s": len(played.pictures) / played.seconds,
        "dropped": played.asked - len(played.pictures),
        "smaller": played.smaller,
        "median ms": float(np.median(latencies)) if latencies else None,
        "p95 ms": float(np.percentile(latencies, 95)) if latencies else None,
        **_named(stages),
        "upload": None,  # it is enqueued with the features
    }


def _named(stages: dict[str, float]) -> dict[str, Cell]:
    """Milliseconds of a frame in the words of the table; what has no name of its own is rendering."""
    named: dict[str, Cell] = {name: sum(stages.get(stage, 0.0) for stage in of) for name, of in _STAGES.items()}
    known = {stage for of in _STAGES.values() for stage in of}
    return {**named, _REST: sum(ms for stage, ms in stages.items() if stage not in known)}


def _stages(renderer: SceneRenderer, frames: tuple[int, ...], cameras: list[Camera]) -> dict[str, float]:
    """Mean milliseconds of each stage, nothing prepared and nothing at the same time; the upload is measured alone and taken off the features."""
    sums: dict[str, float] = {}
    renderer.prepare()
    for i, frame in enumerate(track((frames[0], *frames), description="stages")):
        camera = cameras[i % len(cameras)]
        views = choose_views(renderer.scene, camera, renderer.config.views)
        clock = StageClock(renderer.device)
        sources = renderer.loader.get(frame, views)
        clock.mark("sources")
        crops = [cropped_to_mask(source).image for source in sources]
        clock.mark("cropping")
        for crop in crops:
            crop.to(renderer.device)
        clock.mark("upload")
        spent = clock.milliseconds()
        made = renderer.render(camera, frame, "fast" if renderer.has_occupancy(frame) else "full", views=views)
        assert made is not None  # nobody cancels
        spent = {**made.milliseconds, **{stage: spent[stage] for stage in ("sources", "upload")}}
        spent["features"] -= spent["upload"]
        if i > 0:  # the first one loads and compiles
            for stage, ms in spent.items():
                sums[stage] = sums.get(stage, 0.0) + ms / len(frames)
        renderer.forget_frames()
    return sums


def _decoding(renderer: SceneRenderer, frames: tuple[int, ...], camera: Camera) -> dict[str, Cell]:
    """How fast the decoders are when nothing else is to be done."""
    chosen = choose_views(renderer.scene, camera, renderer.config.views)
    began = time.perf_counter()
    for i, frame in enumerate(frames):
        renderer.loader.prefetch(frames[i : i + AHEAD], chosen)
        renderer.loader.get(frame, chosen)
    spent = time.perf_counter() - began
    return {"frames": len(frames), "frames/s": len(frames) / spent, "pictures decoded/s": len(frames) * len(chosen) / spent}


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main(tyro.cli(Options))
