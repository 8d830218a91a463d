"""What the start of a run finds out from its masks, before anything is trained: the window of its pictures, and the visual hulls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from im4d_core.checkpoint import RunFolder, claim_run
from im4d_core.config import RunConfig, load_config
from im4d_core.data.hulls_from_masks import hulls_from_masks
from im4d_core.data.mask_extents import subject_window
from im4d_core.hulls import save_hulls
from im4d_core.types import Scene


def claim(run: RunFolder, config: RunConfig, scene: Scene, progress: Callable[[int, int], bool] | None) -> None:
    """Makes the run's folder with all that its start finds out, or checks that it is this run's.

    Args:
        progress: called with (frames done, frames) while hulls are made.

    Raises:
        ValueError: the folder holds a run with other settings, or what is no run.
    """
    new = not run.config.is_file()
    config = windowed(config, scene, run)
    claim_run(run, config, scene.boxes)
    if within_hulls(config, scene) and (new or not run.hulls.is_file()):  # a killed start has left no hulls, and a folder used before those of others
        save_hulls(hulls_from_masks(scene, scene.train_views or scene.source_views, progress), run.hulls)


def within_hulls(config: RunConfig, scene: Scene) -> bool:
    """Whether a run is trained within visual hulls."""
    return config.train.hulls and scene.mask_pattern is not None


def windowed(config: RunConfig, scene: Scene, run: RunFolder) -> RunConfig:
    """The configuration with the window of its pictures: the run's own where there is one already, else from the masks."""
    method = config.method
    if run.config.is_file():
        window = load_config(run.config).method.window
    elif method.joint_canvas or scene.mask_pattern is None or method.window != (0, 0):
        window = method.window
    else:
        window = subject_window(scene, scene.source_views)
    return replace(config, method=replace(method, window=window))
