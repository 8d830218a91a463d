"""Small captures for tests: a ring of cameras around a coloured box that moves, rendered exactly, in the EasyMocap layout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import simplejpeg

from im4d_core.data.resampling import distorted
from im4d_core.geometry import intrinsics, look_at
from im4d_core.types import Camera

HALF_SIZE = np.array([0.3, 0.2, 0.4])
BOUNDS = np.array([[-0.8, -0.8, -0.8], [0.8, 0.8, 0.8]])


@dataclass(frozen=True, kw_only=True)
class SmallCapture:
    """What `write_capture` wrote."""

    folder: Path
    cameras: tuple[Camera, ...]
    """Pixel centres at +0.5, whatever the files say."""
    boxes: np.ndarray
    """(frames, 2, 3): the coloured box itself, which is all there is to see; it moves 0.3 in all."""
    frames: tuple[int, ...]


def ring(count: int, width: int, height: int, zoom: float = 1.0) -> tuple[Camera, ...]:
    """Cameras named 00, 01, … around the origin, at two heights, z up, each with its own intrinsics."""
    cameras = []
    for i in range(count):
        angle = 2 * np.pi * i / count + 0.2
        centre = np.array([2.5 * np.cos(angle), 2.5 * np.sin(angle), 0.4 + 0.6 * (i % 2)])
        K = intrinsics(width, height, 42.0 + i)
        K[:2, :2] *= zoom
        K[0, 2] += 0.7 * (i % 3)
        cameras.append(Camera(name=f"{i:02d}", K=K, T_camera_world=look_at(centre, np.zeros(3), np.array([0.0, 0.0, 1.0])), width=width, height=height))
    return tuple(cameras)


def sight(camera: Camera, distortion: np.ndarray, supersample: int = 4) -> np.ndarray:
    """Directions (h * supersample, w * supersample, 3) into the world of what a pixel's parts see through a lens."""
    fine = replace(camera, K=np.diag([supersample, supersample, 1.0]) @ camera.K, width=camera.width * supersample, height=camera.height * supersample)
    u, v = np.meshgrid(np.arange(fine.width) + 0.5, np.arange(fine.height) + 0.5)
    seen = np.stack([(u - fine.K[0, 2]) / fine.K[0, 0], (v - fine.K[1, 2]) / fine.K[1, 1]], axis=-1)
    straight = seen.copy()
    while np.abs(error := distorted(straight, distortion) - seen).max() > 1e-6:  # fixed point; contracts by the distortion's slope, well below 1 here
        straight = straight - error
    directions = np.concatenate([straight, np.ones_like(u)[..., None]], axis=-1) @ camera.R
    return np.where(np.abs(directions) < 1e-12, 1e-12, directions)


