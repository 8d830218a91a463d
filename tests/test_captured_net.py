"""Captured passes of an image network are the network's own."""

from __future__ import annotations

import pytest
import torch

from im4d_core import captured_net
from im4d_core.captured_net import CapturedNet
from im4d_core.devices import at_work
from im4d_core.methods.blocks import ImageNet

_TF32 = 1e-2
"""Convolutions keep ten bits of what they multiply, and which products are summed first depends on how many images go together."""


def _gradients(net: ImageNet, run: object, images: torch.Tensor, half: bool) -> tuple[torch.Tensor, list[torch.Tensor]]:
    net.zero_grad(set_to_none=True)
    with torch.autocast("cuda", dtype=torch.float16, enabled=half, cache_enabled=False):
        out = run(images)  # pyright: ignore[reportCallIssue]
    out.float().square().mean().backward()
    return out.detach().clone(), [weight.grad.clone() for weight in net.parameters()]


@pytest.mark.gpu
@pytest.mark.parametrize("half", [False, True])
def test_forward_and_backward_are_the_networks(half: bool) -> None:
    net = ImageNet().cuda()
    captured = CapturedNet(net)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    tolerance = 2e-2 if half else 1e-4  # float16 keeps three digits, and cuDNN may choose another algorithm while it captures
    for step in range(5):  # the weights move in between: graphs must read where they are now
        images = torch.randn(4, 3, 64, 96, device="cuda")
        expected, wanted = _gradients(net, net, images, half)
        found, gradients = _gradients(net, captured, images, half)
        assert torch.allclose(expected.float(), found.float(), atol=tolerance, rtol=tolerance), step
        for one, other in zip(wanted, gradients, strict=True):
            assert (one - other).norm() <= tolerance * one.norm() + 1e-6, step
        optimiser.step()
    assert len(captured._passes) == 1


@pytest.mark.gpu
def test_each_shape_and_kind_of_pass_has_its_own_graph() -> None:
    net = ImageNet().cuda()
    captured = CapturedNet(net)
    for _ in range(3):
        for shape in ((2, 3, 32, 64), (1, 3, 64, 32)):
            images = torch.randn(shape, device="cuda")
            with torch.no_grad():
                assert torch.allclose(net(images), captured(images), atol=_TF32)
            with torch.inference_mode():
                assert torch.allclose(net(images), captured(images), atol=_TF32)
            assert captured(images).requires_grad
    assert len(captured._passes) == 6


@pytest.mark.gpu
def test_any_number_of_images_is_one_shape_where_nothing_is_trained(caplog: pytest.LogCaptureFixture) -> None:
    """Playing would capture forever else; and passes that share their memory must not change what others gave."""
    net = ImageNet().cuda().eval()
    captured = CapturedNet(net)
    with torch.inference_mode(), caplog.at_level("INFO"):
        for count in (2, 5, 1, 3):
            small, large = torch.randn(count, 3, 32, 64, device="cuda"), torch.randn(count, 3, 64, 64, device="cuda")
            found = captured(small), captured(large)
            for images, features in zip((small, large), found, strict=True):
                assert torch.allclose(net(images), features, atol=_TF32)
    assert len(captured._passes) == 2, caplog.text


@pytest.mark.gpu
def test_a_network_at_rest_gets_no_gradient() -> None:
    net = ImageNet().cuda()
    captured = CapturedNet(net)
    images = torch.randn(2, 3, 32, 32, device="cuda")
    for _ in range(3):
        with torch.no_grad():
            assert not captured(images).requires_grad
    assert all(weight.grad is None for weight in net.parameters())


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_a_gpu_that_is_not_the_first_has_passes_of_its_own() -> None:
    device = torch.device("cuda:1")
    net = ImageNet().to(device)
    captured = CapturedNet(net)
    with torch.inference_mode(), at_work(device):
        for _ in range(4):
            images = torch.randn(2, 3, 32, 32, device=device)
            assert torch.allclose(net(images), captured(images), atol=1e-4)


def test_where_memory_is_short_nothing_more_is_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def refused(*_: object) -> None:
        tried.append(0)
        raise torch.OutOfMemoryError("no room for a graph")

    monkeypatch.setattr(captured_net, "_Apart", object)
    monkeypatch.setattr(captured_net, "_Pass", refused)
    net = ImageNet()
    captured = CapturedNet(net)
    with torch.no_grad():
        for size in (32, 64, 32, 64):
            images = torch.randn(1, 3, size, size)
            assert torch.equal(captured(images), net(images))
    assert len(tried) == 1
