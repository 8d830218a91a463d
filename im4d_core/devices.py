"""Which torch device a name means, and why a GPU that is there is not used."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

_log = logging.getLogger(__name__)
_DRIVER = Path("/proc/driver/nvidia/version")  # there where the kernel has NVIDIA's driver


def chosen_device(name: str) -> torch.device:
    """The device that a command line means by auto, cpu, cuda or cuda:N. Says in one line where auto passes by an NVIDIA GPU.

    Raises:
        RuntimeError: torch does not know it, or this machine does not have it.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        if _DRIVER.exists():
            _log.warning("%s", unused_gpu())
        return torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise RuntimeError(f"--device {name}: not a device; expected auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise RuntimeError(f"--device {name}: {why_no_cuda()}; use --device cpu, or {_cure()}")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise RuntimeError(f"--device {name}: there is no such device; this machine has cuda:0 to cuda:{torch.cuda.device_count() - 1}")
    return device


def unused_gpu() -> str:
    """Why work goes to the CPU of a machine that has an NVIDIA GPU, and the cure, in one line."""
    return f"The NVIDIA GPU is not used: {why_no_cuda()}; to use it, {_cure()}"


def why_no_cuda() -> str:
    """The reason, for a sentence."""
    if torch.version.cuda is None:
        return f"this PyTorch ({torch.__version__}) is built without CUDA"
    return "PyTorch sees no CUDA device"


def _cure() -> str:
    if torch.version.cuda is None:
        return "install a CUDA build of PyTorch"
    return f"install an NVIDIA driver for CUDA {torch.version.cuda}"
