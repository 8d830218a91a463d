"""From the transport and the timeline: which frame is shown and how it plays."""

from __future__ import annotations

from dataclasses import dataclass

from viewer.transport import LoopMode


@dataclass(frozen=True, kw_only=True)
class SetFrame:
    """Scrub: show this index into `Scene.frames`. Clamped."""

    index: int
    onward: float = 0.0
    """How far on from there to the next frame, where moments between frames are shown."""


@dataclass(frozen=True, kw_only=True)
class SetSpeed:
    speed: float


@dataclass(frozen=True, kw_only=True)
class SetFps:
    fps: float


@dataclass(frozen=True, kw_only=True)
class SetLoop:
    loop: LoopMode


@dataclass(frozen=True, kw_only=True)
class SetRange:
    """Play from one index to another only; a last one of None is the end of the scene."""

    first: int
    last: int | None


@dataclass(frozen=True, kw_only=True)
class SetEveryFrame:
    """Show every frame, or keep to the clock."""

    on: bool


@dataclass(frozen=True, kw_only=True)
class SetBetween:
    """Show moments between frames too, or frames only."""

    on: bool


SceneTimeEvent = SetFrame | SetSpeed | SetFps | SetLoop | SetRange | SetEveryFrame | SetBetween
