"""Taking a run elsewhere: as a folder that needs nothing outside it, or as a video along a camera path."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from im4d_core.camera_path import CameraPath, orbit
from im4d_core.checkpoint import RunFolder
from im4d_core.config import save_config
from im4d_core.data.export import export_scene, exported_config
from im4d_core.geometry import box_union
from im4d_core.scene_renderer import SceneRenderer
from im4d_core.types import Scene
from im4d_core.video import VideoWriter


def export_run(run: RunFolder, renderer: SceneRenderer, folder: Path, *, progress: Callable[[float], None] | None = None) -> None:
    """Writes a scene folder with the model, its occupancy and camera path, the cameras and their pictures; it opens anywhere.

    Raises:
        FileExistsError: the folder holds something that is not an exported scene.
        RuntimeError: it cannot be written; nothing is left behind.
    """

    def add_model(unfinished: Path) -> None:
        target = RunFolder(path=unfinished)
        save_config(replace(renderer.config, data=exported_config(renderer.config.data)), target.config)
        shutil.copyfile(run.weights, target.weights)
        for path, copy in (
            (run.occupancy, target.occupancy),
            (run.preview, target.preview),
            (run.metrics, target.metrics),
            (run.camera_path, target.camera_path),
        ):
            if path.is_file():
                shutil.copyfile(path, copy)

    export_scene(renderer.scene, renderer.loader, folder, progress=progress, complete=add_model)


def render_video(
    renderer: SceneRenderer,
    path: CameraPath,
    output: Path,
    *,
    width: int,
    height: int,
    fps: float,
    mode: Literal["fast", "full"],
    codec: str = "h264",
    crf: int = 18,
    frames: tuple[int, ...] = (),
    progress: Callable[[int, int], bool] | None = None,
) -> int:
    """Renders a camera path into an mp4.

    Args:
        frames: those of the scene that play; all when empty.
        progress: called with (pictures done, pictures); returns False to cancel, which leaves no file.

    Returns:
        How many pictures were written; 0 where it was cancelled.

    Raises:
        ValueError: the path has no keys.
        RuntimeError: the video cannot be encoded or written.
    """
    scene = renderer.scene
    shots = path.shots(frames or scene.frames, scene.fps, fps)
    with VideoWriter(output, width, height, fps, codec=codec, crf=crf) as writer:
        for done, shot in enumerate(shots):
            if progress is not None and not progress(done, len(shots)):
                writer.abort()
                return 0
            rendered = renderer.render(shot.sample.camera(width, height), shot.frame, mode)
            assert rendered is not None  # cancelling happens between pictures
            writer.write((rendered.rgb * 255.0 + 0.5).byte().cpu().numpy())
    if progress is not None:
        progress(len(shots), len(shots))
    return len(shots)


def orbit_around(scene: Scene, *, duration_s: float | None = None, fov_y_deg: float = 40.0) -> CameraPath:
    """One turn around the middle of a scene's boxes, as far away as its cameras are on average; as long as the scene when no duration is given."""
    box = box_union(scene.boxes)
    x, y, z = ((box[0] + box[1]) / 2).tolist()
    distances = [float(((camera.centre - (x, y, z)) ** 2).sum() ** 0.5) for camera in scene.cameras]
    up_x, up_y, up_z = scene.up.tolist()
    seconds = duration_s if duration_s is not None else max(len(scene.frames) / scene.fps, 4.0)
    return orbit(centre=(x, y, z), radius=sum(distances) / len(distances), up=(up_x, up_y, up_z), duration_s=seconds, fov_y_deg=fov_y_deg)
