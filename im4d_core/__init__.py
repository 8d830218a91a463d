"""Im4D: data, method, renderers, training and evaluation. Importing it needs no GPU, compiler, display or torch: names load at first use."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

# Read once, when torch loads. Threads that wait by spinning, the default, hold each other up as soon as another program wants one of the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from im4d_core.camera_path import CameraPath, Keyframe, SceneTiming
    from im4d_core.config import DataConfig, MethodConfig, RunConfig, TrainConfig, as_released, load_config, save_config
    from im4d_core.data import open_scene
    from im4d_core.data.frames import FrameLoader
    from im4d_core.data.synthetic import synthesize
    from im4d_core.evaluation import Evaluation, evaluate
    from im4d_core.export import export_run
    from im4d_core.export_settings import ExportSettings
    from im4d_core.filming import film
    from im4d_core.methods import build_method
    from im4d_core.opened_run import open_run
    from im4d_core.path_files import load_path, save_path
    from im4d_core.path_generators import orbit
    from im4d_core.presets import preset
    from im4d_core.released import import_released
    from im4d_core.scene_renderer import SceneRenderer
    from im4d_core.tensors import Rendered, SourceView
    from im4d_core.training import Status, Trainer
    from im4d_core.types import Camera, Scene, TimeRange
    from im4d_core.video import VideoWriter

_HOMES = {
    "im4d_core.camera_path": ("CameraPath", "Keyframe", "SceneTiming"),
    "im4d_core.config": ("DataConfig", "MethodConfig", "RunConfig", "TrainConfig", "as_released", "load_config", "save_config"),
    "im4d_core.data": ("open_scene",),
    "im4d_core.data.frames": ("FrameLoader",),
    "im4d_core.data.synthetic": ("synthesize",),
    "im4d_core.evaluation": ("Evaluation", "evaluate"),
    "im4d_core.export": ("export_run",),
    "im4d_core.export_settings": ("ExportSettings",),
    "im4d_core.filming": ("film",),
    "im4d_core.methods": ("build_method",),
    "im4d_core.opened_run": ("open_run",),
    "im4d_core.path_files": ("load_path", "save_path"),
    "im4d_core.path_generators": ("orbit",),
    "im4d_core.presets": ("preset",),
    "im4d_core.released": ("import_released",),
    "im4d_core.scene_renderer": ("SceneRenderer",),
    "im4d_core.tensors": ("Rendered", "SourceView"),
    "im4d_core.training": ("Status", "Trainer"),
    "im4d_core.types": ("Camera", "Scene", "TimeRange"),
    "im4d_core.video": ("VideoWriter",),
}
"""Module → the names it makes public. The imports above say the same to type checkers."""

_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
