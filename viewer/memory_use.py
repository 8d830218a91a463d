"""How much memory the program uses, on the host and on the GPU, now and at most so far."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/proc/self/status")  # Linux


@dataclass(frozen=True, kw_only=True)
class MemoryUse:
    """Bytes; 0 where nobody tells."""

    host: int = 0
    host_peak: int = 0
    device: int = 0
    device_peak: int = 0


def memory_use(device: str) -> MemoryUse:
    """As the system tells it of the host, and torch of a CUDA device. Imports torch for the latter: the render thread's business."""
    host = host_peak = 0
    if _STATUS.is_file():
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
        host, host_peak = (int(lines.get(name, "0").split()[0]) << 10 for name in ("VmRSS", "VmHWM"))
    if not device.startswith("cuda"):
        return MemoryUse(host=host, host_peak=host_peak)
    import torch

    return MemoryUse(host=host, host_peak=host_peak, device=torch.cuda.memory_allocated(device), device_peak=torch.cuda.max_memory_allocated(device))
