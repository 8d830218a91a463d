"""Taking a run elsewhere, as a folder that needs nothing outside it; and the path that is filmed where a scene has none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from im4d_core.camera_path import CameraPath
from im4d_core.checkpoint import RunFolder
from im4d_core.config import save_config
from im4d_core.data.export import export_scene, exported_config
from im4d_core.geometry import box_union
from im4d_core.path_generators import orbit
from im4d_core.scene_renderer import SceneRenderer
from im4d_core.types import Scene


def export_run(
    run: RunFolder, renderer: SceneRenderer, folder: Path, *, without: Collection[int] = (), progress: Callable[[float], None] | None = None
) -> None:
    """Writes a scene folder with the model, its occupancy and camera path, the cameras and their pictures; it opens anywhere.

    Args:
        without: source and test views whose pictures stay behind.

    Raises:
        FileExistsError: the folder holds something that is not an exported scene.
        RuntimeError: it cannot be written; nothing is left behind.
    """

    def add_model(unfinished: Path) -> None:
        target = RunFolder(path=unfinished)
        save_config(replace(renderer.config, data=exported_config(renderer.config.data)), target.config)
        shutil.copyfile(run.weights, target.weights)
        for path, copy in (
            (run.hulls, target.hulls),
            (run.occupancy, target.occupancy),
            (run.preview, target.preview),
            (run.metrics, target.metrics),
            (run.camera_path, target.camera_path),
        ):
            if path.is_file():
                shutil.copyfile(path, copy)

    scene = renderer.scene
    views = [view for view in dict.fromkeys((*scene.source_views, *scene.test_views)) if view not in without]
    export_scene(
        replace(scene, test_views=tuple(view for view in scene.test_views if view in views)),
        renderer.loader,
        folder,
        views=views,
        progress=progress,
        complete=add_model,
    )


def orbit_around(scene: Scene, *, duration_s: float | None = None, fov_y_deg: float = 40.0) -> CameraPath:
    """One turn around the middle of a scene's boxes, as far away as its cameras are on average; as long as the scene when no duration is given."""
    box = box_union(scene.boxes)
    x, y, z = ((box[0] + box[1]) / 2).tolist()
    distances = [float(((camera.centre - (x, y, z)) ** 2).sum() ** 0.5) for camera in scene.cameras]
    up_x, up_y, up_z = scene.up.tolist()
    seconds = duration_s if duration_s is not None else max(len(scene.frames) / scene.fps, 4.0)
    return orbit(centre=(x, y, z), radius=sum(distances) / len(distances), up=(up_x, up_y, up_z), duration_s=seconds, fov_y_deg=fov_y_deg)
