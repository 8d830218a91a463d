"""The released weights give the released pictures: the proof that our renderers are the release's where the switch is on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from jaxtyping import UInt8

from im4d_core import kernels
from im4d_core.checkpoint import RunFolder
from im4d_core.config import DataConfig, load_config
from im4d_core.data import open_scene
from im4d_core.geometry import cropped
from im4d_core.opened_run import open_run
from im4d_core.released import import_released
from im4d_core.render.occupancy import Occupancy, bake_frame
from im4d_core.render.rays import all_pixels, camera_rays
from im4d_core.scene_renderer import Mode, SceneRenderer
from im4d_core.types import Camera

FRAMES, VIEWS = (0, 7, 21), (24, 25, 26, 27)
GRID = (128, 128, 256)
"""Cells along x, y and z of the bake that the fast pictures were made with."""
FULL_DB, FAST_DB = 60.0, 45.0
"""What the project asks for; measured on a CPU 87 and 80 dB. What is left is one count of 255 where truncation meets rounding."""


@pytest.fixture(scope="module")
def released(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SceneRenderer]:
    checkpoint = captures / "released_checkpoint"
    data = DataConfig(path=str(captures / "valid_dance24"), boxes=str(checkpoint / "boxes.npy"), pixel_centre="as-written")
    output = tmp_path_factory.mktemp("released")
    run = import_released(checkpoint / "net_fp16.npz", open_scene(data), data, output)
    assert load_config(RunFolder(path=output).config).views.skip_nearest
    renderer = open_run(run.path, device="cuda" if torch.cuda.is_available() else "cpu")
    yield renderer
    renderer.close()


def _psnr_in_8_bit(renderer: SceneRenderer, camera: Camera, frame: int, mode: Mode, theirs: UInt8[np.ndarray, "h w 3"]) -> float:
    rendered = renderer.render(camera, frame, mode)
    assert rendered is not None
    ours = (rendered.rgb.cpu().numpy() * 255).astype(np.uint8)  # the release truncates
    return float(-10 * np.log10(np.mean((ours / 255.0 - theirs / 255.0) ** 2)))


def _reference(captures: Path, mode: Mode, frame: int, view: int) -> UInt8[np.ndarray, "h w 3"]:
    folder = "reference_full" if mode == "full" else "reference_fast128"
    return iio.imread(captures / "released_checkpoint" / folder / f"frame{frame:04d}_view{view:04d}.png")[..., :3]


def _part(camera: Camera, picture: UInt8[np.ndarray, "h w 3"], size: int) -> tuple[Camera, UInt8[np.ndarray, "h w 3"]]:
    """A square around the middle of the figure, of a camera and of its picture."""
    rows, columns = np.nonzero(picture.sum(axis=-1))
    y, x = int(rows.mean()) - size // 2, int(columns.mean()) - size // 2
    return cropped(camera, x, y, size, size), picture[y : y + size, x : x + size]


def test_the_middle_of_a_full_picture(released: SceneRenderer, captures: Path) -> None:
    """The whole picture takes a CPU minutes; its black surroundings would only raise the figure."""
    camera, theirs = _part(released.scene.cameras[27], _reference(captures, "full", 0, 27), 48)
    assert _psnr_in_8_bit(released, camera, 0, "full", theirs) >= FULL_DB


def test_the_middle_of_a_fast_picture(released: SceneRenderer, captures: Path) -> None:
    """Baking the release's 16.8 million probes takes a CPU minutes, so only cells that the rays of a part of the picture visit are probed."""
    frame, view = 21, 25
    camera, theirs = _part(released.scene.cameras[view], _reference(captures, "fast", frame, view), 32)
    box = torch.as_tensor(released.scene.box(frame), dtype=torch.float32, device=released.device)
    time = released.config.method.times.time(frame)
    shape = torch.tensor(GRID, device=released.device)
    rays = camera_rays([camera], all_pixels(camera, released.device)[None], box.cpu().numpy()[None], [time], pixel_offset=0.0, slab=False)
    everything = torch.zeros(GRID, dtype=torch.uint8, device=released.device)
    step = float((box[1] - box[0]).norm()) / released.config.fast.steps
    origins, directions = rays.origins[0], rays.directions[0]
    ray, depth = kernels.lattice_samples(origins, directions, rays.near[0], rays.far[0], everything, box, step)
    size = (box[1] - box[0]) / shape
    cells = ((origins[ray] + depth[:, None] * directions[ray] - box[0]) / size).floor().long().unique(dim=0)
    offsets = torch.cartesian_prod(*[torch.tensor([0.0, 0.5, 1.0], device=released.device)] * 3)
    times = torch.tensor([time], device=released.device)
    occupied = torch.zeros(GRID, dtype=torch.bool, device=released.device)
    with torch.inference_mode():
        for part in cells.split(4096):
            probes = box[0] + (part[:, None] + offsets) * size
            occupied[part[:, 0], part[:, 1], part[:, 2]] = (released.method.logit(probes[None], times)[0] > 5.0).any(dim=-1)
    released.use_occupancy(frame, Occupancy(occupied=occupied, box=box.cpu()))
    assert _psnr_in_8_bit(released, camera, frame, "fast", theirs) >= FAST_DB


@pytest.mark.gpu
@pytest.mark.parametrize("mode", ["full", "fast"])
def test_all_pictures(released: SceneRenderer, captures: Path, mode: Mode) -> None:
    if mode == "fast":
        config = replace(released.config.occupancy, resolution=GRID)
        for frame in FRAMES:
            time = released.config.method.times.time(frame)
            released.use_occupancy(frame, bake_frame(released.method, time, released.scene.box(frame), config, released.device))
    cameras = released.scene.cameras
    measured = {(f, v): _psnr_in_8_bit(released, cameras[v], f, mode, _reference(captures, mode, f, v)) for f in FRAMES for v in VIEWS}
    print(mode, {key: round(value, 1) for key, value in measured.items()})
    assert min(measured.values()) >= (FULL_DB if mode == "full" else FAST_DB)
