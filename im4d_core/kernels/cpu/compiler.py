"""How the loops of this package are compiled. Importing it imports numba, which takes half a second: `backend` does so when it must."""

from __future__ import annotations

from collections.abc import Callable
from inspect import unwrap
from typing import Any

from numba import njit


def compiled(loop: Callable[..., Any]) -> Any:
    """Compiled at its first call, kept on disk, free of Python's lock, and to the letter of float32: what its PyTorch twin rounds, it rounds alike."""
    return njit(nogil=True, cache=True, error_model="numpy")(unwrap(loop))  # unwrapped: in tests every function is wrapped by a check of its shapes


def vectorised(loop: Callable[..., Any]) -> Any:
    """The same, but sums may be taken in any order, which lets them become vectors."""
    return njit(nogil=True, cache=True, error_model="numpy", fastmath=True)(unwrap(loop))
