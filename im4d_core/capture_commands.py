"""Commands that make captures: the synthetic one, and pictures of videos. Used by `python -m im4d_core`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from im4d_core.limits import Count

Progress = Callable[[int, int], object]
"""Called with what is done and what is to be done."""


@dataclass(frozen=True, kw_only=True)
class Synthesize:
    """Write the built-in synthetic capture: a moving figure on a studio rig, with exact cameras, masks and depth."""

    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR", help="Folder to write.")]
    cameras: Count = 20
    frames: Count = 24
    size: Count = 512
    """Width and height of the pictures in pixels."""
    device: Annotated[str, tyro.conf.arg(help="auto, cpu, cuda or cuda:N.")] = "auto"


@dataclass(frozen=True, kw_only=True)
class Unpack:
    """Write the videos of a capture, CAMERA.mp4 in it or in its folder videos, as the pictures that are trained on. The same command goes on where it was."""

    capture: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="CAPTURE", help="Folder with the videos; images/ is written there.")]
    frames: str = ""
    """Frames to write, as START:STOP:STEP (stop excluded), counted from 0; all when empty."""
    quality: Count = 95
    """Of the JPEGs, up to 100."""


def synthesize_capture(command: Synthesize, progress: Progress) -> str:
    """Writes the capture; returns what to tell."""
    from im4d_core.data.synthetic import synthesize
    from im4d_core.devices import chosen_device

    def show(done: int, total: int) -> None:
        progress(done, total)

    synthesize(command.folder, cameras=command.cameras, frames=command.frames, size=command.size, progress=show, device=str(chosen_device(command.device)))
    return f"{command.folder}: {command.cameras} cameras, {command.frames} frames; train it with: python train.py {command.folder} --output RUN"


def unpack(command: Unpack, progress: Progress) -> str:
    """Writes the pictures; returns what to tell."""
    from im4d_core.data.videos import unpack_videos

    done = unpack_videos(command.capture, frames=command.frames, quality=command.quality, progress=progress)
    least, most = min(done.frames.values()), max(done.frames.values())
    frames = f"{most} frames" if least == most else f"{least} to {most} frames"
    return f"{command.capture}: {len(done.frames)} cameras, {frames} at {done.fps:.6g} a second, {done.written} new pictures"
