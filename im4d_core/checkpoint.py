"""Weights and training state on disk: written under a temporary name and renamed, read without running code from them, checked key by key."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from im4d_core.config import DataConfig, RunConfig, load_config, save_config
from im4d_core.whole_file import whole_file

_log = logging.getLogger(__name__)

_CHECKPOINTS_KEPT = 2
_CHECKPOINT_NAME = re.compile(r"step_(\d{8})\.pt")
_NAMES_LISTED = 5
_FREELY_CHANGED = frozenset({"data.path", "data.boxes", "train.steps", "train.checkpoint_every", "train.preview_every", "train.log_every"})
"""Settings that may differ when a run goes on; those of the fast renderer and the occupancy may as well, since training does not see them."""


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """Where the parts of a run lie."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def weights(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def occupancy(self) -> Path:
        return self.path / "occupancy.npz"

    @property
    def hulls(self) -> Path:
        """The visual hulls the run was trained within: nothing is known of what lies outside."""
        return self.path / "hulls.npz"

    @property
    def preview(self) -> Path:
        return self.path / "preview.jpg"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.json"

    @property
    def boxes(self) -> Path:
        """The boxes the run was trained with, so that opening it needs no visual hulls."""
        return self.path / "boxes.npy"

    def data(self, config: RunConfig) -> DataConfig:
        """What to read of the capture to render this run: a relative path is relative to the folder, boxes and bounds are those of the training.

        Raises:
            FileNotFoundError: the capture is not where the run says.
        """
        capture = self.path / config.data.path
        if not capture.is_dir():
            raise FileNotFoundError(
                f"{capture}: no such folder; {self.path} takes its colour from the capture it was trained on, expected there: put it back, "
                f"or name its new place as data.path in {self.config}"
            )
        return replace(
            config.data,
            path=str(capture),
            boxes=str(self.boxes) if self.boxes.is_file() else config.data.boxes,
            bounds=config.method.bounds,
        )

    @property
    def camera_path(self) -> Path:
        """The camera path that comes with the scene: loaded when it is opened, and rendered where there is no display."""
        return self.path / "path.json"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def logs(self) -> Path:
        return self.path / "logs"


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Lets `write` fill a temporary file beside `path`, flushes it to the disk, then gives it the name; what stood there stays until then.

    Raises:
        OSError: the file cannot be written (read-only, disk full); nothing is left behind.
    """
    with whole_file(path) as temporary:
        try:
            write(temporary)
        except (RuntimeError, SafetensorError) as error:  # torch and safetensors report a full disk by their own types
            raise OSError(str(error)) from error
        temporary.chmod(0o644)  # safetensors writes for the owner only
        with temporary.open("rb") as file:
            os.fsync(file.fileno())


def save_weights(method: nn.Module, path: Path) -> None:
    """Writes a model's state as safetensors.

    Raises:
        OSError: the file cannot be written.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in method.state_dict().items()}
    write_atomically(path, lambda temporary: save_file(state, temporary))


def load_weights(method: nn.Module, path: Path) -> None:
    """Reads a model's state, which must have exactly its names and shapes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a safetensors file, or of another model.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no weights; the run is not trained to its end, or the folder is another one")
    try:
        state = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(
            f"{path}: not a readable safetensors file ({error}); it is truncated or foreign: take it from a copy of the run, "
            "or give the command that trained the run again"
        ) from error
    load_state(method, state, str(path))


def load_state(method: nn.Module, state: Mapping[str, Tensor], origin: str) -> None:
    """Copies a state into a model after comparing every name and shape.

    Raises:
        ValueError: names are missing or unexpected, or shapes differ.
    """
    wanted = method.state_dict()
    problems = [
        _listed("missing", sorted(wanted.keys() - state.keys())),
        _listed("unexpected", sorted(state.keys() - wanted.keys())),
        _listed(
            "of another shape",
            [f"{n}: expected {tuple(wanted[n].shape)}, found {tuple(state[n].shape)}" for n in wanted if n in state and wanted[n].shape != state[n].shape],
        ),
    ]
    found = "; ".join(problem for problem in problems if problem)
    if found:
        raise ValueError(f"{origin}: weights of another model: {found}; compare the method section of config.json")
    method.load_state_dict(dict(state))


def weights_digest(path: Path) -> str:
    """Names a model by the content of its weights file; the occupancy cache carries it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def save_checkpoint(folder: Path, step: int, state: Mapping[str, Any]) -> Path:
    """Writes the training state of a step and removes all but the newest two.

    Raises:
        OSError: it cannot be written; older checkpoints stay.
    """
    path = folder / f"step_{step:08d}.pt"
    write_atomically(path, lambda temporary: torch.save(dict(state), temporary))
    for old in _checkpoints(folder)[:-_CHECKPOINTS_KEPT]:
        old.unlink(missing_ok=True)
    for leftover in folder.glob(".step_*.tmp"):  # a killed process could not remove its own
        leftover.unlink(missing_ok=True)
    return path


