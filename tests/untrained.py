"""A run of an untrained model on a small capture, whose occupied cells are those of its random field."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from captures import write_capture

from im4d_core.checkpoint import RunFolder, save_weights
from im4d_core.config import DataConfig, FieldConfig, MethodConfig, OccupancyConfig, RunConfig, SamplingConfig, ViewsConfig, save_config
from im4d_core.data import open_scene
from im4d_core.methods import build_method
from im4d_core.types import TimeRange

_FIELD = FieldConfig(spatial=(8,), temporal=(3,), channels=4, width=8, depth=1, skip=False)


def write_untrained_run(folder: Path) -> Path:
    """Makes the run in a folder, its capture inside."""
    write_capture(folder / "capture")
    data = DataConfig(path="capture")
    scene = open_scene(replace(data, path=str(folder / "capture")))
    config = RunConfig(
        data=data,
        method=MethodConfig(field=_FIELD, proposal=_FIELD, bounds=tuple(scene.bounds.reshape(-1).tolist()), times=TimeRange(first=0, last=2)),
        views=ViewsConfig(count=3),
        sampling=SamplingConfig(proposal_samples=16, fine_samples=8, chunk=200),
        occupancy=OccupancyConfig(resolution=(16,), min_alpha=0.01),
    )
    torch.manual_seed(0)
    save_config(config, folder / "config.json")
    save_weights(build_method(config.method), RunFolder(path=folder).weights)
    return folder
