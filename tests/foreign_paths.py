"""Paths to be written for other programs and read again, and what to hold them against."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from im4d_core import curves
from im4d_core.camera_path import CameraPath, SceneTiming, keyframe
from im4d_core.path_files import PathView

FOREIGN = Path(__file__).parent / "foreign"
FRAMES = tuple(range(10, 31))
VIEW = PathView(width=160, height=90, fps=12.0, timing=SceneTiming(frames=FRAMES, fps=30.0), bounds=np.array([[-1.0, -1.0, -1.0], [1.0, 1.0, 2.0]]))


def random_path(n: int = 5, loop: bool = False, **changes: object) -> CameraPath:
    """Keys anywhere, turned anyhow, at uneven times, all fixing frames; from 0 s on, where other programs begin. The same whenever it is asked for."""
    random, keys = np.random.default_rng(5), []
    times = np.concatenate([[0.0], np.cumsum(random.uniform(0.3, 2.0, n - 1))])
    for i in range(n):
        pose = np.eye(4)
        q = random.normal(size=4)
        pose[:3, :3], pose[:3, 3] = curves.rotation(q / np.linalg.norm(q)), random.normal(size=3) * 3
        keys.append(keyframe(i + 1, float(times[i]), pose, float(random.uniform(20, 90)), float(random.uniform(10, 30))))
    return CameraPath(keys=tuple(keys), loop=loop, loop_s=1.25, **changes)  # type: ignore[arg-type]


def assert_same_keys(read: CameraPath, path: CameraPath, *, frames: bool = True, tolerance: float = 1e-9) -> None:
    """1e-9: double precision through a few matrix products."""
    assert len(read.keys) == len(path.keys)
    for got, key in zip(read.keys, path.keys):
        np.testing.assert_allclose(got.T_world_camera, key.T_world_camera, atol=tolerance)
        assert got.fov_y_deg == pytest.approx(key.fov_y_deg, abs=tolerance * 100)
        assert got.time_s == pytest.approx(key.time_s, abs=tolerance)
        if frames:
            assert got.scene_frame == pytest.approx(key.scene_frame, abs=1e-6)


def expected_of(captures: Path, name: str) -> dict:
    return json.loads((captures / "formats" / "EXPECTED.json").read_text())[name]
