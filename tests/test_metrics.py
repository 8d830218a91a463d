"""Metrics against scikit-image; LPIPS by structure, since its weights are the user's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from im4d_core.metrics import Lpips, load_lpips, psnr, ssim


def _pictures(height: int = 40, width: int = 31) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    smooth = np.cumsum(np.cumsum(rng.normal(size=(height, width, 3)), axis=0), axis=1)
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    return smooth, np.clip(smooth + rng.normal(scale=0.05, size=smooth.shape), 0, 1)


@pytest.mark.parametrize("data_range", [1.0, 2.0])
def test_ssim_equals_scikit_image(data_range: float) -> None:
    x, y = _pictures()
    expected = structural_similarity(x, y, channel_axis=2, data_range=data_range)
    assert ssim(torch.from_numpy(x), torch.from_numpy(y), data_range=data_range) == pytest.approx(expected, abs=1e-9)  # both in float64
    assert ssim(torch.from_numpy(x).float(), torch.from_numpy(y).float(), data_range=data_range) == pytest.approx(expected, abs=1e-6)  # rounded input


def test_ssim_of_equal_pictures_is_one_and_small_pictures_are_refused() -> None:
    x = torch.from_numpy(_pictures()[0])
    assert ssim(x, x) == pytest.approx(1.0, abs=1e-12)  # float64
    with pytest.raises(ValueError, match="at least 7x7 pixels, got 31x6"):
        ssim(x[:6], x[:6])


def test_psnr_counts_the_pixels_of_the_mask_only() -> None:
    x, y = _pictures()
    mask = np.zeros(x.shape[:2], dtype=bool)
    mask[5:20, 3:17] = True
    a, b = torch.from_numpy(x), torch.from_numpy(y)
    assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(x, y, data_range=1.0), abs=1e-9)  # float64
    assert psnr(a, b, torch.from_numpy(mask)) == pytest.approx(peak_signal_noise_ratio(x[mask], y[mask], data_range=1.0), abs=1e-9)  # float64
    assert psnr(a, a) == float("inf")
    with pytest.raises(ValueError, match="empty mask"):
        psnr(a, b, torch.zeros(mask.shape, dtype=torch.bool))


@pytest.fixture(scope="module")
def lpips() -> Lpips:
    torch.manual_seed(0)
    model = Lpips()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.startswith("heads."):
                weight.abs_()  # learned heads are non-negative
    return model


_SLICES = ((0, 4), (4, 9), (9, 16), (16, 23), (23, 30))


def _package_names(model: Lpips) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The state as the lpips package names it (one file), and its backbone as torchvision names it."""
    package: dict[str, torch.Tensor] = {"scaling_layer.shift": torch.zeros(1, 3, 1, 1)}
    for name, tensor in model.state_dict().items():
        group, index, rest = name.split(".", 2)
        if group == "features":
            number = next(i for i, (start, stop) in enumerate(_SLICES) if start <= int(index) < stop) + 1
            package[f"net.slice{number}.{index}.{rest}"] = tensor
        else:
            package[f"lin{index}.model.1.{rest}"] = tensor
            package[f"lins.{index}.model.1.{rest}"] = tensor.clone()
    backbone = {name: tensor for name, tensor in model.state_dict().items() if name.startswith("features.")}
    return package, backbone | {"classifier.0.weight": torch.zeros(2, 2)}


def test_lpips_of_equal_pictures_is_zero_and_of_different_ones_positive(lpips: Lpips) -> None:
    x, y = (torch.from_numpy(p).float() for p in _pictures())
    assert lpips(x, x) == 0.0
    assert lpips(x, y) > 0.0
    assert lpips(x, y) == pytest.approx(lpips(y, x), rel=1e-5)  # float32 sums in another order


def test_lpips_weights_load_from_each_layout(lpips: Lpips, tmp_path: Path) -> None:
    package, backbone = _package_names(lpips)
    torch.save(package, tmp_path / "lpips.pth")
    torch.save({name: tensor for name, tensor in package.items() if name.startswith("lin")}, tmp_path / "heads.pth")
    save_file(backbone, tmp_path / "vgg16.safetensors")
    x, y = (torch.from_numpy(p).float() for p in _pictures())
    expected = lpips(x, y)
    assert load_lpips([tmp_path / "lpips.pth"])(x, y) == expected
    assert load_lpips([tmp_path / "heads.pth", tmp_path / "vgg16.safetensors"])(x, y) == expected


def test_wrong_lpips_files_say_what_is_wrong(lpips: Lpips, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.pth"):
        load_lpips([tmp_path / "absent.pth"])
    (tmp_path / "text.pth").write_text("not weights")
    with pytest.raises(ValueError, match=r"text\.pth: cannot be read"):
        load_lpips([tmp_path / "text.pth"])
    save_file({"lin0.model.1.weight": torch.zeros(1, 64, 1, 1)}, tmp_path / "heads.safetensors")
    with pytest.raises(ValueError, match="30 of 31 tensors are missing"):
        load_lpips([tmp_path / "heads.safetensors"])
    alex = lpips.state_dict() | {"features.0.weight": torch.zeros(64, 3, 11, 11)}
    save_file(alex, tmp_path / "alex.safetensors")
    with pytest.raises(ValueError, match=r"features.0.weight must be \(64, 3, 3, 3\), got \(64, 3, 11, 11\)"):
        load_lpips([tmp_path / "alex.safetensors"])
