"""From the transport and the timeline: which frame is shown and how it plays."""

from __future__ import annotations

from dataclasses import dataclass

from viewer.state import LoopMode


@dataclass(frozen=True, kw_only=True)
class SetFrame:
    """Scrub: show this index into `Scene.frames`. Clamped."""

    index: int


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


SceneTimeEvent = SetFrame | SetSpeed | SetFps | SetLoop | SetRange | SetEveryFrame
