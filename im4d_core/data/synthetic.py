"""The synthetic capture: a textured, shaded, dancing figure on a studio rig, with exact masks, depth and cameras."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64

from im4d_core.data.pictures import write_jpeg, write_png
from im4d_core.data.raymarch import Figure, FigurePicture, render_figure
from im4d_core.data.solid import Solid
from im4d_core.geometry import box_union, intrinsics, look_at
from im4d_core.types import Camera

__all__ = ["FigurePicture", "motion_bounds", "render_figure", "studio_cameras", "synthesize"]

_KIND = "im4d synthetic capture"
_PADDING_M = 0.08
_CPU_BATCH = 4
"""Pictures marched together: enough that arithmetic outweighs the calls, few enough that all cores have some."""
_GPU_BATCH_PIXELS = 1 << 23


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
    target = np.array([0.0, -0.08, 0.93])
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
        cameras.append(Camera(name=f"{i:0{digits}d}", K=intrinsics(size, size, 43.0 + 0.5 * zoom), T_camera_world=pose, width=size, height=size))
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
        supersample: rays a pixel each way where a pixel is not uniform; one more along the outline.
        seed: of the rig's irregularities.

    Raises:
        ValueError: a count or size makes no capture, or the folder holds something else.
        RuntimeError: it cannot be written; nothing is left behind.
    """
    target = Path(folder).resolve()
    if frames < 1 or size < 16 or fps <= 0 or supersample < 1:
        given = f"frames={frames}, size={size}, fps={fps}, supersample={supersample}"
        raise ValueError(f"a synthetic capture needs at least 1 frame, 16 pixels, a positive frame rate and 1 sample a pixel; got {given}")
    rig = studio_cameras(cameras, test_cameras, size, seed=seed)
    _check_replaceable(target)
    work: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        _write_pictures(work, rig, frames, cameras - test_cameras, device, supersample, progress)
        _write_calibration(work, rig)
        _write_meta(work, target.name, rig, frames, fps, cameras - test_cameras)
        work.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        work.rename(target)
        work = None
    except OSError as error:
        raise RuntimeError(f"{target}: the capture cannot be written ({error.strerror or error}); free space or choose another folder") from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)
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

    def work_on(figure: Figure, frame: int, batch: range) -> int:
        for view, picture in zip(batch, figure.render_all([rig[view] for view in batch], supersample=supersample), strict=True):
            _write_picture(work, rig[view].name, frame, picture, view >= train)
        return len(batch)

    done, total = 0, frames * len(rig)
    on_cpu = device == "cpu"
    size = _CPU_BATCH if on_cpu else max(1, _GPU_BATCH_PIXELS // (rig[0].width * rig[0].height))
    batches = [range(begin, min(begin + size, len(rig))) for begin in range(0, len(rig), size)]
    # Threads beside each other, one core each: threads within an operation would wait for each other many thousand times a picture.
    workers = min(torch.get_num_threads(), len(batches)) if on_cpu else 2
    with ThreadPoolExecutor(max_workers=workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for frame in range(frames):
            figure = pool.submit(Figure, frame / frames, device=device).result()
            for written in as_completed([pool.submit(work_on, figure, frame, batch) for batch in batches]):
                for _ in range(written.result()):
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


def _write_meta(work: Path, name: str, rig: tuple[Camera, ...], frames: int, fps: float, train: int) -> None:
    bounds = motion_bounds([frame / frames for frame in range(frames)])
    meta = {
        "name": name,
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
        "masked": True,
    }
    (work / "meta.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")
