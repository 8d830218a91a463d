"""The small picture of a run, which the window shows while it opens the run."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
from jaxtyping import UInt8

from im4d_core.checkpoint import write_atomically
from im4d_core.geometry import resized
from im4d_core.scene_renderer import SceneRenderer
from im4d_core.types import Camera, RenderMode, Scene

_HEIGHT = 256


def preview_view(scene: Scene) -> tuple[int, int, Camera]:
    """A view, held out where there is one, the middle frame, and the view's camera for a small picture."""
    view = (scene.test_views or scene.train_views)[0]
    camera = scene.cameras[view]
    scale = min(1.0, _HEIGHT / camera.height)
    small = resized(camera, max(1, round(camera.width * scale)), max(1, round(camera.height * scale)))
    return view, scene.frames[len(scene.frames) // 2], small


def preview_picture(renderer: SceneRenderer, mode: RenderMode) -> UInt8[np.ndarray, "h w 3"]:
    """The picture of `preview_view`, to which that view gives no colour.

    Raises:
        ValueError: the mode lacks the frame's occupancy.
    """
    view, frame, camera = preview_view(renderer.scene)
    rendered = renderer.render(camera, frame, mode, hidden=view)
    assert rendered is not None  # nobody cancels
    return (rendered.rgb * 255.0 + 0.5).byte().cpu().numpy()


def write_preview(picture: UInt8[np.ndarray, "h w 3"], file: Path) -> None:
    """Writes it as JPEG, whole or not at all."""
    write_atomically(file, lambda temporary: iio.imwrite(temporary, picture, extension=".jpg", quality=92))
