"""From the window's jobs (worker, recorder, files), and what is told to the user."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from im4d_core.export_settings import ExportSettings
from im4d_core.types import Scene
from viewer.events.effects import Effect
from viewer.request import RenderRequest
from viewer.state import EncoderReport, Level, Taken


@dataclass(frozen=True, kw_only=True)
class SceneOpened:
    """A run, exported scene or the demo is ready. Another one starts over, the one that was open already stays as it is."""

    scene: Scene
    source: Path
    """What was opened: the RUN or SCENE folder; exports name it on their command line."""
    device: str = ""
    """That renders it, which they name too; empty where it does not matter."""
    first_view: int | None = None
    """Camera to start from; None frames the scene's box from the front of its cameras."""


@dataclass(frozen=True, kw_only=True)
class RenderFinished:
    """A picture is on the screen. `steady` is False when caches were filled or kernels compiled: automatic scale then ignores the time."""

    request: RenderRequest
    render_ms: float
    steady: bool = True
    shown: bool = True
    """False for a mere estimate of the time."""


@dataclass(frozen=True, kw_only=True)
class Notified:
    """Something to tell the user; warnings and errors stay until dismissed, equal ones are counted."""

    level: Level
    text: str
    path: Path | None = None
    """A file or folder the notice can open."""


@dataclass(frozen=True, kw_only=True)
class DismissNotice:
    notice_id: int


@dataclass(frozen=True, kw_only=True)
class ExportQueued:
    """An export that was asked for waits for its turn."""

    number: int
    file: Path


@dataclass(frozen=True, kw_only=True)
class RemoveExport:
    """Take an export out of the queue: one that runs is cancelled, one that waits is not made, one that is over is not listed any more."""

    number: int


@dataclass(frozen=True, kw_only=True)
class ClearExports:
    """List no exports that are over."""


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """A long task goes on; with a total of 0 it waits for its turn."""

    job: Literal["export", "picture", "occupancy"]
    done: int
    total: int
    number: int = 0
    """Which of the exports."""


@dataclass(frozen=True, kw_only=True)
class JobEnded:
    """A long task ended: `error` says why it failed; `file` is what it left behind."""

    job: Literal["export", "picture", "occupancy"]
    number: int = 0
    """Which of the exports."""
    file: Path | None = None
    error: str = ""
    cancelled: bool = False


@dataclass(frozen=True, kw_only=True)
class TextPasted:
    """Answer to `PasteText` and `ReadText`: a camera as text."""

    text: str
    origin: str = "the clipboard"
    """Where it stands, for what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class EffectsTaken:
    """The window is about to run the first `count` effects."""

    count: int


@dataclass(frozen=True, kw_only=True)
class SetExport:
    settings: ExportSettings


@dataclass(frozen=True, kw_only=True)
class SetTaken:
    taken: Taken


@dataclass(frozen=True, kw_only=True)
class EncoderProbed:
    """Answer to `ProbeEncoder`."""

    report: EncoderReport


@dataclass(frozen=True, kw_only=True)
class LiveEnded:
    """The recording of the screen is over."""

    file: Path | None = None
    """None where it failed, which a notice says."""
    left_out: int = 0
    """Pictures that the encoder had no time for."""


@dataclass(frozen=True, kw_only=True)
class WouldReplace:
    """A file of another origin stands where one is to be written."""

    effect: Effect
    """What would replace it, once the user agrees."""


@dataclass(frozen=True, kw_only=True)
class AskedFor:
    """A panel asks for an effect directly (open a folder, choose a file)."""

    effect: Effect


JobEvent = (
    SceneOpened
    | RenderFinished
    | Notified
    | DismissNotice
    | ExportQueued
    | RemoveExport
    | ClearExports
    | JobProgress
    | JobEnded
    | TextPasted
    | EffectsTaken
    | SetExport
    | SetTaken
    | EncoderProbed
    | LiveEnded
    | AskedFor
    | WouldReplace
)