def render_box(camera: Camera, box: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture (h, w, 3) and coverage (h, w), uint8, of a box whose colour is the position on it, seen along the directions of `sight`; black behind."""
    supersample = len(directions) // camera.height
    low, high = (box[0] - camera.centre) / directions, (box[1] - camera.centre) / directions
    near, far = np.minimum(low, high).max(axis=-1), np.maximum(low, high).min(axis=-1)
    hit = (far > near) & (near > 0)
    points = camera.centre + near[..., None] * directions
    colour = np.clip(40 + 200 * (points - box[0]) / (box[1] - box[0]), 0, 255) * hit[..., None]
    shape = (camera.height, supersample, camera.width, supersample)
    coverage = hit.reshape(shape).mean(axis=(1, 3))
    picture = colour.reshape(*shape, 3).mean(axis=(1, 3)) / np.maximum(coverage, 1e-9)[..., None]  # colour of the covered part
    return np.round(picture).astype(np.uint8), np.round(255 * coverage).astype(np.uint8)


def _boxes(frames: int) -> np.ndarray:
    return np.stack([np.stack([-HALF_SIZE, HALF_SIZE]) + [0.3 * frame / frames, 0.0, 0.0] for frame in range(frames)])


@cache  # most tests want the same few pictures
def _pictures(cameras: int, frames: int, width: int, height: int, zoom: float, distortion: tuple[float, ...]) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Picture and coverage of each frame, of each camera."""
    boxes = _boxes(frames)
    return [
        [render_box(camera, box, directions) for box in boxes]
        for camera in ring(cameras, width, height, zoom)
        for directions in [sight(camera, np.array(distortion))]
    ]


def opencv_matrix(name: str, values: np.ndarray) -> str:
    """A matrix as OpenCV writes it into YAML."""
    rows, columns = np.atleast_2d(values).shape
    return f"{name}: !!opencv-matrix\n   rows: {rows}\n   cols: {columns}\n   dt: d\n   data: [ {', '.join(repr(float(x)) for x in np.ravel(values))} ]\n"


def write_calibration(folder: Path, cameras: tuple[Camera, ...], distortion: np.ndarray, shift: float) -> None:
    """intri.yml and extri.yml; `shift` is subtracted from the principal points."""
    names = "%YAML:1.0\n---\nnames:\n" + "".join(f'   - "{camera.name}"\n' for camera in cameras)
    intri, extri = names, names
    for camera in cameras:
        K = camera.K.copy()
        K[:2, 2] -= shift
        intri += opencv_matrix(f"K_{camera.name}", K) + opencv_matrix(f"dist_{camera.name}", distortion)
        extri += opencv_matrix(f"Rot_{camera.name}", camera.R) + opencv_matrix(f"T_{camera.name}", camera.T_camera_world[:3, 3:])
    (folder / "intri.yml").write_text(intri)
    (folder / "extri.yml").write_text(extri)


def write_capture(
    folder: Path,
    *,
    cameras: int = 6,
    frames: int = 3,
    width: int = 64,
    height: int = 48,
    zoom: float = 1.0,
    distortion: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0),
    opencv_centres: bool = False,
    masks: str | None = "masks",
    pictures: str = "{frame:06d}.jpg",
    meta: Mapping[str, object] | None = None,
) -> SmallCapture:
    """Write a capture of a box that moves along x.

    Args:
        folder: created.
        cameras: on the ring.
        frames: numbered from 0.
        width: of the pictures.
        height: of the pictures.
        zoom: of the focal lengths.
        distortion: k1, k2, p1, p2, k3 of every camera.
        opencv_centres: write principal points for pixel centres at integers, and say nothing of it in meta.json.
        masks: name of their folder; None for no masks. Label values 1 and 0 in "schp".
        pictures: how picture files are named; a .png is stored without loss.
        meta: added to meta.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rig = ring(cameras, width, height, zoom)
    write_calibration(folder, rig, np.array(distortion), 0.5 if opencv_centres else 0.0)
    values = {"test_views": [rig[-1].name], "bounds_min": BOUNDS[0].tolist(), "bounds_max": BOUNDS[1].tolist(), "fps": 12, "up": "z", **(meta or {})}
    if not opencv_centres:
        values["pixel_centre"] = 0.5
    (folder / "meta.json").write_text(json.dumps(values))
    boxes = _boxes(frames)
    for camera, pictures_of in zip(rig, _pictures(cameras, frames, width, height, zoom, distortion), strict=True):
        for kind in ["images", *([masks] if masks else [])]:
            (folder / kind / camera.name).mkdir(parents=True)
        for frame, (picture, coverage) in enumerate(pictures_of):
            path = folder / "images" / camera.name / pictures.format(frame=frame)
            if path.suffix == ".png":
                iio.imwrite(path, picture)
            else:
                path.write_bytes(simplejpeg.encode_jpeg(picture, quality=98, colorsubsampling="444"))
            if masks:
                labels = (coverage > 127).astype(np.uint8) if masks == "schp" else coverage
                iio.imwrite(folder / masks / camera.name / f"{frame:06d}.png", labels)
    return SmallCapture(folder=folder, cameras=rig, boxes=boxes, frames=tuple(range(frames)))
