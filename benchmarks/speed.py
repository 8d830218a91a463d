"""How fast and how good every renderer is on a scene and a device, side by side in one run.

python -m benchmarks.speed RUN --sizes 512x512 1920x1080 3840x2160

Two regimes that must not be mixed: *view* (the frame stays, the camera orbits) and *time* (every picture is of a new frame: features, density and
what belongs to it are made anew; decoding is not counted). Variants take turns in blocks, so that clocks that drift hit all alike. Times are of the
device (CUDA events) on a GPU, of the host's clock on a CPU; `wall` is the host's clock over whole blocks.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import imageio.v3 as iio
import numpy as np
import torch
import tyro
from rich.progress import track

from benchmarks.bars import bars
from benchmarks.orbit import filling, orbit
from benchmarks.table import Cell, report
from im4d_core.geometry import projected_box
from im4d_core.methods.source_views import choose_views
from im4d_core.metrics import psnr
from im4d_core.render.bricks import choose_refine
from im4d_core.render.fused import FusedRenderer
from im4d_core.scene_renderer import Mode, SceneRenderer, open_run
from im4d_core.types import Camera

_GIB = 2**30


@dataclass
class Variant:
    """One way to make pictures."""

    name: str
    mode: Mode
    renderer: SceneRenderer
    kernels: FusedRenderer | None = None
    """Where set, pictures are timed without the door around them."""
    milliseconds: list[float] = field(default_factory=list)
    wall_ms: list[float] = field(default_factory=list)


def main(
    run: Annotated[Path, tyro.conf.Positional],
    *,
    sizes: tuple[str, ...] = ("512x512", "1920x1080"),
    share: float = 0.0,
    rounds: int = 4,
    block: int = 25,
    slow_block: int = 2,
    frame: int | None = None,
    compare_frames: int = 2,
    device: str = "auto",
    output: Path = Path("benchmarks/results/speed.json"),
    plot: Path | None = None,
) -> None:
    """Measures all renderers of a run.

    Args:
        run: run folder or exported scene.
        sizes: widths x heights.
        share: of the picture that the rectangle around the frame's box covers; 0 keeps the capture's own framing.
        rounds: turns of every variant.
        block: pictures of a turn.
        slow_block: the same for PyTorch and the full renderer.
        frame: the frame of the view regime; the middle one when left out.
        compare_frames: frames whose test views are compared with the full renderer and the capture; 0 for none.
        device: auto, cpu, cuda or cuda:N.
        output: where the figures are written.
        plot: a PNG of milliseconds against PSNR.
    """
    renderer = open_run(run, device=device)
    plain = open_run(run, device=device, cuda_kernels=False)
    try:
        frames = renderer.scene.frames
        chosen = frames[len(frames) // 2] if frame is None else frame
        for one in (renderer, plain):
            if not one.has_occupancy(chosen):
                raise SystemExit(f"{run}: no occupancy; run `python -m im4d_core cache {run}` first")
        variants = _variants(renderer, plain)
        quality = _quality(variants, [frames[i] for i in np.linspace(0, len(frames) - 1, compare_frames).round().astype(int)]) if compare_frames else {}
        rows: list[dict[str, Cell]] = []
        for size in sizes:
            width, height = (int(side) for side in size.split("x"))
            cameras = list(orbit(renderer, chosen, width, height, block))
            if share:
                cameras = [filling(camera, renderer.scene.box(chosen), share) for camera in cameras]
            rows += [{**row, **quality.get(str(row["renderer"]), _NO_QUALITY)} for row in _view(variants, cameras, chosen, rounds, slow_block, size)]
            rows += _time(variants, cameras, rounds, slow_block, size)
        report(f"{renderer.scene.name} on {renderer.device}, frame {chosen}, {renderer.config.views.count} source views", rows, output)
        if plot is not None:
            _draw(rows, plot)
    finally:
        renderer.close()
        plain.close()


_NO_QUALITY: dict[str, Cell] = {"dB to full": None, "dB to capture": None}


def _variants(renderer: SceneRenderer, plain: SceneRenderer) -> list[Variant]:
    """Full, exact and baked; on a GPU the last two by kernels and by PyTorch."""
    found = [Variant(name="full, PyTorch", mode="full", renderer=plain), Variant(name="exact, PyTorch", mode="exact", renderer=plain)]
    if renderer.kernel_problem is None:
        fused = FusedRenderer(renderer.method, renderer.config.method)
        found += [Variant(name=f"{name}, CUDA kernels", mode=mode, renderer=renderer, kernels=fused) for name, mode in _FUSED]
    else:
        found.append(Variant(name="baked", mode="fast", renderer=plain))
    return found


_FUSED: tuple[tuple[str, Mode], ...] = (("exact", "exact"), ("baked", "fast"))


def _view(variants: Sequence[Variant], cameras: Sequence[Camera], frame: int, rounds: int, slow_block: int, size: str) -> list[dict[str, Cell]]:
    """The frame stays, the camera moves; what belongs to the frame is there already."""
    draws = [_drawing(variant, frame, cameras[0]) for variant in variants]
    peaks = _take_turns(variants, draws, cameras, rounds, slow_block, f"view, {size}")
    rows = []
    for variant, draw, peak in zip(variants, draws, peaks, strict=True):
        rows.append({"regime": "view", "size": size, "renderer": variant.name, **_spent(variant), **_counts(variant, draw, cameras, frame), "GPU GiB": peak})
    return rows


def _time(variants: Sequence[Variant], cameras: Sequence[Camera], rounds: int, slow_block: int, size: str) -> list[dict[str, Cell]]:
    """Every picture is of another frame, whose pictures are decoded already."""
    fast = [variant for variant in variants if variant.mode != "full"]
    frames = fast[0].renderer.scene.frames
    cycle = itertools.cycle(frames)
    views = choose_views(fast[0].renderer.scene, cameras[0], fast[0].renderer.config.views)
    for frame in frames:  # what the loader's cache cannot hold is decoded within the time
        for variant in fast:
            variant.renderer.loader.get(frame, views)
    draws = [_new_frame(variant, cycle, views) for variant in fast]
    peaks = _take_turns(fast, draws, cameras, rounds, slow_block, f"time, {size}")
    empty: dict[str, Cell] = {"evaluated/ray": None, "shaded/ray": None, "coverage": None}
    rows = [{"regime": "time", "size": size, "renderer": v.name, **_spent(v), **empty, "GPU GiB": peak} for v, peak in zip(fast, peaks, strict=True)]
    return [{**row, **_NO_QUALITY} for row in rows]


Draw = Callable[[Camera], object]


def _drawing(variant: Variant, frame: int, camera: Camera) -> Draw:
    """Makes a picture of a frame: by the kernels alone where they are there, through the door otherwise."""
    renderer, kernels = variant.renderer, variant.kernels
    views = choose_views(renderer.scene, camera, renderer.config.views)
    if kernels is None:
        return lambda camera: renderer.render(camera, frame, variant.mode, views=views)
    field, sources = _prepared(variant, kernels, frame, views)
    config, background = renderer.config.fast, renderer.config.data.background

    def draw(camera: Camera) -> object:
        return kernels.render(camera, field, sources, config, background, display_only=True)

    draw(camera)
    while kernels.painter.overflowed():
        draw(camera)
    return draw


def _new_frame(variant: Variant, frames: Iterator[int], views: tuple[int, ...]) -> Draw:
    renderer, kernels = variant.renderer, variant.kernels
    config, background = renderer.config.fast, renderer.config.data.background

    def draw(camera: Camera) -> object:
        frame = next(frames)
        renderer.forget_frames()
        if kernels is None:
            return renderer.render(camera, frame, variant.mode, views=views)
        field, sources = _prepared(variant, kernels, frame, views)
        return kernels.render(camera, field, sources, config, background, display_only=True)

    return draw


def _prepared(variant: Variant, kernels: FusedRenderer, frame: int, views: tuple[int, ...]):
    renderer = variant.renderer
    with torch.inference_mode():
        occupancy = renderer.occupancy(frame)
        refine = choose_refine(occupancy, renderer.config.method, renderer.config.fast) if variant.mode == "fast" else None
        field = kernels.frame(occupancy, renderer.config.method.times.time(frame), refine)
        return field, kernels.sources(renderer.context(frame, views))


def _take_turns(variants: Sequence[Variant], draws: Sequence[Draw], cameras: Sequence[Camera], rounds: int, slow_block: int, title: str) -> list[float | None]:
    """Fills the variants' times; returns the greatest memory of each."""
    peaks: list[float | None] = [None] * len(variants)
    for variant in variants:
        variant.milliseconds.clear()
        variant.wall_ms.clear()
    for turn in track(range(-1, rounds), description=title):  # the first turn warms up
        for i, (variant, draw) in enumerate(zip(variants, draws, strict=True)):
            cuda = variant.renderer.device.type == "cuda"
            count = len(cameras) if variant.kernels is not None or (not cuda and variant.mode == "fast") else slow_block
            if cuda:
                torch.cuda.reset_peak_memory_stats()
            spent, wall = _block(draw, cameras[:count], cuda)
            if cuda:
                peaks[i] = max(peaks[i] or 0.0, torch.cuda.max_memory_allocated() / _GIB)
            if turn >= 0:
                variant.milliseconds += spent
                variant.wall_ms.append(wall)
    return peaks


