"""Plane features on the GPU against their twin: values in both precisions, gradients against float64."""

from __future__ import annotations

import pytest
import torch

from im4d_core.kernels import planes, reference

CONFIGURATIONS = [((16, 33), (5, 7), 16), ((24,), (9,), 12), ((8, 16, 32), (3, 3, 3), 8)]


def _case(spatial: tuple[int, ...], temporal: tuple[int, ...], channels: int) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor], list[torch.Tensor]]:
    torch.manual_seed(0)

    def stack(height: int, width: int) -> torch.Tensor:
        return torch.randn(3, channels, height, width, device="cuda").to(memory_format=torch.channels_last).requires_grad_()

    points = torch.rand(5000, 3, device="cuda") * 2 - 1
    points[:8] = torch.tensor([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])  # corners: the last texel has no neighbour
    time = torch.rand(5000, device="cuda") * 2 - 1
    return points, time, [stack(size, size) for size in spatial], [stack(times, size) for times, size in zip(temporal, spatial, strict=True)]


@pytest.mark.gpu
@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_features_are_those_of_the_twin(configuration: tuple[tuple[int, ...], tuple[int, ...], int]) -> None:
    points, time, spatial, temporal = _case(*configuration)
    assert planes.fits(points, spatial, temporal)
    expected = reference.plane_features(points, time, spatial, temporal)
    assert torch.allclose(planes.plane_features(points, time, spatial, temporal), expected, atol=2e-5)  # roundings of a coordinate times a slope of ~6
    with torch.autocast("cuda", dtype=torch.float16):
        found = planes.plane_features(points, time, spatial, temporal)
    assert found.dtype == torch.float16
    assert torch.allclose(found.float(), expected, atol=4e-3)  # half a last place of float16 at 4 is 2e-3


@pytest.mark.gpu
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_gradients_are_those_of_float64(configuration: tuple[tuple[int, ...], tuple[int, ...], int], half: bool) -> None:
    points, time, spatial, temporal = _case(*configuration)
    with torch.autocast("cuda", dtype=torch.float16, enabled=half):
        features = planes.plane_features(points, time, spatial, temporal)
    pull = torch.randn(features.shape, device="cuda").to(features.dtype)
    features.backward(pull)
    doubles = [p.detach().double().requires_grad_() for p in (*spatial, *temporal)]
    wide = reference.plane_features(points.double(), time.double(), doubles[: len(spatial)], doubles[len(spatial) :])
    wide.backward(pull.double())
    for plane, double in zip((*spatial, *temporal), doubles, strict=True):
        assert plane.grad is not None and double.grad is not None
        assert plane.grad.is_contiguous(memory_format=torch.channels_last)
        scale = double.grad.abs().max()
        assert (plane.grad - double.grad).abs().max() < 1e-5 * scale  # hundreds of float32 sums in one texel


@pytest.mark.gpu
def test_planes_in_another_layout_are_left_to_the_twin() -> None:
    points, _, spatial, temporal = _case(*CONFIGURATIONS[0])
    assert not planes.fits(points, [plane.contiguous() for plane in spatial], temporal)
    assert not planes.fits(points.double(), spatial, temporal)
