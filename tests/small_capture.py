"""A capture of a few small pictures of moving spheres on disk, in EasyMocap's layout, for tests that train and evaluate."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from im4d_core.config import DataConfig, FieldConfig, MethodConfig, OccupancyConfig, RunConfig, SamplingConfig, TrainConfig, ViewsConfig
from im4d_core.geometry import intrinsics, look_at
from im4d_core.types import Camera

_RADIUS = 0.45
_COLOURS = np.array([[230, 60, 50], [60, 200, 80], [60, 110, 240]], np.float64)


def write_small_capture(folder: Path, *, frames: int = 3, cameras: int = 6, width: int = 48, height: int = 36) -> Path:
    """Writes cameras 00 (held out), 01, ... with exact masks, and says in meta.json what the calibration cannot."""
    intri, extri = [_header(cameras)], [_header(cameras)]
    for view in range(cameras):
        camera = _camera(view, cameras, width, height)
        intri += [_matrix(f"K_{camera.name}", camera.K), _matrix(f"dist_{camera.name}", np.zeros((1, 5)))]
        extri += [_matrix(f"Rot_{camera.name}", camera.R), _matrix(f"T_{camera.name}", camera.T_camera_world[:3, 3:])]
        for name in ("images", "masks"):
            (folder / name / camera.name).mkdir(parents=True)
        for frame in range(frames):
            rgb, mask = _spheres(camera, frame)
            iio.imwrite(folder / f"images/{camera.name}/{frame:06d}.jpg", rgb, quality=95)
            iio.imwrite(folder / f"masks/{camera.name}/{frame:06d}.png", mask)
    (folder / "intri.yml").write_text("".join(intri))
    (folder / "extri.yml").write_text("".join(extri))
    meta = {"pixel_centre": 0.5, "test_views": ["00"], "bounds_min": [-1, -1, -1], "bounds_max": [1, 1, 1], "fps": 10, "up": "z"}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def small_config(capture: Path, **train: object) -> RunConfig:
    """Settings that train on such a capture in seconds."""
    settings = TrainConfig(
        steps=24, images=2, rays=64, warmup=4, joint_steps=10, image_network_every=4, checkpoint_every=8, preview_every=1000, log_every=4, amp=False, hulls=True
    )
    return RunConfig(
        data=DataConfig(path=str(capture)),
        method=MethodConfig(
            field=FieldConfig(spatial=(16, 32), temporal=(3, 3), channels=4, width=16, depth=1),
            proposal=FieldConfig(spatial=(16,), temporal=(3,), channels=4, width=16, depth=1, skip=False),
        ),
        views=ViewsConfig(count=3, train_counts=(2, 3), train_probabilities=(0.5, 0.5)),
        sampling=SamplingConfig(proposal_samples=16, fine_samples=8, anneal_steps=10),
        occupancy=OccupancyConfig(resolution=(24,)),
        train=replace(settings, **train),  # pyright: ignore[reportArgumentType]
    )


def _camera(view: int, cameras: int, width: int, height: int) -> Camera:
    angle = 2 * np.pi * view / cameras
    centre = np.array([3.2 * np.cos(angle), 3.2 * np.sin(angle), 1.2])
    T = look_at(centre, np.zeros(3), np.array([0.0, 0.0, 1.0]))
    return Camera(name=f"{view:02d}", K=intrinsics(width, height, 40.0), T_camera_world=T, width=width, height=height)


def _spheres(camera: Camera, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Three spheres that circle by a little with each frame: colour on black, and mask."""
    u, v = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    directions = np.stack([u, v, np.ones_like(u)], -1) @ (camera.R.T @ np.linalg.inv(camera.K)).T
    rgb, nearest = np.zeros((*u.shape, 3)), np.full(u.shape, np.inf)
    for i, colour in enumerate(_COLOURS):
        angle = 2 * np.pi * i / 3 + 0.2 * frame
        offset = camera.centre - np.array([0.5 * np.cos(angle), 0.5 * np.sin(angle), 0.2 * (i - 1)])
        a, b = (directions**2).sum(-1), directions @ offset
        root = b**2 - a * (offset @ offset - _RADIUS**2)
        z = (-b - np.sqrt(np.maximum(root, 0.0))) / a
        hit = (root > 0) & (z < nearest)
        light = 0.5 + 0.5 * np.clip((offset + z[..., None] * directions)[..., 2] / _RADIUS, 0, 1)
        rgb[hit] = (light[..., None] * colour)[hit]
        nearest[hit] = z[hit]
    return rgb.round().astype(np.uint8), np.where(np.isinf(nearest), 0, 255).astype(np.uint8)


def _header(cameras: int) -> str:
    names = "".join(f'  - "{i:02d}"\n' for i in range(cameras))
    return f"%YAML:1.0\n---\nnames:\n{names}"


def _matrix(name: str, values: np.ndarray) -> str:
    data = ", ".join(f"{value:.12e}" for value in values.reshape(-1))
    return f"{name}: !!opencv-matrix\n  rows: {values.shape[0]}\n  cols: {values.shape[1]}\n  dt: d\n  data: [{data}]\n"
