"""Settings survive a round trip through JSON, and what does not fit them is refused by name."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from im4d_core.config import DataConfig, OccupancyConfig, RunConfig, as_released, load_config, save_config, standing
from im4d_core.limits import too_small
from im4d_core.presets import preset


def test_settings_survive_a_round_trip(tmp_path: Path) -> None:
    config = replace(as_released(RunConfig()), data=DataConfig(path="captures/näh", test_views=("03", "11"), bounds=(-1.0, -1, -1, 1, 1, 1.5)))
    save_config(config, tmp_path / "config.json")
    assert load_config(tmp_path / "config.json") == config
    assert [file.name for file in tmp_path.iterdir()] == ["config.json"]


def test_optional_values_take_none_and_numbers(tmp_path: Path) -> None:
    for raw_logit in (None, 5.0):
        config = RunConfig(occupancy=OccupancyConfig(raw_logit=raw_logit))
        save_config(config, tmp_path / "config.json")
        assert load_config(tmp_path / "config.json").occupancy.raw_logit == raw_logit


def test_missing_keys_take_their_defaults(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"format": "im4d-run", "version": 1, "train": {"lr": 1}}')
    config = load_config(tmp_path / "config.json")
    assert config.train.lr == 1.0
    assert isinstance(config.train.lr, float)
    assert config.method == RunConfig().method


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("colour", 1, "unknown key 'colour'; expected one of data, method"),
        ("train.lossess", {}, "unknown key 'train.lossess'; expected one of steps"),
        ("train.losses.mask", "0.1", 'train.losses.mask must be float, found "0.1"'),
        ("train.steps", 1.5, "train.steps must be int, found 1.5"),
        ("train.steps", True, "train.steps must be int, found true"),
        ("train.amp", 1, "train.amp must be bool, found 1"),
        ("data.pixel_centre", 0.5, "data.pixel_centre must be one of 'auto', '0', '0.5', 'as-written', found 0.5"),
        ("data.crop", [1, 2, 3], r"data.crop must be tuple\[int, int\], found \[1, 2, 3\]"),
        ("data.test_views", ["00", 1], r"data.test_views\[1\] must be str, found 1"),
        ("occupancy.raw_logit", "high", 'occupancy.raw_logit must be float, found "high"'),
        ("train.rays", 0, "train.rays must be at least 1, found 0"),
        ("method.field.spatial", [16, 0], "method.field.spatial must be at least 1, found 0"),
        ("train.losses.mask", -1, "train.losses.mask must be at least 0, found -1"),
        ("method", None, "method must be MethodConfig, found null"),
        ("method.times", {"first": 0}, "method.times is incomplete: .*last"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, key: str, value: Any, complaint: str) -> None:
    save_config(RunConfig(), tmp_path / "config.json")
    values = json.loads((tmp_path / "config.json").read_text())
    *parents, last = key.split(".")
    part = values
    for name in parents:
        part = part[name]
    part[last] = value
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match=f"config.json: {complaint}"):
        load_config(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"format": "im4d-run", "ver', "not valid JSON"),
        ("[]", "expected format 'im4d-run' version 1, found list"),
        ('{"train": {}}', "expected format 'im4d-run' version 1"),
        ('{"format": "im4d-run", "version": 99}', "found .*99"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=complaint):
        load_config(tmp_path / "config.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere.json: no such file"):
        load_config(tmp_path / "nowhere.json")


def test_presets_are_within_their_limits_and_nan_is_not() -> None:
    for name in ("tiny", "default", "published"):
        assert list(too_small(preset(name))) == []
    assert list(too_small(as_released(RunConfig()))) == []
    wrong = replace(RunConfig(), train=replace(RunConfig().train, lr=math.nan))
    assert list(too_small(wrong)) == [("train.lr", "must be at least 0, found nan")]


def test_the_released_grid_has_most_cells_along_the_body() -> None:
    released = as_released(RunConfig())
    for up, cells in (
        ((0.0, 1.0, 0.0), (128, 256, 128)),
        ((0.0, -0.9, 0.1), (128, 256, 128)),
        ((0.0, 0.0, 1.0), (128, 128, 256)),
        ((-1.0, 0.0, 0.0), (256, 128, 128)),
    ):
        assert standing(released, up).occupancy.resolution == cells
    assert standing(RunConfig(), (0.0, 0.0, 1.0)) == RunConfig()  # our own grids follow the box
