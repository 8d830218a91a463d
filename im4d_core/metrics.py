"""Picture metrics with their exact protocol: PSNR over chosen pixels, SSIM as scikit-image defines it, LPIPS with the VGG backbone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from im4d_core.tensor_file import read_tensors

_SSIM_WINDOW = 7
_VGG_CONVOLUTIONS = ((0, 3, 64), (2, 64, 64), (5, 64, 128), (7, 128, 128), (10, 128, 256), (12, 256, 256), (14, 256, 256),
                     (17, 256, 512), (19, 512, 512), (21, 512, 512), (24, 512, 512), (26, 512, 512), (28, 512, 512))  # fmt: skip
"""Index in torchvision's feature stack, input channels, output channels."""
_VGG_POOLS = frozenset({4, 9, 16, 23})
_VGG_TAPS = (2, 7, 14, 21, 28)
"""The convolutions whose rectified outputs are compared: relu1_2, 2_2, 3_3, 4_3, 5_3."""


def psnr(rgb: Float[Tensor, "h w 3"], target: Float[Tensor, "h w 3"], mask: Bool[Tensor, "h w"] | None = None) -> float:
    """Peak signal-to-noise ratio in dB of colours in [0, 1] over the pixels of a mask; infinite for equal pictures.

    Raises:
        ValueError: the mask is empty.
    """
    error = torch.square(rgb.double() - target.double())
    if mask is not None:
        if not bool(mask.any()):
            raise ValueError("PSNR over an empty mask: no pixel is inside the projected box")
        error = error[mask]
    return float(-10.0 * torch.log10(error.mean()))


def ssim(rgb: Float[Tensor, "h w 3"], target: Float[Tensor, "h w 3"], *, data_range: float = 1.0) -> float:
    """Structural similarity as `skimage.metrics.structural_similarity` computes it with its defaults and a channel axis.

    7x7 uniform window, K1 = 0.01, K2 = 0.03, sample covariance, mean over the pixels whose window lies inside and over channels.

    Args:
        data_range: 1 for colours in [0, 1]; the released Im4D reports with 2.

    Raises:
        ValueError: the picture is smaller than the window.

    Source: Wang et al. 2004; scikit-image 0.26.
    """
    if min(rgb.shape[:2]) < _SSIM_WINDOW:
        raise ValueError(f"SSIM needs pictures of at least {_SSIM_WINDOW}x{_SSIM_WINDOW} pixels, got {rgb.shape[1]}x{rgb.shape[0]}")
    x, y = (picture.double().permute(2, 0, 1)[None] for picture in (rgb, target))

    def window_mean(values: Tensor) -> Tensor:
        return F.avg_pool2d(values, _SSIM_WINDOW, stride=1)

    mean_x, mean_y = window_mean(x), window_mean(y)
    samples = _SSIM_WINDOW * _SSIM_WINDOW
    sample_norm = samples / (samples - 1)
    var_x = sample_norm * (window_mean(x * x) - mean_x * mean_x)
    var_y = sample_norm * (window_mean(y * y) - mean_y * mean_y)
    cov = sample_norm * (window_mean(x * y) - mean_x * mean_y)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    similarity = ((2 * mean_x * mean_y + c1) * (2 * cov + c2)) / ((mean_x * mean_x + mean_y * mean_y + c1) * (var_x + var_y + c2))
    return float(similarity.mean())


class Lpips(nn.Module):
    """Learned perceptual distance with the VGG-16 backbone, version 0.1: 0 for equal pictures, larger is worse.

    Weights are never shipped; `load_lpips` reads them from the user's files.

    Source: Zhang et al. 2018.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.ModuleDict({str(index): nn.Conv2d(inputs, outputs, 3, padding=1) for index, inputs, outputs in _VGG_CONVOLUTIONS})
        channels = {index: outputs for index, _, outputs in _VGG_CONVOLUTIONS}
        self.heads = nn.ModuleList([nn.Conv2d(channels[tap], 1, 1, bias=False) for tap in _VGG_TAPS])
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).reshape(1, 3, 1, 1), persistent=False)

    def _taps(self, pictures: Float[Tensor, "n 3 h w"]) -> list[Tensor]:
        values = (2.0 * pictures - 1.0 - self.shift) / self.scale
        taps = []
        for index, _, _ in _VGG_CONVOLUTIONS:
            if index - 1 in _VGG_POOLS:
                values = F.max_pool2d(values, 2)
            values = F.relu(self.features[str(index)](values))
            if index in _VGG_TAPS:
                taps.append(values / (values.norm(dim=1, keepdim=True) + 1e-10))  # 1e-10: the published guard of all-zero features
        return taps

    @torch.no_grad()
    def forward(self, rgb: Float[Tensor, "h w 3"], target: Float[Tensor, "h w 3"]) -> float:
        """Distance of two pictures in [0, 1]."""
        taps = self._taps(torch.stack([rgb, target]).float().permute(0, 3, 1, 2))
        distance = sum(head(torch.square(tap[:1] - tap[1:])).mean() for head, tap in zip(self.heads, taps, strict=True))
        return float(distance)


def load_lpips(paths: Sequence[Path], device: torch.device | str = "cpu") -> Lpips:
    """LPIPS with weights from the user's files: one full state dict of the lpips package, or its heads and torchvision's VGG-16, in any order.

    Args:
        paths: `.safetensors` files, or `.pth` files, which are read without running code from them.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: a file is unreadable, or together they miss weights or have other shapes.
    """
    found: dict[str, Tensor] = {}
    for path in paths:
        found |= {_lpips_name(name): tensor for name, tensor in _tensors(path).items()}
    model = Lpips()
    names = ", ".join(str(path) for path in paths)
    wanted = model.state_dict()
    missing = sorted(name for name in wanted if name not in found)
    if missing:
        raise ValueError(
            f"LPIPS weights {names}: {len(missing)} of {len(wanted)} tensors are missing ({', '.join(missing[:3])}, ...); "
            "name the lpips package's full VGG state dict, or its heads (weights/v0.1/vgg.pth) and torchvision's vgg16 file together"
        )
    for name, tensor in wanted.items():
        if found[name].shape != tensor.shape:
            raise ValueError(f"LPIPS weights {names}: {name} must be {tuple(tensor.shape)}, got {tuple(found[name].shape)}; the VGG-16 backbone is needed")
    model.load_state_dict({name: found[name] for name in wanted})
    return model.requires_grad_(False).to(device)


def _tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"LPIPS weights {path}: no such file")
    return {str(name): tensor for name, tensor in read_tensors(path).items() if isinstance(tensor, Tensor)}


def _lpips_name(name: str) -> str:
    """A name of the lpips package or of torchvision → ours."""
    name = re.sub(r"^net\.slice\d+\.(\d+)\.", r"features.\1.", name)
    return re.sub(r"^(?:lin|lins\.)(\d+)\.model\.1\.", r"heads.\1.", name)
