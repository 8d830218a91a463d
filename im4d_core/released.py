"""Reading what the released Im4D wrote: its state dict under its own parameter names becomes a run of ours with every rule of the release."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from im4d_core.checkpoint import RunFolder, claim_run, load_state, save_weights
from im4d_core.config import DataConfig, FieldConfig, MethodConfig, RunConfig, ViewsConfig, as_released, standing
from im4d_core.methods import build_method
from im4d_core.tensor_file import read_tensors
from im4d_core.types import Scene, TimeRange

_FIELD_NAMES = (
    (r"bbox", r"bounds"),
    (r"xyz_encoder\.spatial_embedding\.(\d+)", r"spatial.\1"),
    (r"xyz_encoder\.temporal_embedding\.(\d+)", r"temporal.\1"),
    (r"net\.backbone_nets\.0\.0\.(weight|bias)", r"trunk.0.\1"),
    (r"net\.backbone_nets\.1\.0\.(weight|bias)", r"joined.\1"),
    (r"net\.sigma_net\.(weight|bias)", r"out.\1"),
)
_OTHER_NAMES = (
    (r"feature_net\.(conv\d)\.(\d)\.conv\.weight", r"image_net.\1.\2.conv.weight"),
    (r"feature_net\.toplayer\.(weight|bias)", r"image_net.top.\1"),
    (r"feature_net\.lat(\d)\.(weight|bias)", r"image_net.lateral\1.\2"),
    (r"feature_net\.smooth0\.(weight|bias)", r"image_net.smooth0.\1"),
    (r"net\.enerf_net\.agg\.global_fc\.0\.(weight|bias)", r"blend.statistics.\1"),
    (r"net\.enerf_net\.agg\.agg_w_fc\.0\.(weight|bias)", r"blend.attention.\1"),
    (r"net\.enerf_net\.agg\.fc\.0\.(weight|bias)", r"blend.pooled.\1"),
    (r"net\.enerf_net\.lr0\.0\.(weight|bias)", r"blend.spread.\1"),
    (r"net\.enerf_net\.color\.0\.(weight|bias)", r"blend.compare.\1"),
    (r"net\.enerf_net\.color\.2\.(weight|bias)", r"blend.score.\1"),
)
_HIDDEN_LAYER = re.compile(r"net\.backbone_nets\.0\.(\d+)\.0\.(weight|bias)")
_DEAD = re.compile(r"(sampler\.network\.)?net\.rgb_net\..*|net\.enerf_net\.sigma\..*|feature_net\.smooth1\..*")
"""Heads that the release trains and never uses."""


def read_released(path: Path) -> dict[str, Tensor]:
    """The released state dict of a `.npz`, `.pth` or `.safetensors` file, as float32; no code in the file runs.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read as a state dict.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected weights of the released Im4D (.pth, .npz or .safetensors)")
    state = _read_arrays(path) if path.suffix == ".npz" else read_tensors(path)
    state = state.get("net", state)
    if not state or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise ValueError(f"{path}: expected a state dict of tensors, found {', '.join(list(state)[:5]) or 'nothing'}")
    return {name.removeprefix("module."): tensor.float() for name, tensor in state.items()}


def _read_arrays(path: Path) -> Mapping[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except Exception as error:  # foreign bytes make NumPy and zipfile raise a dozen types
        raise ValueError(f"{path}: cannot be read as weights ({str(error).split('. ')[0]}); expected a state dict of tensors") from error


def translated(state: Mapping[str, Tensor], origin: str) -> dict[str, Tensor]:
    """The released parameter names → ours. Heads that are never used are left out.

    Raises:
        ValueError: a name that no part of the released Im4D has.
    """
    ours: dict[str, Tensor] = {}
    unknown = []
    for name, tensor in state.items():
        if _DEAD.fullmatch(name):
            continue
        new = _translated_name(name)
        if new is None:
            unknown.append(name)
        else:
            ours[new] = tensor
    if unknown:
        shown = ", ".join(unknown[:5]) + (f", and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        raise ValueError(f"{origin}: {len(unknown)} parameters are not of the released Im4D ({shown}); only its im4d network can be read")
    return ours


def _translated_name(name: str) -> str | None:
    inner = name.removeprefix("sampler.network.")
    field = "field" if inner == name else "proposal"
    hidden = _HIDDEN_LAYER.fullmatch(inner)
    if hidden:
        return f"{field}.trunk.{int(hidden[1]) - 1}.{hidden[2]}"  # the list counts the first layer's activation
    for pattern, replacement in _FIELD_NAMES:
        if re.fullmatch(pattern, inner):
            return f"{field}." + re.sub(pattern, replacement, inner)
    for pattern, replacement in _OTHER_NAMES:
        if re.fullmatch(pattern, name):
            return re.sub(pattern, replacement, name)
    return None


def method_of(state: Mapping[str, Tensor], times: TimeRange, origin: str) -> MethodConfig:
    """The sizes of a model from its (translated) weights.

    Raises:
        ValueError: parts are missing.
    """
    if "field.bounds" not in state:
        raise ValueError(f"{origin}: has no scene box (parameter 'bbox'), so it is not of the released Im4D")
    bounds = tuple(float(value) for value in state["field.bounds"].reshape(-1))
    return MethodConfig(field=_field_of(state, "field", origin), proposal=_field_of(state, "proposal", origin), bounds=bounds, times=times)


def _field_of(state: Mapping[str, Tensor], part: str, origin: str) -> FieldConfig:
    levels = sum(re.fullmatch(rf"{part}\.spatial\.\d+", name) is not None for name in state)
    layers = sum(re.fullmatch(rf"{part}\.trunk\.\d+\.weight", name) is not None for name in state)
    try:
        return FieldConfig(
            spatial=tuple(state[f"{part}.spatial.{i}"].shape[-1] for i in range(levels)),
            temporal=tuple(state[f"{part}.temporal.{i}"].shape[-2] for i in range(levels)),
            channels=state[f"{part}.spatial.0"].shape[1],
            width=state[f"{part}.out.weight"].shape[1],
            depth=layers,
            skip=f"{part}.joined.weight" in state,
        )
    except KeyError as error:
        raise ValueError(f"{origin}: the {part} network misses {error}; only Im4D with a proposal network can be read") from error


def import_released(weights: Path, scene: Scene, data: DataConfig, output: Path, *, source_views: int = 4) -> RunFolder:
    """Makes a run of ours from released weights, with every rule of the release switched on.

    Args:
        scene: of `data`, opened with intrinsics as written and the release's per-frame boxes; its frames span the model's time.
        source_views: how many views the experiment colours from at test time.

    Raises:
        FileNotFoundError: the weights do not exist.
        ValueError: they are not of the released Im4D, or the folder holds another run.
        RuntimeError: the run cannot be written.
    """
    state = translated(read_released(weights), str(weights))
    times = TimeRange(first=scene.frames[0], last=scene.frames[-1])
    base = RunConfig(data=data, method=method_of(state, times, str(weights)), views=ViewsConfig(count=source_views))
    config = standing(as_released(base), scene.up)
    run = RunFolder(path=output)
    config = replace(config, data=replace(config.data, path=str(Path(data.path).resolve()), boxes=str(run.boxes.resolve())))
    method = build_method(config.method)
    load_state(method, state, str(weights))
    claim_run(run, config, scene.boxes)
    save_weights(method, run.weights)
    return run
