"""The compiled loops against their PyTorch twins, and what happens where they cannot be used."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from im4d_core import kernels
from im4d_core.kernels import reference
from im4d_core.kernels.bricks import Bricks
from im4d_core.kernels.cpu import backend, threads
from im4d_core.methods.blocks import BlendNet
from im4d_core.methods.source_views import fetch, stack_context
from im4d_core.opened_run import open_run
from im4d_core.tensors import Features

DEMO = Path(__file__).parent.parent / "assets" / "demo"


@pytest.fixture
def compiled(kernels_of_pytorch: None) -> None:
    """The compiled loops are in use during a test."""
    pytest.importorskip("numba")
    assert kernels.cpu.prepare()


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("shape", [(20, 31, 17), (1, 1, 1), (3, 1, 5), (2, 9, 1)])
def test_distance_grid_is_that_of_its_twin(shape: tuple[int, int, int]) -> None:
    for share in (0.0, 0.01, 0.2, 1.0):
        occupied = torch.rand(shape, generator=torch.Generator().manual_seed(1)) < share
        for reach in (1, 6, 16):
            assert torch.equal(kernels.distance_grid(occupied, reach), reference.distance_grid(occupied, reach))


def _rays(rng: torch.Generator, box: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    directions = torch.nn.functional.normalize(torch.randn(count, 3, generator=rng), dim=-1)
    origins = torch.rand(count, 3, generator=rng) * 0.4 - 1.5 * directions
    origins[::7] = torch.rand(len(origins[::7]), 3, generator=rng) * 0.2  # from within the box
    directions = directions * (1.0 + torch.rand(count, 1, generator=rng))
    low, high = (box[0] - origins) / directions, (box[1] - origins) / directions
    near, far = torch.minimum(low, high).amax(-1).clamp(min=0.1), torch.maximum(low, high).amin(-1)
    far[5] = near[5]
    return origins, directions, near, far


@pytest.mark.usefixtures("compiled", "two_threads")
@pytest.mark.parametrize("refine", [(1, 1, 1), (2, 4, 1)])
@pytest.mark.parametrize("limits", [(0.0, 1e-6), (0.01, 0.003)])
@pytest.mark.parametrize("depths", [(0.0, 9.0), (0.61, 0.97)])
def test_a_march_keeps_the_samples_of_its_twin(refine: tuple[int, int, int], limits: tuple[float, float], depths: tuple[float, float]) -> None:
    """Over the whole box, and between two depths."""
    rng = torch.Generator().manual_seed(3)
    box, cells = torch.tensor([[-0.5, -0.4, -0.6], [0.5, 0.6, 0.7]]), (24, 36, 20)
    distance = reference.distance_grid(torch.rand(cells, generator=rng) < 0.02, 8)
    places = [(n * r + 7) // 8 for n, r in zip(cells, refine, strict=True)]
    table = torch.arange(math.prod(places), dtype=torch.int32).reshape(places)
    values = torch.randn(table.numel(), 9, 9, 9, generator=rng) * 2.0 + 2.0
    origins, directions, near, far = _rays(rng, box, 3000)
    rays = origins, directions, near.clamp(min=depths[0]), far.clamp(max=depths[1])
    arguments = (*rays, distance, Bricks(values=values, table=table, box=box, refine=refine), 0.013, *limits)
    found, expected = kernels.march_bricks(*arguments), reference.march_bricks(*arguments)
    assert len(found.ray) > 400
    assert float(found.depth.min()) > depths[0] - 0.013 and float(found.depth.max()) < depths[1] + 0.013  # cut to within a step
    assert torch.equal(found.ray, expected.ray) and torch.equal(found.depth, expected.depth)  # both find the cell of a sample by the same roundings
    assert torch.equal(found.evaluated, expected.evaluated)
    # logits up to ten, a few roundings each: densities differ by 1e-5 of themselves, weights are below one
    assert torch.allclose(found.weight, expected.weight, atol=2e-5)
    assert torch.allclose(found.transmittance, expected.transmittance, atol=2e-5)


def _sources(rng: torch.Generator, views: int):
    """Views of different sizes on a circle around the origin, not all of which see all points."""
    features = []
    for view in range(views):
        angle = torch.tensor(0.5 * view)
        T = torch.eye(4)
        T[0, 0], T[0, 2], T[2, 0], T[2, 2], T[2, 3] = torch.cos(angle), torch.sin(angle), -torch.sin(angle), torch.cos(angle), 2.0
        height, width = 40 + 3 * view, 52 - 2 * view
        K = torch.tensor([[60.0, 0.0, width / 2], [0.0, 60.0, height / 2], [0.0, 0.0, 1.0]])
        features.append(Features(view=view, frame=0, texels=torch.rand(11, height, width, generator=rng), K=K, T_camera_world=T))
    return stack_context([features])


@pytest.mark.usefixtures("compiled", "two_threads")
@pytest.mark.parametrize("views", [1, 2, 4])
@pytest.mark.parametrize("mask_invisible", [True, False])
@pytest.mark.parametrize("least_score", [0.0, -1000.0])
def test_blended_colours_are_those_of_the_network(views: int, mask_invisible: bool, least_score: float) -> None:
    rng = torch.Generator().manual_seed(views)
    torch.manual_seed(views)
    context, network = _sources(rng, views), BlendNet(least_score=least_score)
    with torch.no_grad():
        network.score.bias.sub_(1.0)  # some scores on each side of zero, or all below it
    points = (torch.rand(1, 2500, 3, generator=rng) - 0.5) * 3.0  # some outside all pictures, some behind the cameras
    directions = torch.randn(1, 2500, 3, generator=rng)
    with torch.no_grad():
        seen, direction, visible = fetch(points, directions, context, 0.5)
        assert not visible.all() and visible.any() and not visible.any(dim=1).all()
        expected = network(seen, direction, visible if mask_invisible else None)[0]
        parameters = network.tensors()
        assert kernels.blends(points, context.texels, parameters)
        found = kernels.blend(
            points[0],
            directions[0],
            context.texels[0],
            context.sizes[0],
            context.K[0],
            context.T_camera_world[0],
            parameters,
            pixel_offset=0.5,
            mask_invisible=mask_invisible,
        )
    # a point 1e-3 of a pixel off across an edge, softmax within 5e-6, some hundred roundings: a thirtieth of a step of an 8-bit picture
    assert (found - expected).abs().max() < 1e-4


def test_learning_and_other_kinds_of_tensors_are_left_to_pytorch(compiled: None) -> None:
    served = torch.zeros(3)
    assert kernels.cpu.serves(served, served > 0)
    assert not kernels.cpu.serves(served, served.double())
    weight = torch.zeros(3, requires_grad=True)
    assert not kernels.cpu.serves(weight)
    with torch.no_grad():
        assert kernels.cpu.serves(weight)
    network = BlendNet().tensors()
    with torch.no_grad():
        texels = torch.zeros(1, 2, 11, 4, 5)
        assert not kernels.blends(torch.zeros(1, 1, 3), texels, network)  # channels first: every call would copy it
        last = texels.movedim(2, -1).contiguous().movedim(-1, 2)
        assert kernels.blends(torch.zeros(1, 1, 3), last, network)
    assert not kernels.blends(torch.zeros(1, 1, 3), last, network)  # the image network rests, the blending network learns on


@pytest.mark.usefixtures("compiled")
def test_a_picture_is_that_of_pytorch() -> None:
    renderer = open_run(DEMO, device="cpu")
    try:
        camera = renderer.scene.cameras[1]  # hidden as a source: of two equal directions the network sees the difference, which is all rounding
        quick = renderer.render(camera, 3, "fast", hidden=1)
        backend._ready.clear()
        plain = renderer.render(camera, 3, "fast", hidden=1)
        assert quick is not None and plain is not None and float(plain.opacity.max()) > 0.99
        assert torch.equal(quick.samples, plain.samples)
        apart = (quick.rgb - plain.rgb).abs()
        assert float((apart < 2e-4).float().mean()) > 0.999  # colours within 1e-4, and some sums in another order
        assert float(apart.max()) < renderer.config.fast.min_weight  # a sample at that very limit is kept by one of the two only
        assert torch.allclose(quick.opacity, plain.opacity, atol=2e-5) and torch.allclose(quick.depth, plain.depth, atol=1e-4)
    finally:
        renderer.close()


def test_loops_meet_no_other_types_than_they_were_compiled_for(compiled: None) -> None:
    with pytest.raises(TypeError):  # compiling anew would hold a picture up for seconds
        backend._loops["distances"].distance_grid(torch.zeros(2, 2, 2).double().numpy(), 3)


def test_without_the_compiler_pytorch_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "find_spec", lambda name: None)
    assert not kernels.cpu.prepare() and not kernels.cpu.serves(torch.zeros(1))


def test_a_compiler_that_fails_is_told_once_and_not_used(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(backend, "_load", fail)
    with caplog.at_level(logging.WARNING):
        assert not kernels.cpu.prepare()
    assert "the CPU kernels cannot be compiled" in caplog.text and not kernels.cpu.ready()


def test_compiled_code_is_kept_where_one_can_write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(backend.platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    assert backend._cache_folder() == str(tmp_path / "cache" / "numba")
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(backend.platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "file"))
    assert Path(backend._cache_folder()).is_dir()


@pytest.mark.usefixtures("two_threads")
def test_threads_share_a_range_and_keep_its_order() -> None:
    assert threads.shared(lambda begin, end: (begin, end), 10, 3) == [(0, 3), (3, 6), (6, 9), (9, 10)]
    assert threads.shared(lambda begin, end: (begin, end), 0, 3) == [(0, 0)]

    def fail(begin: int, end: int) -> None:
        if begin == 6:
            raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        threads.shared(fail, 10, 3)
