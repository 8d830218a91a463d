"""Trains a run and evaluates it: minutes, milliseconds a step, and the quality and pace of both renderers on the held-out cameras.

python -m benchmarks.train DATA --run RUN --preset tiny
python -m benchmarks.train DATA --run RUN --preset published --compatibility --steps 7000 --schedule-steps 14000
"""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import tyro
from rich.progress import Progress

from benchmarks.table import Cell, durations, report
from im4d_core.config import as_released
from im4d_core.data import open_scene
from im4d_core.evaluation import evaluate
from im4d_core.opened_run import open_run
from im4d_core.presets import PresetName, preset
from im4d_core.scene_renderer import Mode
from im4d_core.training import Status, Trainer, resolved, stored_boxes

_GIB = 2**30


def main(
    data: Annotated[Path, tyro.conf.Positional],
    *,
    run: Path,
    preset_name: Annotated[PresetName, tyro.conf.arg(name="preset")] = "default",
    compatibility: bool = False,
    steps: int = 0,
    schedule_steps: int = 0,
    boxes: str = "",
    bounds: tuple[float, ...] = (),
    seed: int | None = None,
    evaluate_every: int = 1,
    device: str = "auto",
    output: Path = Path("benchmarks/results/train.json"),
) -> None:
    """Trains as train.py does, bakes the occupancy, evaluates both renderers. A run that was stopped goes on; its time counts from there.

    Args:
        data: the capture.
        run: where the run is kept.
        preset_name: tiny, default or published.
        compatibility: with every rule of the released code.
        steps: the preset's when 0.
        schedule_steps: steps the learning rate's schedule is made for; as many as are run when 0.
        boxes: a .npy file of per-frame boxes; from the masks when empty.
        bounds: the scene's box as x0 y0 z0 x1 y1 z1; the capture's when empty.
        seed: of what is drawn; the preset's when not given.
        evaluate_every: evaluate every so many frames; 0 for no evaluation.
        device: auto, cpu, cuda or cuda:N.
        output: where the figures are written.
    """
    where = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    config = as_released(preset(preset_name)) if compatibility else preset(preset_name)
    seed = config.train.seed if seed is None else seed
    train = replace(config.train, steps=steps or config.train.steps, schedule_steps=schedule_steps, seed=seed)
    config = stored_boxes(replace(config, data=replace(config.data, path=str(data), boxes=boxes, bounds=bounds), train=train), run)
    scene = open_scene(config.data)
    trainer = Trainer(scene, resolved(config, scene), run, device=where)
    began, first = time.perf_counter(), trainer.step
    ticks = _train(trainer)
    trained = time.perf_counter()
    trainer.finish()
    baked = time.perf_counter()
    per_step = [1e3 * (later - earlier) / (last - step) for (step, earlier), (last, later) in itertools.pairwise(ticks)]
    shared: dict[str, Cell] = {
        "preset": preset_name + (", compatibility" if compatibility else ""),
        "steps": trainer.step - first,
        "training min": (trained - began) / 60,
        "ms/step": durations(per_step).median_ms if per_step else None,
        "occupancy s/frame": (baked - trained) / len(scene.frames),
        "peak GPU GiB": torch.cuda.max_memory_allocated(where) / _GIB if where.type == "cuda" else None,
    }
    rows = [{**shared, "renderer": mode, **_evaluated(run, mode, evaluate_every, device)} for mode in ("full", "exact", "fast")] if evaluate_every else [shared]
    report(f"{scene.name} on {where}", rows, output)


def _train(trainer: Trainer) -> list[tuple[int, float]]:
    """Runs the steps that are left; the step and the clock at every report."""
    ticks: list[tuple[int, float]] = []
    with Progress() as progress:
        task = progress.add_task("training", total=trainer.config.train.steps)

        def tick(status: Status) -> bool:
            ticks.append((status.step, time.perf_counter()))
            progress.update(task, completed=status.step, description=f"training, {status.psnr:.2f} dB")
            return True

        trainer.train(tick)
    return ticks


def _evaluated(run: Path, mode: Mode, every: int, device: str) -> dict[str, Cell]:
    renderer = open_run(run, device=device)
    try:
        frames = renderer.scene.frames[::every]
        with Progress() as progress:
            task = progress.add_task(f"evaluating, {mode}")

            def tick(done: int, total: int) -> bool:
                progress.update(task, completed=done, total=total)
                return True

            found = evaluate(renderer, mode, frames=frames, progress=tick)
    finally:
        renderer.close()
    assert found is not None  # nobody cancels
    mean = found.mean()
    return {"pictures": len(found.scores), "PSNR in box": mean["psnr"], "SSIM (range 2)": mean["ssim_range2"], "ms/picture": mean["milliseconds_median"]}


if __name__ == "__main__":
    tyro.cli(main)
