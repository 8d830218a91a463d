"""Occupancy grids: which cells of a frame's box hold matter. Baked once per frame, bit-packed on disk, read one frame at a time."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from im4d_core import kernels
from im4d_core.config import OccupancyConfig
from im4d_core.kernels.bricks import NOTHING, BrickPlaces, Refine, brick_places
from im4d_core.methods.base import Method
from im4d_core.render.inside import Inside
from im4d_core.whole_file import DAMAGE

REACH = 16
"""Cells that a march looks ahead; more than these skip nothing more of a body's box."""
_FORMAT, _VERSION = "im4d-occupancy", 1


@dataclass(frozen=True, kw_only=True)
class Occupancy:
    """The occupied cells of one frame's box."""

    occupied: Bool[Tensor, "x y z"]
    box: Float[Tensor, "2 3"]
    """In host memory, whatever the device of the cells: the host computes with it, and would wait for a device."""
    _bricks: dict[Refine, BrickPlaces] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def distance(self) -> UInt8[Tensor, "x y z"]:
        """Cells to the nearest occupied one, up to `REACH`, with which a march skips what is empty."""
        return kernels.distance_grid(self.occupied, REACH)

    @cached_property
    def corners(self) -> Float[Tensor, "2 3"]:
        """The box on the device of the cells."""
        return self.box.to(self.occupied.device, non_blocking=True)

    def bricks(self, refine: Refine) -> BrickPlaces:
        """Where bricks with so many fine cells per cell and axis are wanted; found once."""
        if refine not in self._bricks:
            self._bricks[refine] = brick_places(self.occupied, refine)
        return self._bricks[refine]

    @property
    def bytes(self) -> int:
        """Held in memory, the distances included."""
        return 2 * self.occupied.nbytes


def within(occupancy: Occupancy, crop: Float[np.ndarray, "2 3"]) -> Occupancy:
    """Only the cells whose middle lies in a box."""
    occupied = occupancy.occupied
    low, high = occupancy.box.double().numpy()
    kept = occupied
    for axis, cells in enumerate(occupied.shape):
        middles = low[axis] + (np.arange(cells) + 0.5) * (high[axis] - low[axis]) / cells
        inside = torch.from_numpy((middles >= crop[0, axis]) & (middles <= crop[1, axis])).to(occupied.device)
        kept = kept & inside.reshape([-1 if i == axis else 1 for i in range(3)])
    return Occupancy(occupied=kept, box=occupancy.box)


def around(occupancy: Occupancy, crop: Float[np.ndarray, "2 3"]) -> Float[np.ndarray, "2 3"]:
    """A box that holds the cells that `within` leaves, with room to spare: rays that are cut to it lose no sample."""
    low, high = occupancy.box.double().numpy()
    cell = (high - low) / np.array(occupancy.occupied.shape)
    return np.stack([crop[0] - cell, crop[1] + cell])


def grid_shape(box: Float[np.ndarray, "2 3"], config: OccupancyConfig) -> tuple[int, int, int]:
    """Cells along x, y and z: as configured, or near-cubic cells with so many along the longest side."""
    if len(config.resolution) == 3:
        return config.resolution[0], config.resolution[1], config.resolution[2]
    if len(config.resolution) != 1:
        raise ValueError(f"occupancy.resolution needs one number (the longest side) or three (x, y, z), got {config.resolution}")
    size = box[1] - box[0]
    x, y, z = (max(1, round(float(config.resolution[0] * side / size.max()))) for side in size)
    return x, y, z


def bake_frame(
    method: Method,
    time: float,
    box: Float[np.ndarray, "2 3"],
    config: OccupancyConfig,
    device: torch.device,
    *,
    inside: Inside | None = None,
    chunk: int = 1 << 19,
) -> Occupancy:
    """Evaluates the field on a lattice over the box and marks the cells with a probe above the threshold.

    Cells share the probes on their faces, so a lattice of (cells * (samples - 1) + 1) points per axis is evaluated once.

    Args:
        inside: the frame's visual hull; cells outside stay empty. None looks everywhere.
        chunk: probes at once.

    Raises:
        ValueError: fewer than two samples per axis.
    """
    if config.samples < 2:
        raise ValueError(f"occupancy.samples must be at least 2 (both faces of a cell), got {config.samples}")
    shape = grid_shape(box, config)
    stride = config.samples - 1
    corner = torch.as_tensor(box, dtype=torch.float32, device=device)
    axes = [torch.linspace(0.0, 1.0, cells * stride + 1, device=device) * (corner[1, i] - corner[0, i]) + corner[0, i] for i, cells in enumerate(shape)]
    cell = float(((box[1] - box[0]) / np.array(shape)).max())
    times = torch.tensor([time], device=device)
    points_per_plane = len(axes[1]) * len(axes[2])
    planes_at_once = max(1, chunk // points_per_plane)
    filled = []
    with torch.inference_mode():
        plane = torch.stack(torch.meshgrid(axes[1], axes[2], indexing="ij"), dim=-1).reshape(-1, 2)
        for xs in axes[0].split(planes_at_once):
            points = torch.cat([xs.repeat_interleave(points_per_plane)[:, None], plane.repeat(len(xs), 1)], dim=-1)
            logit = _logit(method, points, times, inside)
            if config.raw_logit is not None:
                above = logit > config.raw_logit
            else:
                above = method.activate(logit) * cell > -np.log1p(-config.min_alpha)
            filled.append(above.reshape(len(xs), len(axes[1]), len(axes[2])))
        lattice = torch.cat(filled)[None, None].float()
        occupied = kernels.dilate(torch.nn.functional.max_pool3d(lattice, config.samples, stride=stride)[0, 0] > 0, config.dilation)
        if inside is not None:
            occupied &= inside.hulls.contain(_middles(shape, corner)[None], inside.row)[0]
        return Occupancy(occupied=occupied, box=corner.cpu())


def _logit(method: Method, points: Float[Tensor, "n 3"], time: Float[Tensor, "1"], inside: Inside | None) -> Float[Tensor, "n"]:
    if inside is None:
        return method.logit(points[None], time)[0]
    chosen = inside.choose(points[None, None], 0)
    return torch.where(chosen.inside, chosen.spread(method.logit(chosen.take(points[None]), time)), NOTHING)[0]


def _middles(shape: tuple[int, int, int], box: Float[Tensor, "2 3"]) -> Float[Tensor, "x y z 3"]:
    """The middle of every cell."""
    axes = [(torch.arange(cells, device=box.device) + 0.5) / cells for cells in shape]
    return box[0] + torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1) * (box[1] - box[0])