def _block(draw: Draw, cameras: Sequence[Camera], cuda: bool) -> tuple[list[float], float]:
    began = time.perf_counter()
    if not cuda:
        spent = []
        for camera in cameras:
            start = time.perf_counter()
            draw(camera)
            spent.append(1e3 * (time.perf_counter() - start))
        return spent, 1e3 * (time.perf_counter() - began) / len(cameras)
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in cameras]
    for camera, (before, after) in zip(cameras, events, strict=True):
        before.record()
        draw(camera)
        after.record()
    torch.cuda.synchronize()
    return [before.elapsed_time(after) for before, after in events], 1e3 * (time.perf_counter() - began) / len(cameras)


def _spent(variant: Variant) -> dict[str, Cell]:
    times = np.array(variant.milliseconds)
    median, p95, p99 = (float(np.percentile(times, q)) for q in (50, 95, 99))
    return {"median ms": median, "p95": p95, "p99": p99, "wall ms": float(np.median(variant.wall_ms)), "pictures": len(times)}


def _counts(variant: Variant, draw: Draw, cameras: Sequence[Camera], frame: int) -> dict[str, Cell]:
    """Samples per ray that meets matter, and how much of the picture it covers."""
    camera = cameras[0]
    rendered = variant.renderer.render(camera, frame, variant.mode)
    assert rendered is not None  # nobody cancels
    met = max(int((rendered.opacity > 0.01).sum()), 1)
    shaded: float | None = None
    if variant.kernels is not None:
        draw(camera)
        shaded = variant.kernels.painter.counts()[0] / met
    return {
        "evaluated/ray": float(rendered.samples[rendered.opacity > 0.01].float().mean()) if met > 1 else 0.0,
        "shaded/ray": shaded,
        "coverage": met / (camera.width * camera.height),
    }


