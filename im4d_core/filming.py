"""A camera path made into a video or a folder of pictures, picture by picture. The one way to do it: the window's export and the shell both run it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import UInt8

from im4d_core.camera_path import CameraPath, SceneTiming, Shot
from im4d_core.config import FastConfig, RunConfig, SamplingConfig
from im4d_core.export_note import write_note
from im4d_core.export_settings import LEAST_HEVC_PICTURES, SUFFIXES, ExportSettings
from im4d_core.frame_folder import FrameFolder
from im4d_core.passes import averaged
from im4d_core.path_files import path_to_json
from im4d_core.pixels import over, to_rgba8, transparent_rgba8
from im4d_core.tensors import Rendered
from im4d_core.types import Camera, RenderMode, Scene
from im4d_core.whole_file import require_writable

_log = logging.getLogger(__name__)


@runtime_checkable
class PictureSource(Protocol):
    """What a film needs of a scene's renderer."""

    scene: Scene
    config: RunConfig
    model_id: str

    def prepare(self) -> None: ...

    def keep_less(self) -> bool: ...

    def tuned(self, sampling: SamplingConfig, fast: FastConfig) -> AbstractContextManager[None]: ...

    def render(
        self,
        camera: Camera,
        frame: int,
        mode: RenderMode,
        *,
        onward: float = 0.0,
        crop: np.ndarray | None = None,
        clip: tuple[float, float] | None = None,
        progress: Callable[[float], bool] | None = None,
    ) -> Rendered | None: ...


def film(
    renderer: PictureSource, path: CameraPath, timing: SceneTiming, settings: ExportSettings, *, go_on: Callable[[], bool] = lambda: True
) -> Generator[tuple[int, int]]:
    """Renders a path, one picture for each item taken from the result.

    A video gets its name when the last item has been taken, and a note with everything that made it beside it. One that is left early, or fails, keeps its
    complete parts of two seconds in a folder beside, and a folder of pictures what is complete: the same export goes on there.

    Args:
        go_on: asked between tiles; False ends the iterator.

    Yields:
        Pictures done and pictures in total; the first item tells how many are there already.

    Raises:
        ValueError: the path has no keys, or the settings make no sense.
        FileExistsError: the folder holds something else.
        OSError: the place cannot be written to.
        RuntimeError: the encoder fails or is missing.
    """
    problem = settings.problem()
    if problem:
        raise ValueError(f"export {settings.file}: {problem}")
    shots = path.shots(timing, settings.fps, settings.start_s, settings.stop_s)
    note = _note(renderer, path, timing, settings, len(shots))
    target = Path(settings.file).expanduser()
    if SUFFIXES[settings.format]:
        require_writable(target)
    renderer.prepare()  # all pictures of a film, here and in the shell, are made by the same code, to the last bit
    made = _video if SUFFIXES[settings.format] else _pictures
    return made(renderer, shots, settings, target, note, go_on)


def picture_of(renderer: PictureSource, rendered: Rendered, settings: ExportSettings) -> UInt8[np.ndarray, "h w c"]:
    """The bytes of a rendered picture: colour, or colour and alpha where the background is transparent."""
    rendered_on = renderer.config.data.background
    if settings.transparent:
        return transparent_rgba8(rendered, rendered_on).cpu().numpy()
    return to_rgba8(over(rendered, settings.background or rendered_on, rendered_on))[..., :3].cpu().numpy()


