"""A captured training step does what the same step does launch by launch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_capture import small_config, write_small_capture

from im4d_core.data import open_scene
from im4d_core.data.batches import BatchStream, PictureStore
from im4d_core.data.frames import FrameLoader
from im4d_core.methods.source_views import cropped_to_mask
from im4d_core.ray_step import RayStep
from im4d_core.training import Trainer, resolved


def _trainer(capture: Path, output: Path, *, captured: bool) -> Trainer:
    config = small_config(capture)
    config = replace(config, train=replace(config.train, rays=256, joint_steps=6, image_network_every=4), views=replace(config.views, train_counts=(2, 3)))
    config = replace(config, views=replace(config.views, train_probabilities=(0.5, 0.5)))
    scene = open_scene(config.data)
    trainer = Trainer(scene, resolved(config, scene), output, device=torch.device("cuda"))
    trainer._rays = RayStep(trainer._ray_terms, trainer.method, captured=captured)
    return trainer


@pytest.mark.gpu
def test_captured_steps_are_those_of_launches(tmp_path: Path) -> None:
    capture = write_small_capture(tmp_path / "capture")
    trainers = [_trainer(capture, tmp_path / name, captured=name == "captured") for name in ("launched", "captured")]
    losses: list[list[torch.Tensor]] = [[], []]
    for trainer, kept in zip(trainers, losses, strict=True):
        loader = FrameLoader(trainer.scene, trainer.config.data, threads=2)
        store = PictureStore(loader, trainer.device, 1 << 30, cropped_to_mask)
        with BatchStream(trainer.scene, store, trainer._draw(), trainer._choose_views, start=0, device=trainer.device) as batches:
            for _ in range(14):
                trainer.train_step(batches.next())
                kept.append(trainer._sums.clone())
                trainer._sums.zero_()
        loader.close()
    assert len(trainers[1]._rays._graphs) >= 3  # both numbers of views, with and without the image network
    launched, captured = (torch.stack(kept) for kept in losses)
    assert torch.allclose(launched[0], captured[0], rtol=1e-4)  # the same numbers were drawn; sums of atomics differ in their last bits
    assert torch.allclose(launched, captured, rtol=0.05, atol=1e-5)  # Adam's first steps are as large for a gradient of rounding noise as for any other
    for (name, one), other in zip(trainers[0].method.named_parameters(), trainers[1].method.parameters(), strict=True):
        if one.ndim < 2:
            continue  # a bias begins at zero, so that it consists of Adam's first steps, whose direction is rounding where a gradient is
        moved = (one - other).abs().mean() / one.abs().mean()
        assert moved < 0.2, name
