"""How much memory what is kept of frames may take: more where the machine has more, so that longer loops stay ready."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch

_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container on Linux
_LEAST_PICTURES, _LEAST_FEATURES = 1 << 30, 2 << 30
_SHARE_OF_HOST, _SHARE_OF_GPU = 1 / 16, 1 / 4
_ALL_OVER_FEATURES = 2.25
"""What `frame_caches` keeps of all kinds, over features alone."""


@dataclass(frozen=True, kw_only=True)
class Budgets:
    """Bytes."""

    pictures: int
    """Of decoded pictures, in host memory."""
    features: int
    """Of features, on the device that renders; what else is kept of frames there follows from it."""


def fitting_budgets(device: torch.device) -> Budgets:
    """A sixteenth of the host's memory for pictures, and as much again where the CPU renders; a quarter of what is free on a GPU. Never less than 1 GB of
    pictures and 2 GB of features: a GPU that is too small for these gets less from `frame_caches`.
    """
    host = host_memory()
    room = _SHARE_OF_GPU * torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else _SHARE_OF_HOST * host
    pictures = max(int(_SHARE_OF_HOST * host), _LEAST_PICTURES)
    return Budgets(pictures=pictures, features=max(int(room / _ALL_OVER_FEATURES), _LEAST_FEATURES))


def host_memory() -> int:
    """Bytes of the machine's memory, or of the container's where that is less; 0 where the system does not tell."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # on Windows there is no such function
        return 0
    try:
        limit = _LIMIT.read_text().strip()
    except OSError:
        return machine
    return min(machine, int(limit)) if limit.isdecimal() else machine
