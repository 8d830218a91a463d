"""Im4D (Lin et al., SIGGRAPH Asia 2023): density from 4D feature planes, colour blended from the source views of the same time step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from im4d_core import kernels
from im4d_core.captured_net import CapturedNet
from im4d_core.config import MethodConfig
from im4d_core.kernels.packing import BlendTensors, FieldTensors
from im4d_core.methods.blocks import BlendNet, ImageNet, PlaneField, density_of
from im4d_core.methods.source_views import cropped_to_mask, fetch, on_common_canvas
from im4d_core.tensors import Context, Features, SourceView


class Im4D(nn.Module):
    """The model; implements `im4d_core.methods.base.Method`."""

    def __init__(self, config: MethodConfig) -> None:
        super().__init__()
        self.config = config
        bounds = torch.tensor(config.bounds, dtype=torch.float32).reshape(2, 3)
        self.field = PlaneField(config.field, bounds)
        self.proposal = PlaneField(config.proposal, bounds.clone())
        self.image_net = ImageNet()
        self._captured: CapturedNet | None = None
        self.blend = BlendNet(least_score=config.least_score)

    def capture(self) -> None:
        """From now on passes through the image network are CUDA graphs; earlier ones go. The weights must stay where they are."""
        self._captured = CapturedNet(self.image_net)

    @property
    def device(self) -> torch.device:
        return self.field.bounds.device

    def logit(self, points: Float[Tensor, "target *sample 3"], time: Float[Tensor, "target"]) -> Float[Tensor, "target *sample"]:
        """The fine field's raw output at world points."""
        return _evaluate(self.field, points, time)

    def activate(self, logit: Float[Tensor, "*sample"]) -> Float[Tensor, "*sample"]:
        """sigma = exp(s - 1)."""
        return density_of(logit)

    def density(self, points: Float[Tensor, "target *sample 3"], time: Float[Tensor, "target"]) -> Float[Tensor, "target *sample"]:
        """Density per world unit at world points."""
        return density_of(self.logit(points, time))

    def proposal_density(self, points: Float[Tensor, "target *sample 3"], time: Float[Tensor, "target"]) -> Float[Tensor, "target *sample"]:
        """Density of the proposal field."""
        return density_of(_evaluate(self.proposal, points, time))

    def encode(self, views: Sequence[SourceView]) -> list[Features]:
        """Colour and features of source views, each on its own crop; on one common canvas under the release's rules.

        Pictures of equal size are uploaded together, and go through the image network together where that is faster; neither changes anything else.
        """
        sources = on_common_canvas(views) if self.config.joint_canvas else [cropped_to_mask(view, self.config.window) for view in views]
        image_net = self._captured or self.image_net
        groups: dict[tuple[int, int], list[int]] = {}
        for i, source in enumerate(sources):
            groups.setdefault((source.camera.width, source.camera.height), []).append(i)
        K = self._on_device([source.camera.K for source in sources])
        T_camera_world = self._on_device([source.camera.T_camera_world for source in sources])
        features: dict[int, Features] = {}
        for members in groups.values():
            # permuted pictures stay channels-last in memory, as tensor cores want them
            images = self._uploaded([sources[i].image for i in members]).permute(0, 3, 1, 2).float() / 255.0
            texels = torch.cat([images, image_net(images * 2.0 - 1.0).float()], dim=1)
            for row, i in enumerate(members):
                source = sources[i]
                features[i] = Features(view=source.view, frame=source.frame, texels=texels[row], K=K[i], T_camera_world=T_camera_world[i])
        return [features[i] for i in range(len(sources))]

    def _uploaded(self, images: Sequence[UInt8[Tensor, "h w 3"]]) -> UInt8[Tensor, "n h w 3"]:
        """Pictures on the device. By way of pinned memory: a copy from elsewhere keeps the host until the device has done all that was queued before."""
        if images[0].device.type != "cpu" or self.device.type != "cuda":
            return torch.stack([image.to(self.device) for image in images])
        pinned = torch.empty(len(images), *images[0].shape, dtype=torch.uint8, pin_memory=True)
        for row, image in zip(pinned.numpy(), images, strict=True):
            row[:] = image.numpy()
        return pinned.to(self.device, non_blocking=True)

    def _on_device(self, matrices: Sequence[np.ndarray]) -> Tensor:
        return torch.as_tensor(np.stack(matrices), dtype=torch.float32).to(self.device, non_blocking=True)

    def color(self, points: Float[Tensor, "target n 3"], directions: Float[Tensor, "target n 3"], context: Context) -> Float[Tensor, "target n 3"]:
        """Colour at world points seen along directions."""
        network = self.blend.tensors()
        if kernels.blends(points, context.texels, network):
            return torch.stack([self._blended(points[i], directions[i], context, i, network) for i in range(len(points))])
        seen, direction, visible = fetch(points, directions, context, self.config.pixel_offset)
        return self.blend(seen, direction, visible if self.config.mask_invisible else None)

    def tensors(self) -> tuple[FieldTensors, BlendTensors]:
        """The fine field and the blending network, for the fused kernels."""
        return self.field.tensors(), self.blend.tensors()

    def _blended(self, points: Tensor, directions: Tensor, context: Context, target: int, network: BlendTensors) -> Tensor:
        return kernels.blend(
            points,
            directions,
            context.texels[target],
            context.sizes[target],
            context.K[target],
            context.T_camera_world[target],
            network,
            pixel_offset=self.config.pixel_offset,
            mask_invisible=self.config.mask_invisible,
        )


def _evaluate(field: PlaneField, points: Tensor, time: Tensor) -> Tensor:
    times = time.reshape(-1, *([1] * (points.dim() - 2))).expand(points.shape[:-1])
    return field(points.reshape(-1, 3), times.reshape(-1)).reshape(points.shape[:-1])
