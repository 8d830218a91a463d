"""Commands of the program as processes, and a training that takes seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIMIT_S = 240.0  # a loaded machine may take its time; below the 300 s at which pytest ends the run
SMALL = """
    --images 2 --rays 32 --warmup 4 --log-every 2 --checkpoint-every 4 --no-amp --method.field.spatial 16 --method.field.temporal 3
    --method.field.channels 4 --method.field.width 16 --method.field.depth 1 --method.proposal.spatial 16 --method.proposal.temporal 3
    --method.proposal.channels 4 --method.proposal.width 16 --sampling.proposal-samples 8 --sampling.fine-samples 4 --occupancy.resolution 16
""".split()  # noqa: SIM905 - reads as it is typed


def python(*command: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def training(capture: Path, run: Path, *options: str) -> subprocess.Popen[str]:
    return python(str(ROOT / "train.py"), str(capture), "--output", str(run), "--preset", "tiny", "--device", "cpu", *SMALL, *options)