class OccupancyFile:
    """The baked grids of a run: a zip of one bit-packed array per frame. It is held in memory as it is, some 20 KB a frame."""

    def __init__(self, path: Path, model_id: str) -> None:
        """Args: model_id is the digest of the weights; a file baked from others is refused.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is damaged, or was baked from another model.
        """
        self.path = path
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
            self._index = json.loads(self._archive.read("index.json"))
        except FileNotFoundError:
            raise FileNotFoundError(f"{path}: no occupancy was baked; run `python -m im4d_core cache {path.parent}`") from None
        except DAMAGE as error:
            raise ValueError(f"{path}: not an occupancy file ({error}); delete it and run `python -m im4d_core cache {path.parent}`") from error
        if self._index.get("format") != _FORMAT or self._index.get("version") != _VERSION:
            found = f"{self._index.get('format')} version {self._index.get('version')}"
            raise ValueError(f"{path}: expected {_FORMAT} version {_VERSION}, found {found}; run `python -m im4d_core cache {path.parent}`")
        if self._index["model"] != model_id:
            raise ValueError(
                f"{path}: baked from another model ({self._index['model']}, the weights here are {model_id}); run `python -m im4d_core cache {path.parent}`"
            )
        self.frames: tuple[int, ...] = tuple(self._index["frames"])

    def load(self, frame: int, device: torch.device) -> Occupancy:
        """Reads one frame's grid.

        Raises:
            ValueError: the frame is not in the file, or its data are damaged.
        """
        if frame not in self.frames:
            raise ValueError(f"{self.path}: frame {frame} is not baked; run `python -m im4d_core cache {self.path.parent}`")
        shape = tuple(self._index["shapes"][self.frames.index(frame)])
        try:
            packed = np.frombuffer(self._archive.read(f"{frame}"), np.uint8)
            occupied = unpacked(packed, int(np.prod(shape)), device).reshape(shape)
        except DAMAGE as error:
            raise ValueError(f"{self.path}: frame {frame} is damaged ({error}); run `python -m im4d_core cache {self.path.parent}`") from error
        box = torch.tensor(self._index["boxes"][self.frames.index(frame)], dtype=torch.float32)
        return Occupancy(occupied=occupied, box=box)


def unpacked(packed: UInt8[np.ndarray, "bytes"], count: int, device: torch.device) -> Bool[Tensor, "count"]:
    """The bits of bytes, the highest first, as NumPy packs them. On a GPU they are taken apart there: an eighth is to be copied."""
    if device.type == "cpu":
        return torch.from_numpy(np.unpackbits(packed, count=count).astype(bool))
    bits = torch.tensor([128, 64, 32, 16, 8, 4, 2, 1], dtype=torch.uint8).to(device, non_blocking=True)
    return (torch.from_numpy(packed.copy()).to(device).unsqueeze(1) & bits).bool().flatten()[:count]


def write_occupancy(path: Path, model_id: str, grids: Iterable[tuple[int, Occupancy]], count: int, progress: Callable[[int, int], bool] | None = None) -> bool:
    """Writes the grids of a run as they come, under a temporary name that is renamed when all are there.

    Args:
        count: how many grids will come.
        progress: called with (done, count) after each frame; returns False to cancel.

    Returns:
        False where it was cancelled; then nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    frames, shapes, boxes = [], [], []
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for frame, grid in grids:
                archive.writestr(f"{frame}", np.packbits(grid.occupied.cpu().numpy()).tobytes())
                frames.append(frame)
                shapes.append(list(grid.occupied.shape))
                boxes.append(grid.box.tolist())
                if progress is not None and not progress(len(frames), count):
                    return False
            index = {"format": _FORMAT, "version": _VERSION, "model": model_id, "frames": frames, "shapes": shapes, "boxes": boxes}
            archive.writestr("index.json", json.dumps(index))
        os.replace(temporary, path)
        return True
    finally:
        temporary.unlink(missing_ok=True)
