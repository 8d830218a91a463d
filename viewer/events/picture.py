"""From the panels about the picture: renderer, size, output, overlays."""

from __future__ import annotations

from dataclasses import dataclass

from im4d_core.quality import Quality
from viewer.compare import Comparison
from viewer.crop import Crop
from viewer.look import Look, Output
from viewer.near_far import NearFar
from viewer.state import Mode, Vector


@dataclass(frozen=True, kw_only=True)
class SetMode:
    mode: Mode


@dataclass(frozen=True, kw_only=True)
class SetOutput:
    output: Output


@dataclass(frozen=True, kw_only=True)
class SetScale:
    """Manual render scale, or automatic when None."""

    scale: float | None


@dataclass(frozen=True, kw_only=True)
class SetTargetFps:
    fps: float


@dataclass(frozen=True, kw_only=True)
class SetBackground:
    colour: Vector


@dataclass(frozen=True, kw_only=True)
class SetOverlay:
    name: str
    """A field of `state.Overlays`."""
    shown: bool


@dataclass(frozen=True, kw_only=True)
class SetQuality:
    """Other samples, thresholds or passes. Clamped."""

    quality: Quality


@dataclass(frozen=True, kw_only=True)
class SetLook:
    """Other colours, range, exposure or background pattern. Clamped."""

    look: Look


@dataclass(frozen=True, kw_only=True)
class SetCrop:
    """Another crop box, or none. Clamped to the scene's box."""

    crop: Crop


@dataclass(frozen=True, kw_only=True)
class SetClip:
    """Other depths between which the view is rendered; None for all of them. Clamped."""

    clip: NearFar | None


@dataclass(frozen=True, kw_only=True)
class SetComparison:
    """Other pictures side by side, or another border between them. Clamped."""

    comparison: Comparison


PictureEvent = SetMode | SetOutput | SetScale | SetTargetFps | SetBackground | SetOverlay | SetQuality | SetLook | SetCrop | SetClip | SetComparison
