"""The captured picture of a camera as if it had been rendered: on the pixels of a request, on the run's background.

Used by the render thread only. Importing it imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from im4d_core.geometry import projected_box, resized
from im4d_core.types import Camera
from viewer.messages import Failed
from viewer.request import RenderRequest

if TYPE_CHECKING:
    from torch import Tensor

    from im4d_core.scene_renderer import SceneRenderer
    from im4d_core.tensors import Rendered


class CapturedPictures:
    """The pictures that a capture has of its own cameras.

    Args:
        tell: told once of each camera whose picture cannot be read.
    """

    def __init__(self, renderer: SceneRenderer, tell: Callable[[Failed], None]) -> None:
        self._renderer = renderer
        self._tell = tell
        self._missing: set[int] = set()
        self._inside: tuple[object, Tensor] | None = None
        self._picture: tuple[object, Rendered] | None = None

    def picture(self, request: RenderRequest) -> Rendered | None:
        """What the request's camera of the capture saw at its frame; None where there is no such picture. Depth and cost are unknown, so 0."""
        import torch
        import torch.nn.functional as F

        from im4d_core.tensors import Rendered

        if request.view is None:
            return None
        key = (_place(request), request.view)
        if self._picture is not None and self._picture[0] == key:
            return self._picture[1]
        try:
            source = self._renderer.loader.get(request.frame, [request.view])[0]
        except (FileNotFoundError, ValueError) as error:
            if request.view not in self._missing:
                self._missing.add(request.view)
                name = self._renderer.scene.cameras[request.view].name
                self._tell(Failed(text=f"there is no captured picture of camera {name}: {error}", details="", level="warning"))
            return None
        device = self._renderer.device
        camera, target = source.camera, request.camera
        layers = torch.cat([source.image, source.mask[..., None]], dim=-1).permute(2, 0, 1)[None].to(device).float() / 255.0
        scale = target.K[1, 1] / camera.K[1, 1]
        if scale < 1.0:  # every pixel of the capture counts, as it does in a picture that is looked at from afar
            camera = resized(camera, max(1, round(camera.width * scale)), max(1, round(camera.height * scale)))
            layers = F.interpolate(layers, size=(camera.height, camera.width), mode="bilinear", antialias=True)
        place = torch.from_numpy(_places(target, camera)).float().to(device)
        seen = F.grid_sample(layers, place[None], mode="bilinear", padding_mode="border", align_corners=False)[0]
        inside = (place.abs() <= 1.0).all(dim=-1)
        background = torch.tensor(self._renderer.config.data.background, device=device)
        nothing = torch.zeros(target.height, target.width, device=device)
        picture = Rendered(
            rgb=torch.where(inside[..., None], seen[:3].permute(1, 2, 0), background).contiguous(),
            opacity=torch.where(inside, seen[3], nothing),
            depth=nothing,
            samples=nothing.int(),
            source_views=(),
            renderer="captured",
            milliseconds={},
        )
        self._picture = (key, picture)
        return picture

    def counted(self, request: RenderRequest) -> Tensor:
        """The pixels that count in a comparison: whose ray hits the frame's box, and that the captured picture covers where it is one of the two."""
        import torch

        key = (_place(request), request.against, request.view)
        if self._inside is None or self._inside[0] != key:
            renderer = self._renderer
            inside = projected_box(request.camera, renderer.scene.box(request.frame), renderer.config.method.pixel_offset)
            if request.against == "captured" and request.view is not None:
                inside &= (np.abs(_places(request.camera, renderer.scene.cameras[request.view])) <= 1.0).all(axis=-1)
            self._inside = (key, torch.from_numpy(inside).to(renderer.device))
        return self._inside[1]


def _place(request: RenderRequest) -> tuple[object, ...]:
    """Which pixels at which frame."""
    camera = request.camera
    return (camera.K.tobytes(), camera.T_camera_world.tobytes(), camera.width, camera.height, request.frame)


def _places(target: Camera, source: Camera) -> np.ndarray:
    """Where the pixels of a camera lie in the picture of another one that stands in the same place: -1 to 1 across it. (h, w, 2)"""
    u, v = np.meshgrid(np.arange(target.width) + 0.5, np.arange(target.height) + 0.5)
    uv = np.stack([u, v, np.ones_like(u)], axis=-1) @ (source.K @ np.linalg.inv(target.K)).T
    return 2.0 * uv[..., :2] / np.array([source.width, source.height]) - 1.0
