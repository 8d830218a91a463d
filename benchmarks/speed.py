"""How fast and how good every way to make a picture is on a scene and a device, side by side in one run.

python -m benchmarks.speed RUN --sizes 512x512 1920x1080 3840x2160 --share 0.25

Two regimes that must not be mixed: *view* (the frame stays, the camera orbits) and *time* (every picture is of a new frame: features, density and
what belongs to it are made anew; decoding is not counted). Variants take turns in blocks, so that clocks that drift hit all alike. Times are of the
device (CUDA events) on a GPU, of the host's clock on a CPU; `wall` is the host's clock over whole blocks. What cannot be measured here has a row that
says why. Columns: benchmarks/counts.py, benchmarks/agreement.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import im4d_core  # noqa: F401 - before torch, which reads at its import how OpenMP's threads are to wait  # isort: skip
import imageio.v3 as iio
import numpy as np
import tyro

from benchmarks import agreement, counts
from benchmarks.bars import bars
from benchmarks.orbit import filling, orbit, sides
from benchmarks.rules import Rules, other_rules, own_rules
from benchmarks.table import Cell, report
from benchmarks.turns import spent, take_turns
from benchmarks.variants import Variant, variants
from im4d_core.checkpoint import RunFolder
from im4d_core.geometry import resized
from im4d_core.opened_run import open_run
from im4d_core.types import Camera

_FIGURE_PX = 256
"""Height of the pictures in which the figure is looked for."""


def main(
    run: Annotated[Path, tyro.conf.Positional],
    *,
    sizes: tuple[str, ...] = ("512x512", "1920x1080"),
    share: float = 0.0,
    rounds: int = 6,
    block: int = 50,
    slow_block: int = 2,
    frame: int | None = None,
    time_frames: int = 8,
    compare_frames: int = 2,
    compare_views: int = 0,
    compare_scale: float = 1.0,
    other: bool = True,
    compiled: bool = True,
    device: str = "auto",
    output: Path = Path("benchmarks/results/speed.json"),
    plot: Path | None = None,
) -> None:
    """Measures all ways to render a run.

    Args:
        run: run folder or exported scene.
        sizes: widths x heights.
        share: of the picture that the figure covers; 0 keeps the capture's own framing.
        rounds: turns of every variant.
        block: pictures of a turn.
        slow_block: the same for PyTorch and the full renderer.
        frame: the frame of the view regime; the middle one when left out.
        time_frames: frames of the time regime, evenly spread; 0 leaves it out.
        compare_frames: frames whose test views are compared with the full renderer and the capture, evenly spread; 0 for none.
        compare_views: the first so many test views; all when 0.
        compare_scale: size of the compared pictures over the captured ones.
        other: also under the rules that the run was not made with: the release's for ours, ours for the release's.
        compiled: on a CPU, use the compiled kernels; PyTorch otherwise.
        device: auto, cpu, cuda or cuda:N.
        output: where the figures are written.
        plot: a PNG of milliseconds a picture; beside the figures when left out.
    """
    opened = open_run(run, device=device)
    try:
        if compiled:
            opened.prepare()
        scene = opened.scene
        chosen = scene.frames[len(scene.frames) // 2] if frame is None else frame
        compared, timed = _spread(scene.frames, compare_frames), _spread(scene.frames, time_frames)
        own = own_rules(opened, RunFolder(path=run).occupancy)
        both = [own, other_rules(opened)] if other else [own]
        for rules in both:
            rules.bake({chosen, *compared, *timed})
        measured = variants(own, both[1] if other else None)
        tested = (scene.test_views or (0,))[: compare_views or None]
        quality = agreement.agreement(measured, [(frame, view) for frame in compared for view in tested], compare_scale) if compared else {}
        rows: list[dict[str, Cell]] = []
        for size in sizes:
            width, height = sides(size)
            cameras = list(orbit(scene, chosen, width, height, block))
            if share:
                cameras = [_filled(own, camera, chosen, share) for camera in cameras]
            rows += [{**row, **quality.get(str(row["renderer"]), agreement.EMPTY)} for row in _view(measured, cameras, chosen, rounds, slow_block, size)]
            if timed:
                rows += _time(measured, cameras, timed, rounds, slow_block, size)
        rows = [{**row, "note": next(v.problem for v in measured if v.name == row["renderer"])} for row in rows]
        named = f"{scene.name}, model {opened.model_id[:12]}, on {opened.device}, frame {chosen}, {opened.config.views.count} source views"
        report(f"{named}, {opened.config.fast.steps} steps", rows, output)
        _draw(rows, plot or output.with_suffix(".png"))
    finally:
        opened.close()


_TIMES: dict[str, Cell] = dict.fromkeys(("median ms", "p5", "p95", "p99", "wall ms", "pictures"))


def _spread(frames: tuple[int, ...], count: int) -> list[int]:
    """So many frames, evenly spread, each once."""
    return list(dict.fromkeys(frames[i] for i in np.linspace(0, len(frames) - 1, count).round().astype(int)))


def _filled(rules: Rules, camera: Camera, frame: int, share: float) -> Camera:
    small = resized(camera, max(round(_FIGURE_PX * camera.width / camera.height), 1), _FIGURE_PX)
    seen = rules.renderer.render(small, frame, "fast")
    assert seen is not None  # nobody cancels
    return filling(camera, (seen.opacity >= 0.5).cpu().numpy(), share)


def _view(measured: Sequence[Variant], cameras: Sequence[Camera], frame: int, rounds: int, slow_block: int, size: str) -> list[dict[str, Cell]]:
    """The frame stays, the camera moves; what belongs to the frame is there already."""
    able = [variant for variant in measured if not variant.problem]
    counted = {variant.name: counts.counted(variant, cameras[0], frame, variant.rules.views(cameras[0])) for variant in able}
    draws = [variant.drawing(frame, variant.rules.views(cameras[0]), cameras[0])[0] for variant in able]
    take_turns(able, draws, cameras, rounds, slow_block, f"view, {size}")
    rows = []
    for variant in measured:
        times, counted_of = (_TIMES, counts.EMPTY) if variant.problem else (spent(variant), counted[variant.name])
        rows.append({"regime": "view", "size": size, "renderer": variant.name, **times, **counted_of})
    return rows


def _time(measured: Sequence[Variant], cameras: Sequence[Camera], frames: Sequence[int], rounds: int, slow_block: int, size: str) -> list[dict[str, Cell]]:
    """Every picture is of another frame, whose pictures are decoded already."""
    able = [variant for variant in measured if variant.mode != "full" and not variant.problem]
    views = [variant.rules.views(cameras[0]) for variant in able]
    for frame in frames:  # what the loader's cache cannot hold is decoded within the time
        for of in views:
            able[0].renderer.loader.get(frame, of)
    draws = [variant.new_frames(itertools.cycle(frames), of) for variant, of in zip(able, views, strict=True)]
    take_turns(able, draws, cameras, rounds, slow_block, f"time, {size}")
    return [{"regime": "time", "size": size, "renderer": v.name, **spent(v), **counts.EMPTY, **agreement.EMPTY} for v in able]


def _draw(rows: Sequence[dict[str, Cell]], path: Path) -> None:
    shown = [(f"{row['size']} {row['regime']}  {row['renderer']}", float(row["median ms"])) for row in rows if row["median ms"] is not None]
    path.parent.mkdir(parents=True, exist_ok=True)
    iio.imwrite(path, bars(shown, "milliseconds a picture"), extension=".png")
    print(f"written: {path}")


if __name__ == "__main__":
    tyro.cli(main)
