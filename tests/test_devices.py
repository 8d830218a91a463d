"""Names of devices: what auto means, and errors that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from im4d_core import devices


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.chosen_device("auto") == torch.device("cuda")
    assert devices.chosen_device("cpu") == torch.device("cpu")


def test_auto_says_in_one_line_that_it_passes_by_a_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(devices, "_DRIVER", tmp_path / "absent")
    assert devices.chosen_device("auto") == torch.device("cpu")
    assert caplog.text == ""
    monkeypatch.setattr(devices, "_DRIVER", tmp_path)
    assert devices.chosen_device("auto") == torch.device("cpu")
    assert [record.getMessage().count("\n") for record in caplog.records] == [0]
    assert "built without CUDA; to use it, install a CUDA build of PyTorch" in caplog.text


@pytest.mark.parametrize(("name", "message"), [("gpu", "expected auto, cpu, cuda or cuda:N"), ("cuda:99", "use --device cpu, or install")])
def test_what_is_not_there_is_refused(name: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match=message):
        devices.chosen_device(name)
