"""The two renderers on a run: milliseconds while orbiting, samples per ray, and how close they come to each other and to the pictures.

python -m benchmarks.fast RUN --size 256x256
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Literal

import im4d_core  # noqa: F401 - before torch, which reads at its import how OpenMP's threads are to wait  # isort: skip
import numpy as np
import torch
import tyro
from rich.progress import track

from benchmarks.orbit import orbit, sides
from benchmarks.table import Cell, durations, report
from im4d_core.geometry import projected_box
from im4d_core.metrics import psnr
from im4d_core.opened_run import open_run
from im4d_core.scene_renderer import SceneRenderer

Mode = Literal["fast", "full"]
MODES: tuple[Mode, ...] = ("fast", "full")


def main(
    run: Annotated[Path, tyro.conf.Positional],
    *,
    size: str = "256x256",
    pictures: int = 60,
    full_pictures: int = 3,
    warmup: int = 3,
    frame: int | None = None,
    compare_frames: int = 2,
    device: str = "auto",
    compiled: bool = True,
    output: Path = Path("benchmarks/results/fast.json"),
) -> None:
    """Measures both renderers of a run.

    Args:
        run: run folder or exported scene.
        size: width x height of the timed pictures; what is compared has the size of the capture's pictures.
        pictures: pictures of the orbit, fast renderer.
        full_pictures: the same for the full renderer.
        warmup: pictures before the clock counts.
        frame: frame to orbit; the middle one when left out.
        compare_frames: frames, evenly spread, whose test views are compared; 0 for none.
        device: auto, cpu, cuda or cuda:N.
        compiled: on a CPU, use the compiled kernels; PyTorch otherwise.
        output: where the figures are written.
    """
    width, height = sides(size)
    renderer = open_run(run, device=device)
    if compiled:
        renderer.prepare()
    try:
        frames = renderer.scene.frames
        frame = frames[len(frames) // 2] if frame is None else frame
        if not renderer.has_occupancy(frame):
            raise SystemExit(f"{run}: no occupancy; run `python -m im4d_core cache {run}` first")
        chosen = [frames[i] for i in np.linspace(0, len(frames) - 1, compare_frames).round().astype(int)]
        quality = _compare(renderer, chosen) if chosen else {}
        rows: list[dict[str, Cell]] = []
        counts: dict[Mode, int] = {"fast": pictures, "full": full_pictures}
        for mode, count in counts.items():
            rows.append({"renderer": mode, "size": size, **_time(renderer, mode, frame, width, height, count, warmup), **quality.get(mode, {})})
        report(f"{renderer.scene.name} on {renderer.device}, orbiting frame {frame}", rows, output)
    finally:
        renderer.close()


def _time(renderer: SceneRenderer, mode: Mode, frame: int, width: int, height: int, count: int, warmup: int) -> dict[str, Cell]:
    for camera in list(orbit(renderer.scene, frame, width, height, max(warmup, 1)))[:warmup]:
        renderer.render(camera, frame, mode)
    whole, stage, samples = [], [], []
    for camera in track(orbit(renderer.scene, frame, width, height, count), description=mode, total=count):
        began = time.perf_counter()
        rendered = renderer.render(camera, frame, mode)  # waits for the device, since it reads its clocks
        whole.append(1e3 * (time.perf_counter() - began))
        assert rendered is not None
        stage.append(rendered.milliseconds[mode])
        inside = torch.from_numpy(projected_box(camera, renderer.scene.box(frame), renderer.config.method.pixel_offset)).to(rendered.samples.device)
        samples.append(float(rendered.samples[inside].float().mean()))
    spent = durations(whole)
    return {
        "pictures": count,
        "median ms": spent.median_ms,
        "p95 ms": spent.p95_ms,
        "pictures/s": 1e3 / float(np.mean(whole)),
        "of it tracing ms": durations(stage).median_ms,
        "samples/ray": float(np.mean(samples)),
    }


def _compare(renderer: SceneRenderer, frames: list[int]) -> dict[str, dict[str, Cell]]:
    """PSNR inside the projected boxes over the test views: fast against full, and each against the pictures of the capture."""
    scene, offset = renderer.scene, renderer.config.method.pixel_offset
    views = scene.test_views or (0,)
    values: dict[str, list[float]] = {"fast": [], "full": [], "both": []}
    for frame, view in track([(frame, view) for frame in frames for view in views], description="compare"):
        camera = scene.cameras[view]
        mask = torch.from_numpy(projected_box(camera, scene.box(frame), offset)).to(renderer.device)
        truth = renderer.loader.get(frame, [view])[0].image.to(renderer.device) / 255.0
        pictures = {}
        for mode in MODES:
            rendered = renderer.render(camera, frame, mode, hidden=view)
            assert rendered is not None
            pictures[mode] = rendered.rgb
            values[mode].append(psnr(rendered.rgb, truth, mask))
        values["both"].append(psnr(pictures["fast"], pictures["full"], mask))
    both = float(np.mean(values["both"]))
    return {mode: {"PSNR to pictures": float(np.mean(values[mode])), "PSNR fast to full": both} for mode in MODES}


if __name__ == "__main__":
    tyro.cli(main)
