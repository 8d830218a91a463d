"""Losses against dumb loops and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from im4d_core.losses import color_loss, interlevel_loss, mask_loss, outer_weights, plane_tv, psnr_of_mse, time_smoothness


def _histogram(generator: torch.Generator, rays: int, bins: int, total: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    widths = torch.rand(rays, bins, generator=generator, dtype=torch.float64) + 0.05
    edges = torch.cat([torch.zeros(rays, 1, dtype=torch.float64), torch.cumsum(widths, -1)], -1) / widths.sum(-1, keepdim=True)
    weights = torch.rand(rays, bins, generator=generator, dtype=torch.float64)
    return edges, total * weights / weights.sum(-1, keepdim=True)


def test_colour_and_mask_are_means_over_all_elements() -> None:
    rgb, target = torch.rand(2, 5, 3, dtype=torch.float64), torch.rand(2, 5, 3, dtype=torch.float64)
    expected = np.mean([(rgb[i, j, c] - target[i, j, c]).item() ** 2 for i in range(2) for j in range(5) for c in range(3)])
    assert color_loss(rgb, target).item() == pytest.approx(expected, abs=1e-15)  # float64 rounding
    assert mask_loss(rgb[..., 0], target[..., 0]).item() == pytest.approx(float(((rgb - target)[..., 0] ** 2).mean()), abs=1e-15)
    assert psnr_of_mse(torch.tensor(0.01)).item() == pytest.approx(20.0, abs=1e-5)  # float32 logarithm


def test_outer_weights_equal_a_loop_over_overlapping_intervals() -> None:
    generator = torch.Generator().manual_seed(0)
    fine_edges, _ = _histogram(generator, 7, 9)
    fine_edges = 0.1 + 0.8 * fine_edges  # inside the outer range
    outer_edges, outer = _histogram(generator, 7, 13)
    bound = outer_weights(fine_edges, outer_edges, outer)
    for ray in range(7):
        for i in range(9):
            low, high = fine_edges[ray, i], fine_edges[ray, i + 1]
            expected = sum(outer[ray, j] for j in range(13) if outer_edges[ray, j] < high and outer_edges[ray, j + 1] > low)
            assert bound[ray, i].item() == pytest.approx(float(expected), abs=1e-14)  # float64 cumulative sums


def test_edges_outside_the_outer_range_meet_its_first_and_last_bin() -> None:
    outer_edges = torch.tensor([[0.2, 0.4, 0.6]])
    outer = torch.tensor([[0.3, 0.7]])
    bound = outer_weights(torch.tensor([[0.0, 0.1, 0.5, 0.9, 1.0]]), outer_edges, outer)
    assert bound.tolist()[0] == pytest.approx([0.3, 1.0, 0.7, 0.7], abs=1e-6)  # float32


def test_interlevel_is_zero_where_the_proposal_bounds_and_follows_its_formula_elsewhere() -> None:
    generator = torch.Generator().manual_seed(1)
    edges, weights = _histogram(generator, 4, 8)
    assert interlevel_loss(weights, edges, weights, edges).item() < 1e-30  # differences of cumulative sums round
    proposal_edges, proposal = _histogram(generator, 4, 6, total=0.3)
    bound = outer_weights(edges, proposal_edges, proposal)
    expected = np.mean([max(0.0, (w - b).item()) ** 2 / (w.item() + 1e-7) for w, b in zip(weights.flatten(), bound.flatten(), strict=True)])
    assert expected > 0
    assert interlevel_loss(weights, edges, proposal, proposal_edges).item() == pytest.approx(expected, rel=1e-12)  # order of the sum


@pytest.mark.parametrize("into_fine", [False, True])
def test_interlevel_gradient_reaches_the_fine_weights_only_when_asked(into_fine: bool) -> None:
    generator = torch.Generator().manual_seed(2)
    edges, weights = _histogram(generator, 3, 8)
    proposal_edges, proposal = _histogram(generator, 3, 6, total=0.3)
    weights.requires_grad_()
    proposal.requires_grad_()
    interlevel_loss(weights, edges, proposal, proposal_edges, into_fine=into_fine).backward()
    assert (weights.grad is not None) == into_fine
    assert proposal.grad is not None
    assert proposal.grad.abs().sum() > 0


def test_interlevel_gradcheck() -> None:
    generator = torch.Generator().manual_seed(3)
    edges, weights = _histogram(generator, 2, 5)
    proposal_edges, proposal = _histogram(generator, 2, 4, total=0.4)
    assert torch.autograd.gradcheck(
        lambda w, p: interlevel_loss(w, edges, p, proposal_edges, into_fine=True), (weights.requires_grad_(), proposal.requires_grad_())
    )


def test_plane_tv_equals_loops_and_vanishes_on_constants() -> None:
    planes = [torch.rand(3, 2, 4, 5, dtype=torch.float64), torch.rand(3, 2, 3, 6, dtype=torch.float64)]
    expected = 0.0
    for level in planes:
        _, _, height, width = level.shape
        rows = [(level[p, c, y + 1, x] - level[p, c, y, x]).item() ** 2 for p in range(3) for c in range(2) for y in range(height - 1) for x in range(width)]
        columns = [(level[p, c, y, x + 1] - level[p, c, y, x]).item() ** 2 for p in range(3) for c in range(2) for y in range(height) for x in range(width - 1)]
        expected += np.mean(rows) + np.mean(columns)
    assert plane_tv(planes).item() == pytest.approx(expected, rel=1e-12)  # order of the sum
    assert plane_tv([torch.full((3, 2, 4, 4), 0.7)]).item() == 0.0


def test_time_smoothness_equals_a_loop_and_ignores_motion_at_constant_speed() -> None:
    level = torch.rand(3, 2, 5, 4, dtype=torch.float64)
    second = [
        (level[p, c, t + 2, x] - 2 * level[p, c, t + 1, x] + level[p, c, t, x]).item() ** 2
        for p in range(3) for c in range(2) for t in range(3) for x in range(4)
    ]  # fmt: skip
    assert time_smoothness([level, level]).item() == pytest.approx(2 * np.mean(second), rel=1e-12)  # order of the sum
    ramp = torch.arange(6, dtype=torch.float64)[None, None, :, None].expand(3, 2, 6, 4)
    assert time_smoothness([ramp]).item() == 0.0
    assert time_smoothness([level[:, :, :2]]).item() == 0.0


def test_plane_losses_gradcheck() -> None:
    level = torch.rand(3, 1, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: plane_tv([p]), (level,))
    assert torch.autograd.gradcheck(lambda p: time_smoothness([p]), (level,))
