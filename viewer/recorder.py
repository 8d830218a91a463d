"""Camera paths as videos: the same renderer as the window, frame by frame at the path's own times, whatever the window shows meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

from im4d_core.camera_path import CameraPath
from im4d_core.video import VideoWriter
from viewer.state import ExportSettings

if TYPE_CHECKING:
    from im4d_core.scene_renderer import SceneRenderer


def record(renderer: SceneRenderer, path: CameraPath, settings: ExportSettings, *, cancelled: Callable[[], bool]) -> Generator[tuple[int, int]]:
    """Render a path to an mp4 file, one frame for each item taken from the result.

    Closing the iterator early, or an error, leaves no file; the finished video gets its name when the last item has been taken.

    Args:
        cancelled: asked between tiles; True ends the iterator and leaves no file.

    Yields:
        Frames done and frames in total, from (0, total) on.

    Raises:
        ValueError: nothing to export, or an absurd size or rate.
        RuntimeError: the encoder fails or is missing.
    """
    start = None if settings.start_s <= path.start_s else settings.start_s
    shots = path.shots(renderer.scene.frames, renderer.scene.fps, settings.fps, start, settings.stop_s)
    file = Path(settings.file).expanduser()
    file.parent.mkdir(parents=True, exist_ok=True)
    writer = VideoWriter(file, settings.width, settings.height, settings.fps, crf=settings.quality)
    try:
        yield 0, len(shots)
        for done, shot in enumerate(shots, start=1):
            camera = shot.sample.camera(settings.width, settings.height)
            rendered = None if cancelled() else renderer.render(camera, shot.frame, settings.mode, progress=lambda _: not cancelled())
            if rendered is None:
                writer.abort()
                return
            writer.write((rendered.rgb.clamp(0.0, 1.0) * 255.0 + 0.5).byte().cpu().numpy())
            if done == len(shots):
                writer.close()
            yield done, len(shots)
    finally:
        writer.abort()  # does nothing to a file that is complete
