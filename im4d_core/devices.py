"""Which torch device a name means, why a GPU that is there is not used, and when one that was used must be left."""

from __future__ import annotations

import logging
import re
import warnings
from contextlib import AbstractContextManager, nullcontext
from functools import cache
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
        if why_no_cuda() is None:
            return torch.device("cuda")
        if has_driver():
            _log.warning("%s", unused_gpu())
        return torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise RuntimeError(f"--device {name}: not a device; expected auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and why_no_cuda() is not None:
        raise RuntimeError(f"--device {name}: {why_no_cuda()}; use --device cpu, or {_cure()}")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise RuntimeError(f"--device {name}: there is no such device; this machine has cuda:0 to cuda:{torch.cuda.device_count() - 1}")
    return device


def has_driver() -> bool:
    """Whether the system has NVIDIA's driver, so that a GPU could be expected to work."""
    return _DRIVER.exists()


def unused_gpu() -> str:
    """Why work goes to the CPU of a machine that has an NVIDIA GPU, and the cure, in one line."""
    return f"The NVIDIA GPU is not used: {why_no_cuda()}; to use it, {_cure()}"


def why_no_cuda() -> str | None:
    """Why PyTorch cannot use a GPU here, for a sentence; None where it can. Found out once, without taking memory on the GPU."""
    trouble = _trouble()
    return None if trouble is None else trouble[0]


def runs_on(capability: tuple[int, int], architectures: list[str]) -> bool:
    """Whether code for some architectures runs on a device: binaries for the same major version up to its minor one, or text that its driver compiles."""
    for name in architectures:
        kind, _, number = name.partition("_")
        version = divmod(int(re.sub(r"\D", "", number)), 10)
        if version == capability or (kind == "compute" and version <= capability) or (kind == "sm" and version[0] == capability[0] and version <= capability):
            return True
    return False


def why_leave(error: Exception) -> str | None:
    """Why a GPU that raised an error can do no more work for this process, for a sentence; None where trying something else may help."""
    if isinstance(error, torch.OutOfMemoryError):
        return "there is not enough memory on the GPU, even for small pictures"
    lost = isinstance(error, torch.AcceleratorError) or str(error).startswith(("CUDA error", "CUDA driver error"))
    return f"the GPU failed ({_sentence(str(error))})" if lost else None


def at_work(device: torch.device) -> AbstractContextManager[object]:
    """Makes a GPU the one whose streams this thread uses: kernels and captured work go to the stream that is current, not to that of their tensors."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


@cache
def _trouble() -> tuple[str, str] | None:
    """What is wrong with CUDA here, and the cure."""
    if torch.version.cuda is None:
        return f"this PyTorch ({torch.__version__}) is built without CUDA", "install a CUDA build of PyTorch"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    if not available:
        old = next((str(warning.message) for warning in said if "driver" in str(warning.message)), None)
        return "PyTorch sees no CUDA device" if old is None else _sentence(old), f"install an NVIDIA driver for CUDA {torch.version.cuda}"
    capability, architectures = torch.cuda.get_device_capability(0), torch.cuda.get_arch_list()
    if not runs_on(capability, architectures):
        known = ", ".join(architectures)
        name = f"{torch.cuda.get_device_name(0)} (sm_{capability[0]}{capability[1]}; it has {known})"
        return f"this PyTorch has no code for {name}", "install a PyTorch that supports it"
    return None


def _cure() -> str:
    trouble = _trouble()
    return "" if trouble is None else trouble[1]


def _sentence(text: str) -> str:
    """The first sentence of a message, without its full stop."""
    return text.strip().splitlines()[0].split(". ")[0].rstrip(".")
