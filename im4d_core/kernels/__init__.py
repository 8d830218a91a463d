"""The inner loops. Each has a plain PyTorch twin in `reference`; where a faster backend serves the tensors at hand, it is chosen here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from im4d_core.kernels import cpu, distance, planes, reference
from im4d_core.kernels.bricks import Bricks
from im4d_core.kernels.packing import BlendTensors
from im4d_core.kernels.reference import Marched, brick_logits, dilate, interval_weights, lattice_samples, packed_weights

__all__ = [
    "Marched",
    "blend",
    "blends",
    "brick_logits",
    "cpu",
    "dilate",
    "distance_grid",
    "interval_weights",
    "lattice_samples",
    "march_bricks",
    "packed_weights",
    "plane_features",
]


def distance_grid(occupied: Bool[Tensor, "x y z"], reach: int) -> UInt8[Tensor, "x y z"]:
    """As `reference.distance_grid`."""
    backend = distance if distance.serves(occupied) else cpu if cpu.serves(occupied) else reference
    return backend.distance_grid(occupied, reach)


def march_bricks(
    origins: Float[Tensor, "ray 3"],
    directions: Float[Tensor, "ray 3"],
    near: Float[Tensor, "ray"],
    far: Float[Tensor, "ray"],
    distances: UInt8[Tensor, "x y z"],
    bricks: Bricks,
    step: float,
    min_weight: float,
    min_transmittance: float,
) -> Marched:
    """As `reference.march_bricks`."""
    backend = cpu if cpu.serves(origins, directions, near, far, distances, bricks.values) else reference
    return backend.march_bricks(origins, directions, near, far, distances, bricks, step, min_weight, min_transmittance)


def blends(points: Float[Tensor, "*target n 3"], texels: Float[Tensor, "*target source channels h w"], network: BlendTensors) -> bool:
    """Whether `blend` can be used: where it cannot, the method's own layers do its work. Never while gradients are wanted: the network comes detached."""
    last = texels.movedim(-3, -1)
    fits = not torch.is_grad_enabled() and texels.shape[-3] == cpu.CHANNELS and last.is_contiguous()
    return fits and cpu.serves(points, texels, network.compare.weight)


def blend(
    points: Float[Tensor, "n 3"],
    directions: Float[Tensor, "n 3"],
    texels: Float[Tensor, "source channels h w"],
    sizes: Int[Tensor, "source 2"],
    K: Float[Tensor, "source 3 3"],
    T_camera_world: Float[Tensor, "source 4 4"],
    network: BlendTensors,
    *,
    pixel_offset: float,
    mask_invisible: bool,
) -> Float[Tensor, "n 3"]:
    """Colours at world points seen along directions, blended from source views. Twin: `methods/source_views.fetch`, then `methods/blocks.BlendNet`.

    Args:
        texels: colour and features, channels-last in memory.
        sizes: width and height of each view inside the canvas.
        mask_invisible: leave out views that do not see a point, where another does.
    """
    return cpu.blend(points, directions, texels, sizes, K, T_camera_world, network, pixel_offset=pixel_offset, mask_invisible=mask_invisible)


def plane_features(
    points: Float[Tensor, "n 3"], time: Float[Tensor, "n"], spatial: Sequence[Tensor], temporal: Sequence[Tensor]
) -> Float[Tensor, "n features"]:
    """As `reference.plane_features`."""
    backend = planes if planes.fits(points, spatial, temporal) else reference
    return backend.plane_features(points, time, spatial, temporal)
