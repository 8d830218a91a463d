"""The operations that a faster backend may replace. Today each is its PyTorch twin; the renderers import from here only."""

from im4d_core.kernels.reference import brick_logits, dilate, interval_weights, lattice_samples, packed_weights, plane_features

__all__ = ["brick_logits", "dilate", "interval_weights", "lattice_samples", "packed_weights", "plane_features"]
