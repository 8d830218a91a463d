"""A method with a known answer: a ball whose colour is its position. Stands in for a trained model where the renderers are tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from im4d_core.config import MethodConfig
from im4d_core.geometry import intrinsics, look_at
from im4d_core.hulls import Hulls, hulls_of, packed
from im4d_core.tensors import Context, Features, SourceView
from im4d_core.types import Camera

BOX = np.array([[-0.6, -0.6, -0.6], [0.6, 0.6, 0.6]])


class Ball:
    """A ball of radius 0.4 around the origin that moves 0.1 along x over the time range; dense inside, empty outside, a soft rim between."""

    def __init__(self, peak: float = 6.0) -> None:
        self.config = replace(MethodConfig(), bounds=tuple(BOX.reshape(-1).tolist()))
        self.peak = peak
        self.asked = 0

    def logit(self, points: Tensor, time: Tensor) -> Tensor:
        self.asked += points[..., 0].numel()
        centre = torch.zeros(len(time), 3)
        centre[:, 0] = 0.1 * time
        distance = (points - centre.reshape(-1, *([1] * (points.dim() - 2)), 3)).norm(dim=-1) - 0.4
        return self.peak - 13.0 * torch.sigmoid(distance / 0.01)

    def activate(self, logit: Tensor) -> Tensor:
        return torch.exp(logit - 1.0)

    def density(self, points: Tensor, time: Tensor) -> Tensor:
        return self.activate(self.logit(points, time))

    def proposal_density(self, points: Tensor, time: Tensor) -> Tensor:
        return self.density(points, time)

    def encode(self, views: Sequence[SourceView]) -> list[Features]:
        return [Features(view=v.view, frame=v.frame, texels=torch.zeros(3, 2, 2), K=torch.eye(3), T_camera_world=torch.eye(4)) for v in views]

    def capture(self) -> None:
        """There is nothing to capture."""

    def tensors(self) -> None:
        return None

    def color(self, points: Tensor, directions: Tensor, context: Context) -> Tensor:
        return (points * 0.5 + 0.5).clamp(0.0, 1.0)


def camera(size: int = 32, distance: float = 2.0) -> Camera:
    """Looks at the ball from the side and above; z is up."""
    centre = distance * np.array([0.8, 0.5, 0.33]) / np.linalg.norm([0.8, 0.5, 0.33])
    return Camera(name="test", K=intrinsics(size, size, 40.0), T_camera_world=look_at(centre, np.zeros(3), np.array([0.0, 0.0, 1.0])), width=size, height=size)


def no_context() -> Context:
    """For methods that need no source views."""
    return Context(
        texels=torch.zeros(1, 2, 3, 2, 2), sizes=torch.full((1, 2, 2), 2), K=torch.eye(3).expand(1, 2, 3, 3), T_camera_world=torch.eye(4).expand(1, 2, 4, 4)
    )


def random_hulls(frames: int = 2) -> Hulls:
    """Four cells of ten are taken, in frames from 3 on."""
    generator = np.random.default_rng(0)
    return hulls_of(tuple(range(3, 3 + frames)), [packed(generator.random((5, 6, 16)) < 0.4) for _ in range(frames)], BOX)
