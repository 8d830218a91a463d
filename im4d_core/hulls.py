"""Visual hulls of a scene's frames: where the masks of a moment allow matter at all. Training and the full renderer evaluate nothing outside."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from im4d_core.whole_file import DAMAGE, whole_file

_BITS = 8


@dataclass(frozen=True, kw_only=True)
class Hulls:
    """The cells of one box, the same for all frames, that the masks of a frame do not rule out."""

    frames: tuple[int, ...]
    bits: UInt8[Tensor, "frame x y bytes"]
    """Eight cells along z in a byte, the lowest bit first."""
    box: Float[Tensor, "2 3"]

    def row(self, frame: int) -> int:
        """Where the hull of a frame stands.

        Raises:
            ValueError: there is none of this frame.
        """
        if frame not in self.frames:
            raise ValueError(f"frame {frame} has no visual hull; those of frames {self.frames[0]} to {self.frames[-1]} were made when the run was trained")
        return self.frames.index(frame)

    def contain(self, points: Float[Tensor, "target *sample 3"], row: Int[Tensor, "target"]) -> Bool[Tensor, "target *sample"]:
        """Whether world points lie in the hulls of their targets' frames; never outside the box.

        Args:
            row: of each target's frame.
        """
        relative = (points - self.box[0]) / (self.box[1] - self.box[0])
        inside = ((relative >= 0.0) & (relative < 1.0)).all(dim=-1)
        counts = (*self.bits.shape[1:3], _BITS * self.bits.shape[3])
        x, y, z = ((relative[..., axis] * count).long().clamp(0, count - 1) for axis, count in enumerate(counts))
        rows = row.reshape(-1, *[1] * (points.dim() - 2)).expand(inside.shape)
        return inside & ((self.bits[rows, x, y, z // _BITS] >> (z % _BITS)) & 1).bool()

    def cells(self, row: int) -> Bool[Tensor, "x y z"]:
        """The hull of one frame."""
        places = torch.arange(_BITS, device=self.bits.device)
        return ((self.bits[row].unsqueeze(-1) >> places) & 1).bool().flatten(2)

    def joined(self, frame: int, other: int) -> Hulls:
        """One hull, of a frame and another one together, under the frame's number."""
        return replace(self, frames=(frame,), bits=(self.bits[self.row(frame)] | self.bits[self.row(other)]).unsqueeze(0))

    def to(self, device: torch.device) -> Hulls:
        """The same on a device."""
        return replace(self, bits=self.bits.to(device), box=self.box.to(device))


def packed(occupied: Bool[np.ndarray, "x y z"]) -> UInt8[np.ndarray, "x y bytes"]:
    """The cells of one frame as `Hulls` has them."""
    return np.packbits(occupied, axis=-1, bitorder="little")


def hulls_of(frames: tuple[int, ...], cells: list[UInt8[np.ndarray, "x y bytes"]], box: Float[np.ndarray, "2 3"]) -> Hulls:
    """Hulls from the packed cells of each frame, as many along z as fill bytes."""
    return Hulls(frames=frames, bits=torch.from_numpy(np.stack(cells)), box=torch.as_tensor(box, dtype=torch.float32))


def save_hulls(hulls: Hulls, path: Path) -> None:
    """Writes hulls; the file appears whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with whole_file(path) as temporary, temporary.open("wb") as file:  # given a name, NumPy would lengthen it
        np.savez_compressed(file, frames=np.array(hulls.frames), bits=hulls.bits.cpu().numpy(), box=hulls.box.cpu().numpy())


def load_hulls(path: Path) -> Hulls:
    """Reads hulls.

    Raises:
        ValueError: the file is damaged or another program's.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            frames, bits, box = file["frames"], file["bits"], file["box"]
        if bits.dtype != np.uint8 or bits.ndim != 4 or len(bits) != len(frames) or box.shape != (2, 3) or not (box[0] < box[1]).all():
            raise ValueError(f"cells {bits.shape} of {bits.dtype} for {len(frames)} frames in a box of shape {box.shape}")
        return Hulls(frames=tuple(int(frame) for frame in frames), bits=torch.from_numpy(bits), box=torch.as_tensor(box, dtype=torch.float32))
    except DAMAGE as error:
        raise ValueError(f"{path}: not a file of visual hulls ({error}); take it from a copy of the run, or train the run anew") from error