def _quality(variants: Sequence[Variant], frames: Sequence[int]) -> dict[str, dict[str, Cell]]:
    """PSNR inside the projected boxes of the test views, against the full renderer and against the capture's pictures."""
    scene = variants[0].renderer.scene
    to_full: dict[str, list[float]] = {variant.name: [] for variant in variants}
    to_truth: dict[str, list[float]] = {variant.name: [] for variant in variants}
    pairs = [(frame, view) for frame in frames for view in scene.test_views or (0,)]
    for frame, view in track(pairs, description="compare"):
        camera = scene.cameras[view]
        mask = torch.from_numpy(projected_box(camera, scene.box(frame), variants[0].renderer.config.method.pixel_offset))
        truth = variants[0].renderer.loader.get(frame, [view])[0].image / 255.0
        full: torch.Tensor | None = None
        for variant in variants:
            rendered = variant.renderer.render(camera, frame, variant.mode, hidden=view)
            assert rendered is not None  # nobody cancels
            picture = rendered.rgb.cpu()
            full = picture if full is None else full  # the full renderer comes first
            to_full[variant.name].append(psnr(picture, full, mask))
            to_truth[variant.name].append(psnr(picture, truth, mask))
    return {
        v.name: {"dB to full": None if v.mode == "full" else float(np.mean(to_full[v.name])), "dB to capture": float(np.mean(to_truth[v.name]))}
        for v in variants
    }


def _draw(rows: Sequence[dict[str, Cell]], path: Path) -> None:
    shown = [(f"{row['size']} {row['regime']}  {row['renderer']}", float(row["median ms"] or 0.0)) for row in rows]
    iio.imwrite(path, bars(shown, "milliseconds a picture"), extension=".png")


if __name__ == "__main__":
    tyro.cli(main)
