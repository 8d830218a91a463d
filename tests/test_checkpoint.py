"""Weights and training states survive; damaged and foreign ones are named."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from im4d_core.checkpoint import RunFolder, claim_run, load_checkpoint, load_weights, save_checkpoint, save_weights, weights_digest, write_atomically
from im4d_core.config import RunConfig, TrainConfig, load_config

BOXES = np.array([[[-1.0, -1, -1], [1, 1, 1]]])


def _model() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))


def test_weights_survive_a_round_trip(tmp_path: Path) -> None:
    model, other = _model(), _model()
    save_weights(model, tmp_path / "model.safetensors")
    load_weights(other, tmp_path / "model.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_digest_follows_the_weights(tmp_path: Path) -> None:
    model = _model()
    save_weights(model, tmp_path / "a")
    save_weights(model, tmp_path / "b")
    assert weights_digest(tmp_path / "a") == weights_digest(tmp_path / "b")
    save_weights(_model(), tmp_path / "b")
    assert weights_digest(tmp_path / "a") != weights_digest(tmp_path / "b")


def test_foreign_weights_are_named(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(FileNotFoundError, match="no weights"):
        load_weights(_model(), path)
    save_weights(_model(), path)
    state = load_file(path)
    state["extra"] = state.pop("0.bias")
    state["1.weight"] = torch.zeros(7, 4)
    save_file(state, path)
    with pytest.raises(ValueError, match=r"1 missing \(0\.bias\); 1 unexpected \(extra\); 1 of another shape \(1\.weight: expected \(2, 4\), found \(7, 4\)\)"):
        load_weights(_model(), path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ValueError, match="truncated or foreign: take it from a copy of the run"):
        load_weights(_model(), path)


def test_the_newest_checkpoint_is_loaded_and_old_ones_go(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path) is None
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, step, {"value": torch.tensor(step)})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_00000002.pt", "step_00000003.pt"]
    loaded = load_checkpoint(tmp_path)
    assert loaded is not None
    assert (loaded[0], int(loaded[1]["value"])) == (3, 3)


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for step in (1, 2):
        save_checkpoint(tmp_path, step, {"value": torch.arange(1000)})
    newest = tmp_path / "step_00000002.pt"
    newest.write_bytes(newest.read_bytes()[:2000])
    with caplog.at_level(logging.WARNING):
        loaded = load_checkpoint(tmp_path)
    assert loaded is not None
    assert loaded[0] == 1
    assert "step_00000002.pt: damaged" in caplog.text
    (tmp_path / "step_00000001.pt").write_bytes(b"")
    with pytest.raises(ValueError, match="none of 2 checkpoints can be read"):
        load_checkpoint(tmp_path)


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    torch.save({"value": Path("x")}, tmp_path / "step_00000001.pt")  # any class that is not a tensor
    with pytest.raises(ValueError, match="none of 1 checkpoints"):
        load_checkpoint(tmp_path)


def test_a_write_that_fails_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")

    def full(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"file: cannot be written \(the disk is full\)"):
        write_atomically(path, full)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_goes_on_with_its_own_settings_only(tmp_path: Path) -> None:
    run = RunFolder(path=tmp_path / "run")
    config = RunConfig(train=TrainConfig(schedule_steps=100))
    claim_run(run, config, BOXES)
    assert load_config(run.config) == config
    longer = replace(config, train=replace(config.train, steps=50, log_every=1), fast=replace(config.fast, steps=9))
    claim_run(run, longer, BOXES)
    assert load_config(run.config) == longer
    with pytest.raises(ValueError, match=r"other settings \(train\.rays: the run has 2560, asked for 7; train\.lr: the run has 0\.001, asked for 1\.0\)"):
        claim_run(run, replace(config, train=replace(config.train, rays=7, lr=1.0)), BOXES)
    with pytest.raises(ValueError, match="give --schedule-steps 100 to go on for another number of steps"):
        claim_run(run, replace(config, train=replace(config.train, steps=200, schedule_steps=200)), BOXES)
    with pytest.raises(ValueError, match="other boxes"):
        claim_run(run, config, BOXES * 2)


def test_a_folder_that_cannot_be_made_or_is_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RuntimeError, match="cannot be made"):
        claim_run(RunFolder(path=tmp_path / "file" / "run"), RunConfig(), BOXES)
    (tmp_path / "model.safetensors").write_text("")
    with pytest.raises(ValueError, match=r"holds weights without config\.json"):
        claim_run(RunFolder(path=tmp_path), RunConfig(), BOXES)
