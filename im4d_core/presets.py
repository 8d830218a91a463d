"""Configurations by name: tiny trains on two CPU cores in minutes, default is ours, published is the released Im4D's."""

from __future__ import annotations

from typing import Literal

from im4d_core.config import FieldConfig, LossConfig, MethodConfig, OccupancyConfig, RunConfig, SamplingConfig, TrainConfig, ViewsConfig

PresetName = Literal["tiny", "default", "published"]


def preset(name: PresetName) -> RunConfig:
    """The configuration of a name.

    published has the numbers of the released DNA-Rendering experiment; the defects of the released code are a matter of their own (`config.as_released`).
    """
    match name:
        case "tiny":
            return _tiny()
        case "default":
            return RunConfig()
        case "published":
            return RunConfig(train=TrainConfig(steps=160_000))


def _tiny() -> RunConfig:
    return RunConfig(
        method=MethodConfig(
            field=FieldConfig(spatial=(32, 64, 128), temporal=(12, 12, 12), channels=8, width=32, depth=2),
            proposal=FieldConfig(spatial=(48,), temporal=(12,), channels=8, width=32, depth=1, skip=False),
        ),
        views=ViewsConfig(train_counts=(3, 4), train_probabilities=(0.5, 0.5)),
        sampling=SamplingConfig(proposal_samples=32, fine_samples=16, anneal_steps=200, chunk=4096),
        occupancy=OccupancyConfig(resolution=(96,)),
        train=TrainConfig(steps=1500, rays=512, joint_steps=1000, checkpoint_every=250, preview_every=500, amp=False, losses=LossConfig(regularise_every=5)),
    )
