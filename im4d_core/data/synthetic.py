"""The synthetic capture: a textured, shaded, dancing figure on a studio rig, with exact masks, depth and cameras."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Float64, UInt8
from torch import Tensor

from im4d_core.data.pictures import write_jpeg, write_png
from im4d_core.data.shading import display, shade, to_bytes
from im4d_core.data.solid import CoarseField, Solid
from im4d_core.geometry import box_corners, box_union, intrinsics, look_at, project
from im4d_core.types import Camera

_KIND = "im4d synthetic capture"
_PADDING_M = 0.08
_BLOCK = 8
"""Pixels on the side of a block that one cone tests first."""
_HIT_M = 2e-4
_MAX_STEPS = 72
_TIGHTEN = 0.9
"""Share of the distance stepped: stretched parts know theirs to first order only."""


@dataclass(frozen=True, kw_only=True)
class FigurePicture:
    """The figure seen by a camera."""

    rgb: UInt8[np.ndarray, "h w 3"]
    """Composited on black by coverage, in display space."""
    alpha: UInt8[np.ndarray, "h w"]
    depth: Float32[np.ndarray, "h w"]
    """Along the optical axis at pixel centres; 0 where there is nothing."""


@dataclass(frozen=True, kw_only=True)
class _Hits:
    found: Tensor
    """(n,) whether each ray met the figure."""
    depth: Tensor
    near_miss: Tensor
    """(n,) least distance of a missing ray from the figure, in pixels."""


class Figure:
    """The figure at one time, ready to be seen by many cameras."""

    def __init__(self, time: float, *, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self.solid = Solid(time, device=self.device)
        self.field = CoarseField(self.solid)

    @torch.no_grad()
    def render(self, camera: Camera, *, supersample: int = 2) -> FigurePicture:
        """The picture of a camera; edges are refined with `supersample` x `supersample` rays a pixel."""
        h, w = camera.height, camera.width
        rig = _Rig(camera, self.device)
        start = self._cone_starts(rig)
        candidates = torch.nonzero(start.view(-1) >= 0)[:, 0]
        columns, rows = candidates % w, candidates // w
        uv = torch.stack([columns + 0.5, rows + 0.5])
        hits = self._march(rig, uv, start.view(-1)[candidates])
        met = candidates[hits.found]
        colour, depth, group = torch.zeros(3, h * w, device=self.device), torch.zeros(h * w, device=self.device), torch.full((h * w,), -1.0, device=self.device)
        if met.numel():
            colour[:, met], group[met] = self._colours(rig, uv[:, hits.found], hits.depth[hits.found], 1.0)
        depth[met] = hits.depth[hits.found]
        alpha = (depth > 0).float()
        if supersample > 1:
            near = torch.zeros(h * w, dtype=torch.bool, device=self.device)
            near[candidates] = ~hits.found & (hits.near_miss < 1.0)
            edges = torch.nonzero((_contrast(colour.view(3, h, w), depth.view(h, w), group.view(h, w)).view(-1) | near) & (start.view(-1) >= 0))[:, 0]
            if edges.numel():
                colour[:, edges], alpha[edges] = self._refined(rig, edges, start.view(-1)[edges], supersample)
        return FigurePicture(
            rgb=to_bytes(colour.view(3, h, w).permute(1, 2, 0)).cpu().contiguous().numpy(),
            alpha=to_bytes(alpha.view(h, w)).cpu().numpy(),
            depth=depth.view(h, w).cpu().numpy(),
        )

    def _cone_starts(self, rig: _Rig) -> Tensor:
        """(h, w) depth from which each pixel's ray must be marched; -1 where a cone around its block of pixels met nothing."""
        h, w = rig.height, rig.width
        rows, columns = -(-h // _BLOCK), -(-w // _BLOCK)
        v, u = torch.meshgrid(torch.arange(rows, device=self.device), torch.arange(columns, device=self.device), indexing="ij")
        uv = torch.stack([u.reshape(-1), v.reshape(-1)]) * _BLOCK + _BLOCK / 2
        directions = rig.directions(uv)
        stretch = directions.norm(dim=0)
        widening = (_BLOCK / 2 + 1.0) * 1.4143 * rig.pixel  # half the block's diagonal and a pixel around it, at depth 1
        low, high = rig.depth_range(self.solid.bounds)
        depth = torch.full_like(stretch, low)
        result = torch.full_like(stretch, -1.0)
        active = torch.arange(stretch.numel(), device=self.device)
        for _ in range(_MAX_STEPS):
            at = rig.centre + directions[:, active] * depth[active]
            free = self.solid.distance(at) - widening * depth[active]
            stopped = free <= 1e-3
            result[active[stopped]] = depth[active[stopped]]
            depth[active] += _TIGHTEN * free.clamp(min=0.0) / (stretch[active] + widening)
            active = active[~stopped & (depth[active] < high)]
            if active.numel() == 0:
                break
        result[active] = depth[active]
        blocks = result.view(rows, columns)
        return blocks.repeat_interleave(_BLOCK, dim=0).repeat_interleave(_BLOCK, dim=1)[:h, :w].contiguous()

    def _march(self, rig: _Rig, uv: Tensor, start: Tensor) -> _Hits:
        directions = rig.directions(uv)
        stretch = directions.norm(dim=0)
        _, high = rig.depth_range(self.solid.bounds)
        found = torch.zeros(start.numel(), dtype=torch.bool, device=self.device)
        depth, miss = start.clone(), torch.full_like(start, torch.inf)
        active = torch.arange(start.numel(), device=self.device)
        along, travel, inverse = directions, depth.clone(), 1.0 / stretch
        nearest = miss.clone()
        for step in range(_MAX_STEPS):
            distance = self.solid.distance(rig.centre + along * travel)
            hit = distance < _HIT_M
            if step == _MAX_STEPS - 1:
                hit = distance < 5 * _HIT_M  # rays that graze for long
            nearest = torch.minimum(nearest, distance / (travel * rig.pixel))
            moved = travel + _TIGHTEN * distance * inverse
            done = hit | (moved > high)
            if bool(done.any()):
                ended = active[done]
                found[ended], depth[ended], miss[ended] = hit[done], moved[done], nearest[done]
                keep = torch.nonzero(~done)[:, 0]
                active, along, moved, inverse, nearest = active[keep], along[:, keep], moved[keep], inverse[keep], nearest[keep]
                if active.numel() == 0:
                    break
            travel = moved
        miss[active] = nearest
        return _Hits(found=found, depth=depth, near_miss=miss)

    def _colours(self, rig: _Rig, uv: Tensor, depth: Tensor, pixel_share: float) -> tuple[Tensor, Tensor]:
        directions = rig.directions(uv)
        points = rig.centre + directions * depth
        surface = self.solid.surface(points)
        view = -torch.nn.functional.normalize(directions, dim=0)
        shaded = shade(surface, points, view, depth * rig.pixel * pixel_share, self.field)
        return display(shaded.diffuse + shaded.specular), surface.group.float()

    def _refined(self, rig: _Rig, pixels: Tensor, start: Tensor, supersample: int) -> tuple[Tensor, Tensor]:
        offsets = (torch.arange(supersample, device=self.device) + 0.5) / supersample
        dv, du = torch.meshgrid(offsets, offsets, indexing="ij")
        count = supersample * supersample
        u = (pixels % rig.width)[:, None] + du.reshape(1, -1)
        v = (pixels // rig.width)[:, None] + dv.reshape(1, -1)
        uv = torch.stack([u.reshape(-1), v.reshape(-1)])
        hits = self._march(rig, uv, start.repeat_interleave(count))
        colour = torch.zeros(3, uv.shape[1], device=self.device)
        if bool(hits.found.any()):
            colour[:, hits.found] = self._colours(rig, uv[:, hits.found], hits.depth[hits.found], 1.0 / supersample)[0]
        return colour.view(3, -1, count).mean(dim=2), hits.found.view(-1, count).float().mean(dim=1)


class _Rig:
    """A camera as tensors."""

    def __init__(self, camera: Camera, device: torch.device) -> None:
        self.width, self.height = camera.width, camera.height
        self.centre = torch.as_tensor(camera.centre, dtype=torch.float32, device=device)[:, None]
        self._camera = camera
        self._from_pixels = torch.as_tensor(camera.R.T @ np.linalg.inv(camera.K), dtype=torch.float32, device=device)
        self.pixel = float(1.0 / min(camera.K[0, 0], camera.K[1, 1]))
        """Size of a pixel at depth 1."""

    def directions(self, uv: Tensor) -> Tensor:
        """Rays with depth 1 along the optical axis."""
        return torch.addmm(self._from_pixels[:, 2:], self._from_pixels[:, :2], uv.to(torch.float32))

    def depth_range(self, bounds: Float64[np.ndarray, "2 3"]) -> tuple[float, float]:
        _, depth = project(self._camera, box_corners(bounds))
        return max(float(depth.min()) - 0.05, 0.05), float(depth.max()) + 0.05


def _contrast(colour: Tensor, depth: Tensor, group: Tensor) -> Tensor:
    """Pixels that differ from a neighbour in coverage, part, depth or colour: one ray is not enough there."""
    values = torch.cat([colour / 0.06, depth[None] / 0.04, group[None]])  # a step of 0.06 in display colour or of 4 cm counts
    edge = torch.zeros_like(depth, dtype=torch.bool)
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        h, w = depth.shape
        here = (slice(0, h - dy), slice(max(0, -dx), w - max(0, dx)))
        there = (slice(dy, h), slice(max(0, dx), w + min(0, dx)))
        differs = ((values[(slice(None), *here)] - values[(slice(None), *there)]).abs() > 1.0 - 1e-3).any(dim=0)  # 1e-3: groups differ by exactly 1
        edge[here] |= differs
        edge[there] |= differs
    return edge


def render_figure(camera: Camera, time: float, *, device: str = "cpu", supersample: int = 2) -> FigurePicture:
    """The figure at a time of its loop (1 equals 0), seen by any camera."""
    return Figure(time, device=device).render(camera, supersample=supersample)


def motion_bounds(times: list[float]) -> Float64[np.ndarray, "2 3"]:
    """The box around the figure at all times, without padding."""
    return box_union(np.stack([Solid(time, device=torch.device("cpu")).bounds for time in times]))


def studio_cameras(count: int = 20, test_count: int = 4, size: int = 512, *, seed: int = 0) -> tuple[Camera, ...]:
    """The rig: training cameras on a low and a high ring, then held-out cameras between them.

    Args:
        size: width and height of the pictures.
        seed: of the small irregularities that every real rig has.

    Raises:
        ValueError: fewer than 2 training cameras, or a negative number of test cameras.
    """
    train = count - test_count
    if test_count < 0 or train < 2:
        raise ValueError(f"a rig needs at least 2 training cameras beside its {test_count} held-out ones, got {count} cameras in total")
    target = np.array([0.0, -0.04, 0.99])
    places = []
    for i in range(train):
        places.append((2 * np.pi * i / train, 0.75 if i % 2 == 0 else 1.75))
    for i in range(test_count):
        step = round(i * train / max(test_count, 1)) + 0.5
        places.append((2 * np.pi * step / train, 1.05 if i % 2 == 0 else 1.45))
    random = np.random.default_rng(seed)
    digits = max(2, len(str(count - 1)))
    cameras = []
    for i, (angle, height) in enumerate(places):
        turn, lift, back, zoom, *aim = random.uniform(-1.0, 1.0, 7)
        angle, height, away = angle + 0.03 * turn, height + 0.04 * lift, 3.05 + 0.05 * back
        centre = np.array([away * np.sin(angle), -away * np.cos(angle), height])
        pose = look_at(centre, target + 0.015 * np.array(aim), np.array([0.0, 0.0, 1.0]))
        cameras.append(Camera(name=f"{i:0{digits}d}", K=intrinsics(size, size, 41.5 + 0.5 * zoom), T_camera_world=pose, width=size, height=size))
    return tuple(cameras)


def synthesize(
    folder: str | os.PathLike[str],
    *,
    cameras: int = 20,
    frames: int = 24,
    size: int = 512,
    fps: float = 24.0,
    test_cameras: int = 4,
    progress: Callable[[int, int], None] | None = None,
    device: str = "cpu",
    supersample: int = 2,
    seed: int = 0,
) -> Path:
    """Write the synthetic capture in EasyMocap's layout, with `meta.json` and the depth of the held-out cameras.

    Args:
        folder: where to; an earlier synthetic capture there is replaced, anything else is left alone.
        cameras: all cameras; the last `test_cameras` are held out.
        frames: pictures of each camera; together they are one loop of the dance.
        size: width and height of the pictures.
        progress: called with the number of pictures done and their total.
        supersample: edges are refined with its square of rays a pixel.
        seed: of the rig's irregularities.

    Raises:
        ValueError: a count or size makes no capture, or the folder holds something else.
    """
    target = Path(folder).resolve()
    if frames < 1 or size < 16 or fps <= 0 or supersample < 1:
        given = f"frames={frames}, size={size}, fps={fps}, supersample={supersample}"
        raise ValueError(f"a synthetic capture needs at least 1 frame, 16 pixels, a positive frame rate and 1 sample a pixel; got {given}")
    rig = studio_cameras(cameras, test_cameras, size, seed=seed)
    _check_replaceable(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _write_pictures(work, rig, frames, cameras - test_cameras, device, supersample, progress)
        _write_calibration(work, rig)
        _write_meta(work, rig, frames, fps, cameras - test_cameras)
        work.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        work.rename(target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return target


def _check_replaceable(target: Path) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise ValueError(f"cannot write a synthetic capture to {target}: a file of that name exists; choose another folder")
    if not any(target.iterdir()):
        return
    meta = target / "meta.json"
    try:
        kind = json.loads(meta.read_text(encoding="utf-8")).get("kind") if meta.is_file() else None
    except (ValueError, AttributeError):
        kind = None
    if kind != _KIND:
        raise ValueError(f"cannot write a synthetic capture to {target}: the folder holds other files, which would be lost; choose an empty or new folder")


def _write_pictures(
    work: Path, rig: tuple[Camera, ...], frames: int, train: int, device: str, supersample: int, progress: Callable[[int, int], None] | None
) -> None:
    for camera in rig:
        (work / "images" / camera.name).mkdir(parents=True)
        (work / "masks" / camera.name).mkdir(parents=True)
    (work / "gt" / "depth").mkdir(parents=True)

    def work_on(figure: Figure, frame: int, view: int) -> None:
        picture = figure.render(rig[view], supersample=supersample)
        _write_picture(work, rig[view].name, frame, picture, view >= train)

    done, total = 0, frames * len(rig)
    # One picture a thread: threads within an operation would wait for each other many thousand times a picture.
    workers = torch.get_num_threads() if device == "cpu" else 4
    with ThreadPoolExecutor(max_workers=workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for frame in range(frames):
            figure = pool.submit(Figure, frame / frames, device=device).result()
            for written in as_completed([pool.submit(work_on, figure, frame, view) for view in range(len(rig))]):
                written.result()
                done += 1
                if progress is not None:
                    progress(done, total)


def _write_picture(work: Path, camera: str, frame: int, picture: FigurePicture, with_depth: bool) -> None:
    write_jpeg(work / "images" / camera / f"{frame:06d}.jpg", picture.rgb, quality=95)
    write_png(work / "masks" / camera / f"{frame:06d}.png", picture.alpha)
    if with_depth:
        np.savez_compressed(work / "gt" / "depth" / f"{camera}_{frame:06d}.npz", depth=picture.depth.astype(np.float16))


def _matrix(name: str, values: np.ndarray) -> str:
    rows, columns = values.shape
    data = ", ".join(repr(float(value)) for value in values.reshape(-1))
    return f"{name}: !!opencv-matrix\n  rows: {rows}\n  cols: {columns}\n  dt: d\n  data: [{data}]\n"


def _rotation_vector(R: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, "3"]:
    """Axis times angle, by the rotation's axis as an eigenvector: safe up to half a turn."""
    angle = np.arccos(np.clip((np.trace(R) - 1) / 2, -1, 1))
    values, vectors = np.linalg.eigh((R + R.T) / 2)
    axis = vectors[:, np.argmax(values)]
    twist = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    return axis * angle * (-1.0 if axis @ twist < 0 else 1.0)


def _write_calibration(work: Path, rig: tuple[Camera, ...]) -> None:
    head = "%YAML:1.0\n---\nnames:\n" + "".join(f'  - "{camera.name}"\n' for camera in rig)
    intri, extri = head, head
    for camera in rig:
        intri += _matrix(f"K_{camera.name}", camera.K) + _matrix(f"dist_{camera.name}", np.zeros((5, 1)))
        extri += _matrix(f"R_{camera.name}", _rotation_vector(camera.R)[:, None]) + _matrix(f"Rot_{camera.name}", camera.R)
        extri += _matrix(f"T_{camera.name}", camera.T_camera_world[:3, 3:])
    (work / "intri.yml").write_text(intri, encoding="utf-8")
    (work / "extri.yml").write_text(extri, encoding="utf-8")


def _write_meta(work: Path, rig: tuple[Camera, ...], frames: int, fps: float, train: int) -> None:
    bounds = motion_bounds([frame / frames for frame in range(frames)])
    meta = {
        "name": "synthetic",
        "title": "a dancer, rendered from signed distances",
        "kind": _KIND,
        "width": rig[0].width,
        "height": rig[0].height,
        "frames": frames,
        "fps": fps,
        "cameras": [camera.name for camera in rig],
        "train_views": [camera.name for camera in rig[:train]],
        "test_views": [camera.name for camera in rig[train:]],
        "bounds_min": (bounds[0] - _PADDING_M).round(4).tolist(),
        "bounds_max": (bounds[1] + _PADDING_M).round(4).tolist(),
        "unit": "metre",
        "up": "z",
        "background": [0.0, 0.0, 0.0],
        "pixel_centre": 0.5,
    }
    (work / "meta.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")
