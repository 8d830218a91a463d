"""The box of every frame: from a file, from masks by visual hull, or the scene's own; and the check that cameras see it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from im4d_core.data.hull import visual_hull
from im4d_core.data.mask_sampler import MaskSampler
from im4d_core.data.pictures import read_mask
from im4d_core.geometry import box_corners, project, projected_box
from im4d_core.types import Camera, Scene

_RESOLUTION = 64  # voxels along the longest side, of the region first and then of what was found


def load_boxes(path: Path, all_frames: Sequence[int], frames: Sequence[int]) -> Float64[np.ndarray, "n_frames 2 3"]:
    """Per-frame boxes of a .npy file, used as they are: one of each selected frame, or one of each frame of the capture.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not such an array, another number of frames, or a box that is empty or not finite.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file of boxes")
    try:
        boxes = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path}: cannot be read as a .npy array ({error}); expected boxes of shape (frames, 2, 3)") from error
    if not isinstance(boxes, np.ndarray) or boxes.shape[1:] != (2, 3) or boxes.dtype.kind not in "fiu" or len(boxes) not in (len(frames), len(all_frames)):
        found = f"{boxes.shape} of {boxes.dtype}" if isinstance(boxes, np.ndarray) else "several arrays"
        raise ValueError(f"{path}: expected boxes of shape ({len(frames)}, 2, 3), minimum and maximum corner of each selected frame "
                         f"(or all {len(all_frames)} frames of the capture), found {found}")  # fmt: skip
    boxes = boxes.astype(np.float64)
    if len(boxes) != len(frames):
        rows = {frame: row for row, frame in enumerate(all_frames)}
        boxes = boxes[[rows[frame] for frame in frames]]
    for frame, box in zip(frames, boxes):
        if not np.isfinite(box).all() or (box[0] >= box[1]).any():
            raise ValueError(f"{path}: the box of frame {frame} must be finite with its minimum below its maximum, found {box.tolist()}")
    return boxes


def boxes_from_masks(
    scene: Scene, views: Sequence[int], region: Float64[np.ndarray, "2 3"] | None, *, padding: float, progress: Callable[[float], None] | None = None
) -> Float64[np.ndarray, "n_frames 2 3"]:
    """The box of each frame's visual hull.

    Args:
        scene: with masks; its boxes and bounds are not used.
        views: whose masks count.
        region: where to search; all that the rig surrounds when None.
        padding: world units added on every side; the result stays within the region.
        progress: called with the share of frames done.

    Raises:
        ValueError: the hull of a frame is empty, or cameras look the same way and there is no region.
    """
    found = region if region is not None else rig_region([scene.cameras[view] for view in views])
    samplers = [MaskSampler(scene, view) for view in views]
    cameras = [sampler.camera for sampler in samplers]

    def frame_box(frame: int) -> np.ndarray:
        masks = [sampler.read(frame) for sampler in samplers]
        rough = visual_hull(cameras, masks, found, resolution=_RESOLUTION, outer=True).box
        box = None if rough is None else visual_hull(cameras, masks, rough, resolution=_RESOLUTION).box
        if box is None:
            largest = max(int(read_mask(sampler.path(frame)).max()) for sampler in samplers)
            advice = "check the masks and the calibration, or give --boxes or --bounds"
            if region is not None and largest > 127:  # where masks show something, the box may be the mistake
                advice = "give --bounds that hold the subject, or leave them out; else check the masks and the calibration"
            raise ValueError(
                f"{scene.root}: the masks of frame {frame} have no common part within {np.round(found, 3).tolist()} (their largest value is {largest} of 255); "
                f"{advice}"
            )
        box = box + np.array([[-padding], [padding]])
        return box if region is None else np.clip(box, region[0], region[1])

    boxes = []
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        pending = [pool.submit(frame_box, frame) for frame in scene.frames]
        try:
            for future in pending:
                boxes.append(future.result())
                if progress is not None:
                    progress(len(boxes) / len(pending))
        finally:
            for future in pending:
                future.cancel()
    return np.stack(boxes)


def rig_region(cameras: Sequence[Camera]) -> Float64[np.ndarray, "2 3"]:
    """A cube that surely holds what a rig looks at: around the point closest to all optical axes, out to the cameras.

    Raises:
        ValueError: the axes are almost parallel, so there is no such point.
    """
    axes, centres = np.stack([camera.R[2] for camera in cameras]), np.stack([camera.centre for camera in cameras])
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    matrix = across.mean(axis=0)
    if np.linalg.eigvalsh(matrix)[0] < 1e-3:  # axes within about 2 degrees of each other
        raise ValueError(f"the {len(cameras)} cameras look the same way, so where the subject is cannot be told from them; give --bounds")
    focus = np.linalg.solve(matrix, np.einsum("nij,nj->i", across, centres) / len(cameras))
    reach = float(np.median(np.linalg.norm(centres - focus, axis=1)))
    return np.stack([focus - reach, focus + reach])


def require_seen(scene: Scene) -> None:
    """Every frame's box is in the picture of at least one camera.

    Raises:
        ValueError: it is not; names the first such frame.
    """
    for frame, box in zip(scene.frames, scene.boxes):
        if not any(_sees(camera, box) for camera in scene.cameras):
            raise ValueError(
                f"{scene.root}: no camera sees the box of frame {frame}, {np.round(box, 3).tolist()}; expected world coordinates of the calibration; "
                f"check --boxes, --bounds or bounds_min and bounds_max in meta.json"
            )


def _sees(camera: Camera, box: Float64[np.ndarray, "2 3"]) -> bool:
    points = np.concatenate([box_corners(box), box.mean(axis=0, keepdims=True)])
    uv, depth = project(camera, points)
    if ((depth > 0) & (uv >= 0).all(axis=1) & (uv < (camera.width, camera.height)).all(axis=1)).any():
        return True
    if (depth <= 0).all():
        return False
    return bool(projected_box(camera, box).any())  # the picture may lie within a face of the box