def _video(
    renderer: PictureSource, shots: tuple[Shot, ...], settings: ExportSettings, target: Path, note: dict[str, Any], go_on: Callable[[], bool]
) -> Generator[tuple[int, int]]:
    from im4d_core.video import too_few_for_hevc  # pictures can be made without PyAV
    from im4d_core.video_parts import VideoParts

    if settings.format == "hevc" and len(shots) < LEAST_HEVC_PICTURES:
        raise ValueError(too_few_for_hevc(target, len(shots)))
    beside = target.with_name(f"{target.name}.json")
    with VideoParts(target, note, len(shots), settings.fps) as parts:
        missing = parts.missing()
        done = len(shots) - sum(len(part) for part in missing)
        if not missing:  # it was left while they were joined
            parts.join()
            write_note(note, beside)
        yield done, len(shots)
        for part in missing:
            end = done + len(part)
            with closing(_encoded(renderer, [shots[i] for i in part], settings, parts.file(part), go_on)) as pictures:
                for _ in pictures:
                    done += 1
                    if done == len(shots):
                        parts.join()
                        write_note(note, beside)
                    yield done, len(shots)
            if done < end:
                return


def _encoded(renderer: PictureSource, shots: Sequence[Shot], settings: ExportSettings, file: Path, go_on: Callable[[], bool]) -> Generator[None]:
    """Renders pictures into a video file, which is complete with the last item."""
    from im4d_core.video import VideoWriter

    writer = VideoWriter(
        file,
        settings.width,
        settings.height,
        settings.fps,
        codec=settings.format,
        crf=settings.quality,
        chroma=settings.chroma,
        alpha=settings.transparent,
    )
    try:
        for left, shot in zip(range(len(shots) - 1, -1, -1), shots):
            rendered = _rendered(renderer, shot, settings, go_on)
            if rendered is None:
                return
            writer.write(picture_of(renderer, rendered, settings))
            if not left:
                writer.close()
            yield
    finally:
        writer.abort()  # does nothing to a file that is complete


def _pictures(
    renderer: PictureSource, shots: tuple[Shot, ...], settings: ExportSettings, target: Path, note: dict[str, Any], go_on: Callable[[], bool]
) -> Generator[tuple[int, int]]:
    with FrameFolder(target, note, depth=settings.depth) as folder:
        missing = [i for i in range(len(shots)) if not folder.has(i)]
        done = len(shots) - len(missing)
        yield done, len(shots)
        for i in missing:
            rendered = _rendered(renderer, shots[i], settings, go_on)
            if rendered is None:
                return
            depth = rendered.depth.float().cpu().numpy() if settings.depth else None
            folder.write(i, picture_of(renderer, rendered, settings), depth)
            done += 1
            if done == len(shots):
                folder.close()
            yield done, len(shots)


def _rendered(renderer: PictureSource, shot: Shot, settings: ExportSettings, go_on: Callable[[], bool]) -> Rendered | None:
    """A picture of the film, with all its passes; None where it was stopped. Where memory does not suffice less is kept of other frames, once."""
    config, quality = renderer.config, settings.rendering
    crop = None if settings.crop is None else np.array(settings.crop).reshape(2, 3)

    def once(camera: Camera, _: int) -> Rendered | None:
        if not go_on():
            return None
        with renderer.tuned(quality.sampling(config.sampling), quality.fast(config.fast)):
            return renderer.render(camera, shot.frame, settings.mode, onward=shot.onward, crop=crop, clip=settings.clip, progress=lambda _: go_on())

    camera = shot.sample.camera(settings.width, settings.height)
    try:
        return averaged(camera, quality.passes, once)
    except torch.OutOfMemoryError as error:
        error.__traceback__ = None  # its frames hold the tensors that did not fit
        if not renderer.keep_less():
            raise
        _log.warning("frame %d at %.2f s: not enough memory; less is kept of other frames, and it is rendered again", shot.frame, shot.time_s)
    return averaged(camera, quality.passes, once)


def _note(renderer: PictureSource, path: CameraPath, timing: SceneTiming, settings: ExportSettings, count: int) -> dict[str, Any]:
    """Everything the pictures follow from."""
    return {
        "format": "im4d-export",
        "version": 1,
        "program": {"torch": torch.__version__},
        "scene": renderer.scene.name,
        "model": renderer.model_id,
        "pictures": count,
        "settings": settings.as_json(),
        "timing": asdict(timing),
        "path": path_to_json(path),
    }
