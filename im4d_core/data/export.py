"""Writing exported scenes: whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from im4d_core.config import DataConfig
from im4d_core.data.exported import IMAGE_PATTERN, INDEX_FILE, MASK_PATTERN, SCENE_FORMAT, SCENE_VERSION
from im4d_core.data.frames import FrameLoader
from im4d_core.data.pictures import write_jpeg, write_png
from im4d_core.types import Scene


def exported_config(config: DataConfig) -> DataConfig:
    """The data settings to store beside an exported scene: its pictures are undistorted, resized, cropped and masked already."""
    return replace(config, path=".", frames="", test_views=(), source_views=(), resize=1.0, crop=(0, 0), bounds=(), boxes="", global_box=False)


def export_scene(
    scene: Scene,
    loader: FrameLoader,
    folder: Path,
    *,
    views: Sequence[int] | None = None,
    progress: Callable[[float], None] | None = None,
    complete: Callable[[Path], None] | None = None,
) -> None:
    """Write a scene's cameras and source pictures as a folder of their own, replacing an earlier export.

    Args:
        scene: to write.
        loader: of the scene.
        folder: to become the exported scene.
        views: whose pictures are stored; the source views and the test views when None. All cameras are listed.
        progress: called with the share done.
        complete: called with the unfinished folder before it is put in place, to add files that belong to it.

    Raises:
        FileExistsError: the folder holds something that is not an exported scene.
        RuntimeError: the folder cannot be written, or the disk is full; nothing is left behind.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / INDEX_FILE).is_file():
        raise FileExistsError(f"{folder}: not empty and not an exported scene ({INDEX_FILE} is missing), so it is not overwritten; choose another folder")
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder}: is a file; choose the name of a folder")
    stored = tuple(sorted({*scene.source_views, *scene.test_views} if views is None else set(views)))
    folder = folder.resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    except OSError as error:
        raise RuntimeError(f"{folder}: no folder can be made there ({error.strerror or error}); choose one that can be written") from error
    try:
        partial.chmod(0o755)  # mkdtemp's is for the owner only
        patterns = [IMAGE_PATTERN] if scene.mask_pattern is None else [IMAGE_PATTERN, MASK_PATTERN]
        for path in (partial / pattern.format(camera=scene.cameras[view].name, frame=0) for view in stored for pattern in patterns):
            path.parent.mkdir(parents=True)
        for done, frame in enumerate(scene.frames):
            for picture in loader.get(frame, stored):
                write_jpeg(partial / IMAGE_PATTERN.format(camera=picture.camera.name, frame=frame), picture.image.numpy())
                if scene.mask_pattern is not None:
                    write_png(partial / MASK_PATTERN.format(camera=picture.camera.name, frame=frame), picture.mask.numpy())
            if progress is not None:
                progress((done + 1) / len(scene.frames))
        (partial / INDEX_FILE).write_text(json.dumps(_description(scene, loader.config, stored), indent=1) + "\n", encoding="utf-8")
        if complete is not None:
            complete(partial)
        _put_in_place(partial, folder)
    except FileNotFoundError:
        raise  # a source picture; the message names it
    except OSError as error:
        raise RuntimeError(f"{folder}: the scene cannot be written ({error.strerror or error}); nothing was left behind; free space or choose a folder "
                           f"that can be written") from error  # fmt: skip
    finally:
        shutil.rmtree(partial, ignore_errors=True)  # it has another name by now where all went well


def _put_in_place(partial: Path, folder: Path) -> None:
    """Rename onto an empty or an earlier folder; the earlier one is removed last."""
    if not folder.exists() or not any(folder.iterdir()):
        os.replace(partial, folder)
        return
    earlier = partial.with_suffix(".earlier")
    os.replace(folder, earlier)
    try:
        os.replace(partial, folder)
    except OSError:
        os.replace(earlier, folder)
        raise
    shutil.rmtree(earlier, ignore_errors=True)


def _description(scene: Scene, config: DataConfig, stored: Sequence[int]) -> dict[str, Any]:
    def names(views: Sequence[int]) -> list[str]:
        return [scene.cameras[view].name for view in views]

    return {
        "format": SCENE_FORMAT,
        "version": SCENE_VERSION,
        "name": scene.name,
        "pixel_centre": "as-written" if config.pixel_centre == "as-written" else "0.5",
        "masked": scene.pictures_are_masked or (config.mask_images and scene.mask_pattern is not None),
        "has_masks": scene.mask_pattern is not None,
        "fps": scene.fps,
        "up": scene.up.tolist(),
        "frames": list(scene.frames),
        "stored_views": names(stored),
        "source_views": names([view for view in scene.source_views if view in stored]),
        "train_views": names([view for view in scene.train_views if view in stored]),
        "test_views": names([view for view in scene.test_views if view in stored]),
        "bounds": scene.bounds.tolist(),
        "boxes": scene.boxes.tolist(),
        "cameras": [
            {"name": camera.name, "width": camera.width, "height": camera.height, "K": camera.K.tolist(), "T_camera_world": camera.T_camera_world.tolist()}
            for camera in scene.cameras
        ],
    }