def load_checkpoint(folder: Path) -> tuple[int, dict[str, Any]] | None:
    """The newest training state that can be read, and its step; None where there is none yet. Damaged ones are skipped with a warning.

    Raises:
        ValueError: there are checkpoints, but none can be read.
    """
    paths = _checkpoints(folder)
    for path in reversed(paths):
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, ValueError, EOFError, LookupError, AttributeError, TypeError, pickle.UnpicklingError) as error:  # damaged bytes
            _log.warning("%s: damaged (%s); trying the one before", path, str(error).split(". ")[0] or type(error).__name__)
            continue
        return _step_of(path), state
    if paths:
        raise ValueError(f"{folder}: none of {len(paths)} checkpoints can be read; delete the folder to train from the start")
    return None


def claim_run(run: RunFolder, config: RunConfig, boxes: Float64[np.ndarray, "n_frames 2 3"]) -> None:
    """Makes a run's folder and writes its configuration and boxes, or checks that the folder holds a run that this configuration continues.

    Raises:
        ValueError: it holds a run with other settings, or weights without any.
        RuntimeError: its folder cannot be made.
        OSError: it cannot be written to.
    """

    def write_boxes(temporary: Path) -> None:
        with temporary.open("wb") as file:  # given a name, NumPy would lengthen it
            np.save(file, boxes)

    try:
        run.checkpoints.mkdir(parents=True, exist_ok=True)
        run.logs.mkdir(exist_ok=True)
    except OSError as error:
        raise RuntimeError(f"{run.path}: the run's folder cannot be made ({error}); choose another --output") from error
    if run.config.is_file():
        _compare(load_config(run.config), config, run)
    elif run.weights.is_file():
        raise ValueError(f"{run.path}: holds weights without config.json, so no run that can go on; choose another --output")
    if run.boxes.is_file() and not np.array_equal(np.load(run.boxes), boxes):
        raise ValueError(f"{run.path}: holds a run with other boxes of its frames; leave out --boxes to go on with it, or choose another --output")
    write_atomically(run.boxes, write_boxes)
    save_config(config, run.config)


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step_*.pt") if _CHECKPOINT_NAME.fullmatch(path.name))


def _step_of(path: Path) -> int:
    return int(path.stem.removeprefix("step_"))


def _listed(what: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f", and {len(names) - _NAMES_LISTED} more" if len(names) > _NAMES_LISTED else ""
    return f"{len(names)} {what} ({', '.join(names[:_NAMES_LISTED])}{more})"


def _compare(old: RunConfig, new: RunConfig, run: RunFolder) -> None:
    before, now = (_flat(asdict(config)) for config in (old, new))
    different = [key for key in now if before[key] != now[key] and key not in _FREELY_CHANGED and not key.startswith(("fast.", "occupancy."))]
    if different:
        shown = "; ".join(f"{key}: the run has {json.dumps(before[key])}, asked for {json.dumps(now[key])}" for key in different[:5])
        shown += f"; and {len(different) - 5} more" if len(different) > 5 else ""
        longer = f"give --schedule-steps {old.train.schedule_steps} to go on for another number of steps; " if different == ["train.schedule_steps"] else ""
        raise ValueError(f"{run.path}: holds a run with other settings ({shown}); {longer}repeat its settings to go on with it, or choose another --output")


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
