"""What is said of a folder that is opened as a run and is none. NumPy only."""

from __future__ import annotations

import shlex
from pathlib import Path

from im4d_core.calibration import calibration_of


def missing_run(folder: Path) -> FileNotFoundError:
    """The error to raise where a folder has no config.json: a capture is told how it becomes a run."""
    calibration = calibration_of(folder)
    if calibration is None:
        return FileNotFoundError(f"{folder / 'config.json'}: no such file; expected the folder of a run (made by train.py) or an exported scene")
    capture, run = shlex.quote(str(folder)), shlex.quote(f"runs/{folder.resolve().name}")
    return FileNotFoundError(f"{folder}: this is a capture ({calibration.files}); train it first: python train.py {capture} --output {run}")
