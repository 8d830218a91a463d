"""How many rays are traced between two looks at whether the picture is still wanted."""

from __future__ import annotations

from im4d_core.types import RenderMode

_GPU_RAYS = 1 << 18
"""Rays marched at once by the fast renderer on a GPU."""
_SPARSER = 8
"""Times as many rays of the full renderer within visual hulls: an eighth of the samples is evaluated."""
_CPU_RAYS: dict[RenderMode, int] = {"fast": 1 << 10, "exact": 1 << 8, "full": 1 << 7}
"""On a CPU a tile takes 5 to 10 ms, so that a picture stops at once when it is no longer wanted. Larger ones are not faster. The sizes are fixed, not
timed: where tiles are cut changes the last bit of a colour now and then, and equal requests must give equal pictures."""
_COMPILED_RAYS = 1 << 13
"""The same of baked density with the compiled kernels, which are ten times faster."""


def rays_at_once(mode: RenderMode, chunk: int, *, sparse: bool, gpu: bool, compiled: bool) -> int:
    """Rays of a tile.

    Args:
        chunk: the most that the full renderer may take where it evaluates every sample.
        sparse: whether it leaves out those outside visual hulls.
        compiled: whether the CPU's kernels march baked density.
    """
    most = chunk * (_SPARSER if sparse else 1) if mode == "full" else _GPU_RAYS
    if gpu:
        return most
    return _COMPILED_RAYS if compiled else min(most, _CPU_RAYS[mode])
