"""What the tensor cores would compute from the packed tensors, by a plain walk over lanes, against the layers themselves."""

from __future__ import annotations

import pytest
import torch

from im4d_core.config import FieldConfig
from im4d_core.kernels import packing, reference
from im4d_core.methods.blocks import BlendNet, PlaneField

HALF = 2e-3  # products of numbers near one, rounded to 11 bits


def _walked(rows: torch.Tensor, packed: torch.Tensor) -> torch.Tensor:
    """(16, inputs) times packed weights, lane by lane as mma.m16n8k16 defines it."""
    steps, tiles = packed.shape[:2]
    out = torch.zeros(16, 8 * tiles)
    for step in range(steps):
        for tile in range(tiles):
            b = torch.zeros(16, 8)
            for lane in range(32):
                g, t = divmod(lane, 4)
                for i, k in enumerate((2 * t, 2 * t + 1, 2 * t + 8, 2 * t + 9)):
                    b[k, g] = packed[step, tile, lane, i].float()
            out[:, 8 * tile : 8 * tile + 8] += rows[:, 16 * step : 16 * step + 16] @ b
    return out


def test_fragments_hold_a_layer() -> None:
    weight, rows = torch.rand(24, 48) - 0.5, torch.rand(16, 48) - 0.5
    assert torch.allclose(_walked(rows, packing.fragments(weight)), rows @ weight.t(), atol=HALF)


def test_a_lane_reads_its_share_of_a_texel_with_one_load() -> None:
    ordered = packing.in_lane_order(torch.arange(16.0).reshape(1, 16))[0].reshape(4, 4)
    for t in range(4):
        assert ordered[t].tolist() == [2 * t, 2 * t + 1, 2 * t + 8, 2 * t + 9]


@pytest.mark.parametrize("time", [0.0, 0.31, 1.0])
def test_lines_are_the_space_time_planes_at_a_time(time: float) -> None:
    planes = torch.rand(3, 8, 5, 9)
    lines = packing.lines_at(packing.packed_temporal(planes), time)
    at = torch.linspace(-1.0, 1.0, 9)
    points = at[:, None].expand(9, 3).contiguous()
    looked_up = reference.plane_features(points, torch.full((9,), 2 * time - 1), [torch.zeros(3, 8, 2, 2)], [planes])[:, 24:].reshape(9, 3, 8)
    assert torch.allclose(lines.permute(1, 0, 2).float(), looked_up, atol=1e-3)  # half precision of numbers below one


def _field(config: FieldConfig) -> tuple[PlaneField, packing.FieldTensors]:
    field = PlaneField(config, torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]))
    return field, field.tensors()


@pytest.mark.parametrize("skip", [False, True])
def test_the_packed_field_computes_the_field(skip: bool) -> None:
    torch.manual_seed(1)
    field, tensors = _field(FieldConfig(spatial=(4, 8), temporal=(3, 3), channels=16, width=32, depth=3, skip=skip))
    weights, biases = packing.packed_mlp(tensors)
    points = torch.rand(16, 3) * 2 - 1
    encoding = reference.plane_features(points, torch.zeros(16), list(field.spatial), list(field.temporal))
    tiles, steps, chunks = 4, 2, 12
    per_chunk = weights[: chunks * tiles * (2 if skip else 1) * 128].reshape(chunks, 2 if skip else 1, tiles, 32, 4)
    rest = weights[per_chunk.numel() :].reshape(-1, steps, tiles, 32, 4)
    hidden = _walked(encoding, per_chunk[:, 0]) + biases[:32]
    at = 64 if skip else 32
    joined = _walked(encoding, per_chunk[:, 1]) + biases[32:64] if skip else None
    for i in range(2):
        hidden = _walked(hidden.relu(), rest[i]) + biases[at : at + 32]
        at += 32
    if joined is not None:
        hidden = joined + _walked(hidden.relu(), rest[2])
    found = hidden.relu() @ biases[at : at + 32] + biases[at + 32]
    with torch.no_grad():
        assert torch.allclose(found, field(points, torch.full((16,), 0.5)), atol=HALF)
    assert at + 33 == len(biases)


def test_the_packed_blending_layers_see_what_they_should() -> None:
    net = BlendNet()
    weights, biases = packing.packed_blend(net.tensors())
    assert weights.numel() == 72 * 128  # shade.cu: kBlendTiles
    assert biases.numel() == 176 + 33 + 65
    parts = weights.reshape(72, 32, 4)
    texel = torch.zeros(16, 16)
    texel[:, :15] = torch.rand(16, 15)
    statistics = _walked(texel, parts[None, :4])
    assert torch.allclose(statistics, texel[:, :11] @ net.statistics.weight[:, :11].t(), atol=HALF)  # blind for the direction
    compare = _walked(texel, parts[None, 64:])
    assert torch.allclose(compare, texel[:, :15] @ net.compare.weight[:, 80:].t(), atol=HALF)
    shared = torch.rand(16, 80)
    assert torch.allclose(_walked(shared, parts[24:64].reshape(5, 8, 32, 4)), shared @ net.compare.weight[:, :80].t(), atol=2 * HALF)  # 80 products


def test_texels_are_filled_with_zeros() -> None:
    texels = torch.rand(2, 11, 3, 4)
    packed = packing.packed_texels(texels)
    order = [channel for t in range(4) for channel in (2 * t, 2 * t + 1, 2 * t + 8, 2 * t + 9)]
    for place, channel in enumerate(order):
        expected = texels[:, channel] if channel < 11 else torch.zeros(2, 3, 4)
        assert torch.allclose(packed[..., place].float(), expected, atol=1e-3)
