"""How well pictures are rendered: samples, thresholds and tile size of both renderers, and passes, as the user sets them. No torch."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from im4d_core.config import FastConfig, SamplingConfig
from im4d_core.types import Camera

PASSES = (1, 4, 8, 16)
"""Choices of anti-aliasing: pictures averaged when the view is still."""


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Settings of the renderers that differ from the run's; None leaves the run's."""

    proposal_samples: int | None = None
    """Samples per ray of the full renderer that look where something is."""
    fine_samples: int | None = None
    """Samples per ray of the full renderer that density and colour are taken at."""
    chunk: int | None = None
    """Most rays of the full renderer at once."""
    steps: int | None = None
    """Steps of the fast renderer over the box's diagonal."""
    min_weight: float | None = None
    """Samples of the fast renderer that weigh less get no colour."""
    min_transmittance: float | None = None
    """A ray of the fast renderer ends when less light comes through."""
    passes: int = 1
    """Pictures averaged, each shifted within the pixel; in the window when the view is still."""

    def sampling(self, run: SamplingConfig) -> SamplingConfig:
        """Settings of the full renderer."""
        return replace(
            run,
            proposal_samples=_or(self.proposal_samples, run.proposal_samples),
            fine_samples=_or(self.fine_samples, run.fine_samples),
            chunk=_or(self.chunk, run.chunk),
        )

    def fast(self, run: FastConfig) -> FastConfig:
        """Settings of the fast renderer."""
        return replace(
            run,
            steps=_or(self.steps, run.steps),
            min_weight=run.min_weight if self.min_weight is None else self.min_weight,
            min_transmittance=run.min_transmittance if self.min_transmittance is None else self.min_transmittance,
        )

    @property
    def limited(self) -> Quality:
        """Within what the renderers can do."""
        return Quality(
            proposal_samples=_clamped(self.proposal_samples, 4, 512),
            fine_samples=_clamped(self.fine_samples, 2, 512),
            chunk=_clamped(self.chunk, 64, 1 << 20),
            steps=_clamped(self.steps, 8, 4096),
            min_weight=_share(self.min_weight),
            min_transmittance=_share(self.min_transmittance),
            passes=min(max(self.passes, 1), PASSES[-1]),
        )

    def problem(self) -> str:
        """What no renderer can do, by its name; empty when there is nothing."""
        nearest = self.limited
        for field in fields(self):
            found, possible = getattr(self, field.name), getattr(nearest, field.name)
            if found != possible:
                return f"{field.name} cannot be {found:g}: the nearest that works is {possible:g}."
        return ""


def shifted(camera: Camera, index: int) -> Camera:
    """The camera of a pass: its pixel centres lie elsewhere within the pixels."""
    x, y = jitter(index)
    return replace(camera, K=np.array([[1.0, 0.0, -x], [0.0, 1.0, -y], [0.0, 0.0, 1.0]]) @ camera.K)


def jitter(index: int) -> tuple[float, float]:
    """Shift of a pass within the pixel, in pixels from its middle: the first none, the others spread evenly (Halton's points in bases 2 and 3)."""
    return (0.0, 0.0) if index == 0 else (_halton(index, 2) - 0.5, _halton(index, 3) - 0.5)


def _halton(index: int, base: int) -> float:
    value, share = 0.0, 1.0
    while index:
        share /= base
        value += share * (index % base)
        index //= base
    return value


def _or(value: int | None, run: int) -> int:
    return run if value is None else value


def _clamped(value: int | None, low: int, high: int) -> int | None:
    return None if value is None else min(max(int(value), low), high)


def _share(value: float | None) -> float | None:
    """In [0, 0.5]; what is not a number becomes 0."""
    return None if value is None else min(max(value, 0.0), 0.5) if value == value else 0.0
