"""The fast renderer on an NVIDIA GPU: a handful of launches for a picture, none of which the host waits for.

Work is split by its clock. Per model: `FusedField` and `FusedBlend` hold packed weights. Per frame: `FrameField` (the field at one time and where it may
be dense) and `SourceTexels`. Per picture: `Painter.paint`.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float16, Float32, Int, UInt8
from torch import Tensor

from im4d_core.kernels import nvrtc, packing, structs
from im4d_core.kernels.bricks import SIDE, BrickPlaces, Bricks, Refine
from im4d_core.kernels.packing import BlendTensors, FieldTensors

MOST_VIEWS = 16
_BLOCK = 256
_BAKE_BLOCK = 192
"""Six warps: sixteen rows each of the 81 on a face."""


def unserved(field: FieldTensors, views: int) -> str | None:
    """Why the kernels cannot render a model, in words; None where they can."""
    channels, width = field.spatial[0].shape[1], field.out.weight.shape[1]
    if channels not in (8, 16):
        return f"planes of {channels} channels (8 and 16 are)"
    if width % 16 or width > 64:
        return f"an MLP {width} wide (16, 32, 48 and 64 are)"
    if not 1 <= views <= MOST_VIEWS:
        return f"{views} source views (up to {MOST_VIEWS} are)"
    return None


@dataclass(frozen=True, kw_only=True)
class FrameField:
    """A field at one time, inside the occupied cells of one box."""

    low: Float32[np.ndarray, "3"]
    high: Float32[np.ndarray, "3"]
    cells: tuple[int, int, int]
    distance: UInt8[Tensor, "x y z"]
    lines: tuple[Float16[Tensor, "3 _size channels"], ...]
    bricks: Bricks | None = None

    @property
    def bytes(self) -> int:
        return self.distance.nbytes + sum(line.nbytes for line in self.lines) + (self.bricks.bytes if self.bricks else 0)


@dataclass(frozen=True, kw_only=True)
class SourceTexels:
    """What the source views of a picture show, packed for the kernels."""

    texels: Float16[Tensor, "source height width 16"]
    views: Int[Tensor, "source 26"]
    """Poses, intrinsics and sizes, as `shade.cu` reads them."""

    @property
    def bytes(self) -> int:
        return self.texels.nbytes


@dataclass(frozen=True, kw_only=True)
class Aim:
    """Where a picture is taken from, and how its rays are marched."""

    to_world: Float[np.ndarray, "3 3"]
    """Pixel (u, v, 1) to a direction whose parameter is depth."""
    centre: Float[np.ndarray, "3"]
    width: int
    height: int
    pixel_offset: float
    near: float
    far: float
    step: float
    min_weight: float
    stop: float
    """A ray ends below this transmittance."""


@dataclass(frozen=True, kw_only=True)
class Painted:
    """A picture. What was not asked for is None."""

    rgb: Float32[Tensor, "h w 3"] | None
    opacity: Float32[Tensor, "h w"] | None
    depth: Float32[Tensor, "h w"]
    samples: Int[Tensor, "h w"] | None
    display: UInt8[Tensor, "h w 4"]


class FusedField:
    """A density field packed for the tensor cores of one device."""

    def __init__(self, tensors: FieldTensors) -> None:
        self._temporal = tuple(packing.packed_temporal(planes) for planes in tensors.temporal)
        self._planes = tuple(packing.packed_planes(planes) for planes in tensors.spatial)
        self._weights, self._biases = packing.packed_mlp(tensors)
        self._bounds = tensors.bounds.cpu().numpy()
        self.device = tensors.bounds.device
        properties = torch.cuda.get_device_properties(self.device)
        size = 2 * self._weights.numel()
        shared = size <= properties.shared_memory_per_block_optin - 1024
        self._shared = size if shared else 0
        self._block = 512 if shared else _BLOCK
        width, skip = tensors.out.weight.shape[1], tensors.joined is not None
        self._faces = 2 * width * (2 if skip else 1) * 3 * (SIDE + 1) ** 2
        self._blocks = properties.multi_processor_count * (1 if shared else 2)
        shape = (
            ("LEVELS", len(self._planes)),
            ("CHANNELS", tensors.spatial[0].shape[1]),
            ("SPATIAL", ",".join(str(planes.shape[-1]) for planes in tensors.spatial)),
            ("WIDTH", width),
            ("DEPTH", len(tensors.trunk)),
            ("SKIP", int(skip)),
        )
        self._defines = (*shape, ("BLOCK", self._block), ("SHARED", int(shared)))
        self._bake_defines = (*shape, ("BLOCK", _BAKE_BLOCK), ("BLOCKS", 2))

    def lines_at(self, time: float) -> tuple[Float16[Tensor, "3 _size channels"], ...]:
        """The space-time planes at a time in [0, 1]."""
        return tuple(packing.lines_at(planes, time) for planes in self._temporal)

    def logits(self, points: Float32[Tensor, "n 3"], lines: Sequence[Tensor]) -> Float32[Tensor, "n"]:
        """Raw outputs at world points."""
        out = torch.empty(len(points), device=self.device)
        points = points.contiguous()
        self._launch("evaluate", self._struct(lines), ctypes.c_void_p(points.data_ptr()), ctypes.c_void_p(out.data_ptr()), ctypes.c_int(len(points)))
        return out

    def bake(self, frame: FrameField, places: BrickPlaces, refine: Refine) -> Bricks:
        """Enqueues the baking of a frame's density."""
        count = len(places.flat)
        values = torch.empty(count, SIDE + 1, SIDE + 1, SIDE + 1, dtype=torch.float16, device=self.device)
        corners = structs.Corners(
            cells=structs.int3(frame.cells),
            shift=structs.int3(r.bit_length() - 1 for r in refine),
            bricks=structs.int3(places.table.shape),
            low=structs.float3(frame.low),
            size=structs.float3((frame.high - frame.low) / (np.asarray(frame.cells) * np.asarray(refine))),
            distance=frame.distance.data_ptr(),
            places=places.flat.data_ptr(),
            values=values.data_ptr(),
        )
        kernel = nvrtc.kernel("bake", "bake", self.device.index, self._bake_defines)
        kernel.allow_shared(self._faces)
        kernel.launch(count, _BAKE_BLOCK, corners, self._struct(frame.lines), shared=self._faces)
        box = torch.from_numpy(np.stack([frame.low, frame.high])).to(self.device, non_blocking=True)
        return Bricks(values=values, table=places.table, box=box, refine=refine)

    def march(self, view: structs.View, samples: structs.Samples, waiting: Tensor, lines: Sequence[Tensor]) -> None:
        """Finds the rays that meet matter and carries them through the field."""
        squares = -(-view.width // 16) * -(-view.height // 16)
        finder = nvrtc.kernel("exact", "find", self.device.index, self._defines)
        finder.launch(squares, 256, view, samples, ctypes.c_void_p(waiting.data_ptr()))
        self._launch("march", view, samples, ctypes.c_void_p(waiting.data_ptr()), self._struct(lines))

    def _struct(self, lines: Sequence[Tensor]) -> ctypes.Structure:
        return structs.field(self._planes, lines, self._weights, self._biases, self._bounds[0], self._bounds[1])

    def _launch(self, function: str, *arguments: ctypes.Structure | ctypes._SimpleCData) -> None:
        kernel = nvrtc.kernel("exact", function, self.device.index, self._defines)
        kernel.allow_shared(self._shared)
        kernel.launch(self._blocks, self._block, *arguments, shared=self._shared)


class FusedBlend:
    """A blending network packed for the tensor cores of one device."""

    def __init__(self, tensors: BlendTensors, *, pixel_offset: float, mask_invisible: bool) -> None:
        self._weights, self._biases = packing.packed_blend(tensors)
        self._pixel_offset, self._mask_invisible, self._least_score = pixel_offset, mask_invisible, tensors.least_score
        self.device = self._weights.device
        self._blocks = 2 * torch.cuda.get_device_properties(self.device).multi_processor_count

    def sources(
        self,
        texels: Float[Tensor, "source 11 height width"],
        sizes: Int[Tensor, "source 2"],
        K: Float[Tensor, "source 3 3"],
        T_camera_world: Float[Tensor, "source 4 4"],
    ) -> SourceTexels:
        """The source views of pictures to come."""
        R, t = T_camera_world[:, :3, :3], T_camera_world[:, :3, 3]
        centre = -(R.transpose(1, 2) @ t.unsqueeze(-1)).squeeze(-1)
        numbers = torch.cat([T_camera_world[:, :3].reshape(-1, 12), K.reshape(-1, 9), centre], dim=1).float().contiguous()
        return SourceTexels(texels=packing.packed_texels(texels), views=torch.cat([numbers.view(torch.int32), sizes.int()], dim=1).contiguous())

    def shade(self, view: structs.View, samples: structs.Samples, sources: SourceTexels, colors: Tensor) -> None:
        """Colours of all kept samples."""
        count, height, width, _ = sources.texels.shape
        kernel = nvrtc.kernel("shade", "shade", self.device.index, (("VIEWS", count),))
        bound = structs.Sources(
            views=sources.views.data_ptr(),
            texels=sources.texels.data_ptr(),
            width=width,
            height=height,
            pixel_offset=self._pixel_offset,
            mask_invisible=int(self._mask_invisible),
        )
        weights = structs.Blend(weights=self._weights.data_ptr(), biases=self._biases.data_ptr(), least_score=self._least_score)
        kernel.launch(self._blocks, 256, view, samples, bound, weights, ctypes.c_void_p(colors.data_ptr()))


class Painter:
    """Pictures of one field and one blending network. Keeps the scratch memory of the largest picture so far."""

    def __init__(self, field: FusedField, blend: FusedBlend) -> None:
        self.field, self.blend, self.device = field, blend, field.device
        self._pixels = self._capacity = 0
        self._counters = torch.zeros(3, dtype=torch.int32, device=self.device)

    def frame(self, distance: UInt8[Tensor, "x y z"], box: Float32[np.ndarray, "2 3"], time: float) -> FrameField:
        """A frame without baked density.

        Args:
            distance: `distance_grid` of its occupied cells.
        """
        x, y, z = distance.shape
        low, high = box.astype(np.float32)
        return FrameField(low=low, high=high, cells=(x, y, z), distance=distance, lines=self.field.lines_at(time))

    def baked(self, frame: FrameField, places: BrickPlaces, refine: Refine) -> FrameField:
        """The same frame with its density baked.

        Args:
            places: of bricks of its occupied cells, so refined.
        """
        return replace(frame, bricks=self.field.bake(frame, places, refine))

    def paint(
        self, aim: Aim, frame: FrameField, sources: SourceTexels, *, background: tuple[float, float, float], renormalise: bool, display_only: bool = False
    ) -> Painted:
        """Enqueues a picture; from the frame's bricks where it has them. Ask `overflowed` when it is done.

        Args:
            display_only: make the bytes and the depth only.
        """
        self._reserve(aim.width * aim.height)
        view = _view(aim, frame)
        samples = structs.Samples(
            counters=self._counters.data_ptr(),
            records=self._records.data_ptr(),
            capacity=self._capacity,
            last=self._last.data_ptr(),
            transmittance=self._transmittance.data_ptr(),
            evaluated=self._evaluated.data_ptr(),
        )
        self._counters.zero_()
        squares = -(-aim.width // 16) * -(-aim.height // 16)
        if frame.bricks is None:
            self.field.march(view, samples, self._waiting, frame.lines)
        else:
            bricks = structs.Bricks(
                values=frame.bricks.values.data_ptr(),
                table=frame.bricks.table.data_ptr(),
                bricks=structs.int3(frame.bricks.table.shape),
                refine=structs.float3(frame.bricks.refine),
            )
            nvrtc.kernel("baked", "march", self.device.index).launch(squares, 256, view, samples, bricks)
        self.blend.shade(view, samples, sources, self._colors)
        shape = (aim.height, aim.width)
        new = self._counters.new_empty
        painted = Painted(
            rgb=None if display_only else new(*shape, 3, dtype=torch.float32),
            opacity=None if display_only else new(*shape, dtype=torch.float32),
            depth=new(*shape, dtype=torch.float32),
            samples=None if display_only else new(*shape, dtype=torch.int32),
            display=new(*shape, 4, dtype=torch.uint8),
        )
        picture = structs.Picture(
            rgb=_pointer(painted.rgb),
            opacity=_pointer(painted.opacity),
            depth=_pointer(painted.depth),
            samples=_pointer(painted.samples),
            display=_pointer(painted.display),
            background=structs.float3(background),
            renormalise=int(renormalise),
        )
        nvrtc.kernel("composite", "composite", self.device.index).launch(squares, 256, view, samples, ctypes.c_void_p(self._colors.data_ptr()), picture)
        return painted

    def overflowed(self) -> bool:
        """Waits for the last picture; whether it had more samples than there was room for. Then there is room, and it must be painted again."""
        kept = int(self._counters[0])
        if kept <= self._capacity:
            return False
        self._allocate(self._pixels, math.ceil(1.25 * kept))
        return True

    def counts(self) -> tuple[int, int]:
        """Waits for the last picture; its kept samples and its density evaluations."""
        return int(self._counters[0]), int(self._evaluated[: self._shown].sum())

    @property
    def bytes(self) -> int:
        """Scratch memory held."""
        return 20 * self._pixels + 24 * self._capacity

    def _reserve(self, pixels: int) -> None:
        self._shown = pixels
        if pixels > self._pixels:
            self._allocate(pixels, max(self._capacity, pixels))

    def _allocate(self, pixels: int, capacity: int) -> None:
        self._pixels, self._capacity = pixels, capacity
        new = self._counters.new_empty
        self._records, self._colors = new(capacity, 4), new(capacity, 2)
        self._last, self._evaluated = new(pixels), new(pixels)
        self._transmittance = new(pixels, dtype=torch.float32)
        self._waiting = new(pixels, 2)


def _view(aim: Aim, frame: FrameField) -> structs.View:
    return structs.View(
        to_world=(ctypes.c_float * 9)(*aim.to_world.reshape(-1)),
        centre=structs.float3(aim.centre),
        low=structs.float3(frame.low),
        high=structs.float3(frame.high),
        scale=structs.float3(np.asarray(frame.cells) / (frame.high - frame.low)),
        cells=structs.int3(frame.cells),
        width=aim.width,
        height=aim.height,
        pixel_offset=aim.pixel_offset,
        near=aim.near,
        far=aim.far,
        step=aim.step,
        min_weight=aim.min_weight,
        stop=aim.stop,
        distance=frame.distance.data_ptr(),
    )


def _pointer(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
