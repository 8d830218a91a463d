"""The inner loops. Each has a plain PyTorch twin in `reference`; where a faster backend serves the tensors at hand, it is chosen here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from im4d_core.kernels import planes, reference
from im4d_core.kernels.reference import brick_logits, dilate, interval_weights, lattice_samples, packed_weights

__all__ = ["brick_logits", "dilate", "interval_weights", "lattice_samples", "packed_weights", "plane_features"]


def plane_features(
    points: Float[Tensor, "n 3"], time: Float[Tensor, "n"], spatial: Sequence[Tensor], temporal: Sequence[Tensor]
) -> Float[Tensor, "n features"]:
    """As `reference.plane_features`."""
    backend = planes if planes.fits(points, spatial, temporal) else reference
    return backend.plane_features(points, time, spatial, temporal)
