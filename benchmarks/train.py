"""Milliseconds per training step: each step timed alone, as the training loop runs it.

python -m benchmarks.train DATA --preset published --released --steps 200
"""

from __future__ import annotations

import itertools
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import tyro

from benchmarks.table import durations, report
from im4d_core.config import as_released
from im4d_core.data import open_scene
from im4d_core.presets import PresetName, preset
from im4d_core.training import Status, Trainer, resolved

_GIB = 2**30


def main(
    data: Annotated[Path, tyro.conf.Positional],
    *,
    preset_name: Annotated[PresetName, tyro.conf.arg(name="preset")] = "default",
    released: bool = False,
    images: int = 2,
    rays: int = 2560,
    warmup: int = 50,
    steps: int = 200,
    every: int = 10,
    device: str = "auto",
    output: Path = Path("benchmarks/results/train.json"),
) -> None:
    """Trains for a few steps in a temporary folder and reports the pace. No checkpoints, previews or occupancy are made.

    Args:
        data: the capture.
        preset_name: tiny, default or published.
        released: with the rules of the released code.
        images: pictures per step.
        rays: rays per picture.
        warmup: steps before the clock counts; loading pictures falls into them.
        steps: steps that count.
        every: steps per measurement; the loop waits for the device only between measurements.
        device: auto, cpu, cuda or cuda:N.
        output: where the figures are written.
    """
    where = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    config = preset(preset_name)
    if released:
        config = as_released(config)
    never = warmup + steps + 1
    train = replace(config.train, steps=warmup + steps, schedule_steps=14_000, images=images, rays=rays, log_every=every)
    config = replace(config, data=replace(config.data, path=str(data)), train=replace(train, checkpoint_every=never, preview_every=never))
    scene = open_scene(config.data)
    marks: list[tuple[int, float]] = []

    def mark(status: Status) -> bool:
        marks.append((status.step, time.perf_counter()))
        return status.step < warmup + steps - every  # stops before the last step, which would write a preview

    with tempfile.TemporaryDirectory(prefix="im4d_train_") as folder:
        Trainer(scene, resolved(config, scene), Path(folder) / "run", device=where).train(mark)
    timed = [(step, at) for step, at in marks if step >= warmup]
    per_step = [1e3 * (later - earlier) / (last - first) for (first, earlier), (last, later) in itertools.pairwise(timed)]
    spent = durations(per_step)
    report(
        f"{scene.name}: {preset_name}{' as released' if released else ''} on {where}",
        [
            {
                "preset": preset_name,
                "released": str(released),
                "rays/step": images * rays,
                "median ms/step": spent.median_ms,
                "p95 ms/step": spent.p95_ms,
                "krays/s": images * rays / spent.median_ms,
                "peak GPU GiB": torch.cuda.max_memory_allocated(where) / _GIB if where.type == "cuda" else None,
            }
        ],
        output,
    )


if __name__ == "__main__":
    tyro.cli(main)
