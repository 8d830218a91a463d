"""What a benchmark reports: rows, printed as a table and written as JSON with the command, the machine and the commit that produced them."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

Cell = str | int | float | None
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, kw_only=True)
class Durations:
    """Repeated measurements of one thing, in milliseconds."""

    median_ms: float
    p95_ms: float
    count: int


def durations(milliseconds: Sequence[float]) -> Durations:
    """Median and 95th percentile."""
    return Durations(median_ms=float(np.median(milliseconds)), p95_ms=float(np.percentile(milliseconds, 95)), count=len(milliseconds))


def report(title: str, rows: Sequence[dict[str, Cell]], json_path: Path) -> None:
    """Prints the rows and writes them; all rows have the keys of the first."""
    table = Table(title=title)
    for i, key in enumerate(rows[0]):
        table.add_column(key, justify="left" if i == 0 else "right")
    for row in rows:
        table.add_row(*(_shown(row[key]) for key in rows[0]))
    Console(width=max(Console().width, 160, 15 * len(rows[0]))).print(table)
    record = {
        "title": title,
        "command": shlex.join([Path(sys.executable).name, *sys.orig_argv[1:]]),
        "commit": _commit(),
        "machine": machine(),
        "rows": list(rows),
    }
    json_path.parent.mkdir(parents=True, exist_ok=True)
    temporary = json_path.with_name(f"{json_path.name}.{os.getpid()}.part")
    temporary.write_text(json.dumps(record, indent=2) + "\n")
    os.replace(temporary, json_path)
    print(f"written: {json_path}")


def machine() -> dict[str, Cell]:
    """What the figures depend on besides the commit."""
    import torch  # here: benchmarks of the start must be able to import this module before they start their clocks

    gpu = torch.cuda.is_available()
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if gpu else None,
        "cuda": torch.version.cuda if gpu else None,
        "torch": torch.__version__,
        "torch_threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def _shown(cell: Cell) -> str:
    if cell is None:
        return "-"
    return f"{cell:.4g}" if isinstance(cell, float) and abs(cell) < 100 else f"{cell:.0f}" if isinstance(cell, float) else str(cell)


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def _commit() -> str:
    """The commit, marked where the working tree differs from it; "unknown" outside a repository."""
    try:
        commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run(["git", "status", "--porcelain", "--untracked-files=no"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit} (modified)" if changed else commit
