"""The inner loops on a CPU, compiled by numba. Until `prepare` has compiled them, and where numba is missing, their PyTorch twins do the work."""

from im4d_core.kernels.cpu.backend import CHANNELS, blend, distance_grid, installed, march_bricks, prepare, ready, serves

__all__ = ["CHANNELS", "blend", "distance_grid", "installed", "march_bricks", "prepare", "ready", "serves"]
