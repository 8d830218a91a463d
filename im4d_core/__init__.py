"""Im4D: data, method, renderers, training and evaluation. Importing it needs no GPU, compiler, display or torch: names load at first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from im4d_core.camera_path import CameraPath, Keyframe
    from im4d_core.config import DataConfig, MethodConfig, RunConfig, TrainConfig, as_released
    from im4d_core.tensors import Rendered, SourceView
    from im4d_core.types import Camera, Scene, TimeRange

_HOMES = {
    "im4d_core.camera_path": ("CameraPath", "Keyframe"),
    "im4d_core.config": ("DataConfig", "MethodConfig", "RunConfig", "TrainConfig", "as_released"),
    "im4d_core.tensors": ("Rendered", "SourceView"),
    "im4d_core.types": ("Camera", "Scene", "TimeRange"),
}
"""Module → the names it makes public. The imports above say the same to type checkers."""

_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
