"""Weights of the released Im4D: every name is translated and foreign ones are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from im4d_core.checkpoint import load_weights
from im4d_core.config import DataConfig, load_config
from im4d_core.data import open_scene
from im4d_core.methods import build_method
from im4d_core.metrics import load_lpips
from im4d_core.released import import_released, read_released, translated


def _field(prefix: str, spatial: tuple[int, ...], times: int, channels: int) -> dict[str, torch.Tensor]:
    encoded = 6 * channels * len(spatial)
    state = {f"{prefix}bbox": torch.tensor([[-1.0, -1, -1], [1, 1, 2]])}
    for level, size in enumerate(spatial):
        state[f"{prefix}xyz_encoder.spatial_embedding.{level}"] = torch.randn(3, channels, size, size)
        state[f"{prefix}xyz_encoder.temporal_embedding.{level}"] = torch.randn(3, channels, times, size)
    layers = {"0.0": (64, encoded), "0.2.0": (64, 64), "0.3.0": (64, 64), "0.4.0": (64, 64), "0.5.0": (64, 64), "1.0": (64, 64 + encoded)}
    shapes = {f"net.backbone_nets.{name}": shape for name, shape in layers.items()} | {"net.sigma_net": (1, 64), "net.rgb_net.0": (64, 73)}
    for name, (outputs, inputs) in shapes.items():
        state |= {f"{prefix}{name}.weight": torch.randn(outputs, inputs), f"{prefix}{name}.bias": torch.randn(outputs)}
    return state


def _state() -> dict[str, torch.Tensor]:
    """A state dict in the released layout, with smaller planes."""
    state = _field("", (8, 16), 5, 16) | _field("sampler.network.", (8,), 5, 12)
    linear = {
        "agg.global_fc.0": (32, 33), "agg.agg_w_fc.0": (1, 32), "agg.fc.0": (16, 32), "lr0.0": (64, 16),
        "sigma.0": (1, 64), "color.0": (64, 95), "color.2": (1, 64),
    }  # fmt: skip
    for name, shape in linear.items():
        state |= {f"net.enerf_net.{name}.weight": torch.randn(shape), f"net.enerf_net.{name}.bias": torch.randn(shape[0])}
    normed = {"conv0.0": (8, 3, 3), "conv0.1": (8, 8, 3), "conv1.0": (16, 8, 5), "conv1.1": (16, 16, 3), "conv2.0": (32, 16, 5), "conv2.1": (32, 32, 3)}
    for name, (outputs, inputs, size) in normed.items():
        state[f"feature_net.{name}.conv.weight"] = torch.randn(outputs, inputs, size, size)
    plain = {"toplayer": (32, 32, 1), "lat1": (32, 16, 1), "lat0": (32, 8, 1), "smooth1": (16, 32, 3), "smooth0": (8, 32, 3)}
    for name, (outputs, inputs, size) in plain.items():
        state |= {f"feature_net.{name}.weight": torch.randn(outputs, inputs, size, size), f"feature_net.{name}.bias": torch.randn(outputs)}
    return state


@pytest.mark.parametrize("suffix", [".npz", ".pth"])
def test_released_weights_become_a_run_of_ours(tmp_path: Path, suffix: str) -> None:
    from small_capture import write_small_capture

    state, file = _state(), tmp_path / f"released{suffix}"
    if suffix == ".npz":
        np.savez(file, allow_pickle=False, **{name: tensor.numpy() for name, tensor in state.items()})
    else:
        torch.save({"net": state, "epoch": 3}, file)
    data = DataConfig(path=str(write_small_capture(tmp_path / "capture")), pixel_centre="as-written")
    run = import_released(file, open_scene(data), data, tmp_path / "run")
    config = load_config(run.config)
    assert config.method.field.spatial == (8, 16)
    assert (config.method.field.temporal, config.method.proposal.channels, config.method.bounds[5]) == ((5, 5), 12, 2.0)
    assert config.method.joint_canvas
    assert config.sampling.slab
    method = build_method(config.method)
    load_weights(method, run.weights)
    ours = method.state_dict()
    assert torch.equal(ours["field.trunk.4.weight"], state["net.backbone_nets.0.5.0.weight"])
    assert torch.equal(ours["proposal.out.bias"], state["sampler.network.net.sigma_net.bias"])
    assert torch.equal(ours["blend.compare.weight"], state["net.enerf_net.color.0.weight"])


def test_foreign_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_released(tmp_path / "absent.pth")
    for text in ("text", "ee", "root:x:0:0:root:/root:/bin/bash\n" * 20, ""):  # the readers raise a number, an index, or the end of the file
        (tmp_path / "text.pth").write_text(text)
        with pytest.raises(ValueError, match=r"text.pth: cannot be read as weights \([^)]* [^)]*\); expected a state dict of tensors") as caught:
            read_released(tmp_path / "text.pth")
        assert "index out of range" not in str(caught.value)
        with pytest.raises(ValueError, match="text.pth: cannot be read as weights"):
            load_lpips([tmp_path / "text.pth"])
    with pytest.raises(ValueError, match=r"2 parameters are not of the released Im4D \(net\.hash_table, layers\.0\)"):
        translated({"net.hash_table": torch.zeros(1), "layers.0": torch.zeros(1)}, "file")
