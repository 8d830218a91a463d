"""Names of devices: what auto means, and errors that say what to do."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from im4d_core import devices


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    devices._trouble.cache_clear()
    yield
    devices._trouble.cache_clear()


def _torch_on(monkeypatch: pytest.MonkeyPatch, *, capability: tuple[int, int] | None, warning: str = "") -> None:
    """As if a CUDA build of PyTorch met a GPU, or none."""

    def available() -> bool:
        if warning:
            warnings.warn(warning, stacklevel=1)
        return capability is not None

    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", available)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA Something")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80", "sm_90", "sm_120", "compute_120"])


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    _torch_on(monkeypatch, capability=(8, 6))
    assert devices.chosen_device("auto") == torch.device("cuda")
    assert devices.chosen_device("cpu") == torch.device("cpu")


def test_an_architecture_that_torch_has_no_code_for_leaves_work_to_the_cpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(devices, "_DRIVER", tmp_path)
    _torch_on(monkeypatch, capability=(6, 1))
    assert devices.chosen_device("auto") == torch.device("cpu")
    assert "no code for NVIDIA Something (sm_61; it has sm_75," in caplog.text and "install a PyTorch that supports it" in caplog.text
    with pytest.raises(RuntimeError, match=r"--device cuda: .*sm_61.*use --device cpu"):
        devices.chosen_device("cuda")


def test_an_old_driver_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(devices, "_DRIVER", tmp_path)
    said = "CUDA initialization: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver."
    _torch_on(monkeypatch, capability=None, warning=said)
    assert devices.chosen_device("auto") == torch.device("cpu")
    assert "too old (found version 11040); to use it, install an NVIDIA driver for CUDA 13.0" in caplog.text


@pytest.mark.parametrize(
    ("capability", "runs"), [((7, 5), True), ((8, 9), True), ((12, 1), True), ((13, 0), True), ((7, 0), False), ((10, 0), False), ((6, 1), False)]
)
def test_code_runs_on_later_minor_versions_and_text_on_all_later_ones(capability: tuple[int, int], runs: bool) -> None:
    assert devices.runs_on(capability, ["sm_75", "sm_80", "sm_90a", "sm_120", "compute_120"]) == runs


def test_errors_after_which_a_gpu_does_no_more_are_told_apart() -> None:
    assert "not enough memory" in str(devices.why_leave(torch.OutOfMemoryError("tried to allocate 20 GiB")))
    assert "an illegal memory access" in str(devices.why_leave(RuntimeError("CUDA error: an illegal memory access was encountered\nCompile with")))
    assert devices.why_leave(RuntimeError("frame 10: picture 07 is truncated")) is None


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
