"""What each setting of the fast renderer costs and gains: one setting is changed at a time, everything else stays the run's.

python -m benchmarks.ablation RUN
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro
from rich.progress import track

from benchmarks.table import Cell, report
from im4d_core.config import RunConfig
from im4d_core.geometry import projected_box
from im4d_core.metrics import psnr
from im4d_core.opened_run import open_run
from im4d_core.scene_renderer import Mode, SceneRenderer


def main(
    run: Annotated[Path, tyro.conf.Positional],
    *,
    frames: int = 4,
    device: str = "auto",
    output: Path = Path("benchmarks/results/ablation.json"),
) -> None:
    """Compares settings of the fast renderer on the test views.

    Args:
        run: run folder or exported scene.
        frames: frames, evenly spread.
        device: auto, cpu, cuda or cuda:N.
        output: where the figures are written.
    """
    opened = open_run(run, device=device)
    scene = opened.scene
    pairs = [(scene.frames[i], view) for i in np.linspace(0, len(scene.frames) - 1, frames).round().astype(int) for view in scene.test_views or (0,)]
    rows: list[dict[str, Cell]] = []
    try:
        masks = {pair: torch.from_numpy(projected_box(scene.cameras[pair[1]], scene.box(pair[0]), opened.config.method.pixel_offset)) for pair in pairs}
        truths = {(frame, view): opened.loader.get(frame, [view])[0].image / 255.0 for frame, view in pairs}
        fulls: dict[int, dict[tuple[int, int], torch.Tensor]] = {}
        for name, config in track(list(_settings(opened.config)), description="settings"):
            renderer = SceneRenderer(scene, opened.method, opened.loader, config, device=opened.device, hulls=opened.hulls)
            for frame in {frame for frame, _ in pairs}:
                renderer.use_occupancy(frame, renderer.baked(frame))
            count = config.views.count
            if count not in fulls:  # the full renderer knows none of the settings but the number of views
                fulls[count] = {pair: _picture(renderer, *pair, "full")[0] for pair in pairs}
            made = {pair: _picture(renderer, *pair, "fast") for pair in pairs}
            rows.append(
                {
                    "setting": name,
                    "dB to full": float(np.mean([psnr(made[pair][0], fulls[count][pair], masks[pair]) for pair in pairs])),
                    "dB to capture": float(np.mean([psnr(made[pair][0], truths[pair], masks[pair]) for pair in pairs])),
                    "full, dB to capture": float(np.mean([psnr(fulls[count][pair], truths[pair], masks[pair]) for pair in pairs])),
                    "evaluated/pixel": float(np.mean([made[pair][1] for pair in pairs])),
                    "occupied %": 100.0 * float(np.mean([float(renderer.occupancy(frame).occupied.float().mean()) for frame, _ in pairs])),
                }
            )
            renderer.forget()
        report(f"{scene.name} on {opened.device}, {len(pairs)} pictures", rows, output)
    finally:
        opened.close()


def _settings(config: RunConfig) -> Iterator[tuple[str, RunConfig]]:
    yield "as configured", config
    yield "density of the field", replace(config, fast=replace(config.fast, density="field"))
    yield "density baked", replace(config, fast=replace(config.fast, density="baked"))
    for steps in (128, 192, 256, 320, 448, 640):
        yield f"steps {steps}", replace(config, fast=replace(config.fast, steps=steps))
    for weight in (0.03, 0.01, 0.003, 0.001):
        yield f"least weight {weight}", replace(config, fast=replace(config.fast, min_weight=weight))
    for left in (0.03, 0.01, 0.003, 0.001):
        yield f"least transmittance {left}", replace(config, fast=replace(config.fast, min_transmittance=left))
    yield "weights as kept", replace(config, fast=replace(config.fast, renormalise=False))
    for cells in (0, 1, 2):
        yield f"dilation {cells}", replace(config, occupancy=replace(config.occupancy, dilation=cells))
    for alpha in (0.001, 0.005, 0.02, 0.1):
        yield f"least opacity of a cell {alpha}", replace(config, occupancy=replace(config.occupancy, min_alpha=alpha))
    for cells in (128, 192, 256, 384):
        yield f"cells {cells}", replace(config, occupancy=replace(config.occupancy, resolution=(cells,)))
    yield "fine cells 1", replace(config, fast=replace(config.fast, density="baked", refine=1))
    yield "fine cells 2", replace(config, fast=replace(config.fast, density="baked", refine=2))
    yield "fine cells 4", replace(config, fast=replace(config.fast, density="baked", refine=4))
    for views in (2, 3, 4, 6, 8):
        yield f"source views {views}", replace(config, views=replace(config.views, count=views))


def _picture(renderer: SceneRenderer, frame: int, view: int, mode: Mode) -> tuple[torch.Tensor, float]:
    """A picture of a camera that is not coloured from its own, and the density evaluations per pixel."""
    rendered = renderer.render(renderer.scene.cameras[view], frame, mode, hidden=view)
    assert rendered is not None  # nobody cancels
    return rendered.rgb.cpu(), float(rendered.samples.float().mean())


if __name__ == "__main__":
    tyro.cli(main)
