"""The fused kernels against their PyTorch twins, on a GPU: each stage, then whole pictures on identical samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from analytic import camera

from im4d_core.config import FastConfig, FieldConfig, MethodConfig, OccupancyConfig, RunConfig, as_released
from im4d_core.kernels import distance, fused
from im4d_core.methods.im4d import Im4D
from im4d_core.methods.source_views import fetch
from im4d_core.render import fast
from im4d_core.render.bricks import bake_bricks, choose_refine
from im4d_core.render.fused import FusedRenderer, obstacle
from im4d_core.render.occupancy import Occupancy, bake_frame
from im4d_core.render.rays import all_pixels, camera_rays, cut
from im4d_core.tensors import Context, Traced
from im4d_core.types import Camera, TimeRange

pytestmark = pytest.mark.gpu

BOX = np.array([[-0.55, -0.5, -0.6], [0.6, 0.45, 0.5]])
BOUNDS = (-0.7, -0.6, -0.65, 0.65, 0.6, 0.6)
WIDE = FieldConfig(spatial=(16, 32, 64), temporal=(5, 5, 5))
NARROW = FieldConfig(spatial=(16, 48), temporal=(5, 5), channels=8, width=32, depth=2, skip=False)
FIELDS = {"wide": WIDE, "narrow": NARROW, "one layer": replace(NARROW, depth=1), "narrow with skip": replace(NARROW, skip=True, width=48)}
TIME = 0.37


def _config(field: FieldConfig, *, released: bool = False) -> RunConfig:
    config = RunConfig(
        method=MethodConfig(field=field, bounds=BOUNDS, times=TimeRange(first=0, last=9), least_score=-1000.0),
        occupancy=OccupancyConfig(resolution=(40,), min_alpha=0.05, dilation=0),
        fast=FastConfig(steps=200),
    )
    if not released:
        return config
    rules = as_released(config)
    return replace(rules, occupancy=replace(rules.occupancy, resolution=(40, 32, 36)))


def _model(config: RunConfig) -> Im4D:
    """Untrained weights, scaled so that clouds with soft borders stand in the box."""
    torch.manual_seed(3)
    method = Im4D(config.method).cuda().eval()
    with torch.no_grad():
        for planes in (method.field.spatial[0], method.field.temporal[0]):
            planes.mul_(8.0)  # coarse shapes, fine detail
        points = torch.rand(4096, 3, device="cuda") * 1.2 - 0.6
        raw = method.logit(points[None], torch.tensor([TIME], device="cuda"))
        gain = 5.0 / float(raw.std())
        method.field.out.weight.mul_(gain)
        method.field.out.bias.copy_((method.field.out.bias - float(raw.mean())) * gain - 4.0)
    return method


def _context(views: int) -> Context:
    """Source views of random colours and features around the box, of different sizes."""
    height, width = 70, 90
    texels = torch.rand(1, views, 11, height, width, device="cuda")
    texels[:, :, 3:] = texels[:, :, 3:] * 4 - 2
    texels = torch.nn.functional.avg_pool2d(texels[0], 5, stride=1, padding=2)[None]  # no gradients steeper than pictures have
    seen = [camera(80, distance=1.5 + 0.1 * view) for view in range(views)]
    turned = []
    for view, one in enumerate(seen):
        angle = 2.0 * view / views
        turn = np.array([[np.cos(angle), -np.sin(angle), 0.0, 0.0], [np.sin(angle), np.cos(angle), 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
        turned.append(one.T_camera_world @ turn)
    sizes = torch.tensor([[width - view, height - 2 * view] for view in range(views)], device="cuda")
    return Context(
        texels=texels,
        sizes=sizes[None],
        K=torch.tensor(np.stack([one.K for one in seen]), dtype=torch.float32, device="cuda")[None],
        T_camera_world=torch.tensor(np.stack(turned), dtype=torch.float32, device="cuda")[None],
    )


def _psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(-10 * torch.log10((a.double() - b.double()).square().mean() + 1e-12))


def _grid(method: Im4D, config: RunConfig) -> Occupancy:
    grid = bake_frame(method, TIME, BOX, config.occupancy, torch.device("cuda"))
    share = float(grid.occupied.float().mean())
    assert 0.02 < share < 0.9, share  # neither empty nor full: both would prove little
    return grid


def _frame(renderer: FusedRenderer, config: RunConfig, grid: Occupancy, *, baked: bool) -> fused.FrameField:
    return renderer.frame(grid, TIME, choose_refine(grid, config.method, config.fast) if baked else None)


def _picture(
    renderer: FusedRenderer, config: RunConfig, seen: Camera, frame: fused.FrameField, sources: fused.SourceTexels, clip: tuple[float, float] | None = None
) -> fused.Painted:
    return renderer.render(seen, frame, sources, config.fast, config.data.background, clip=clip)


def _twin(method: Im4D, config: RunConfig, context: Context, grid: Occupancy, size: int, *, baked: bool, clip: tuple[float, float] | None = None) -> Traced:
    seen = camera(size, distance=1.6)
    with torch.inference_mode():
        pixels = all_pixels(seen, torch.device("cuda"))[None]
        rays = camera_rays([seen], pixels, BOX[None], [TIME], pixel_offset=config.method.pixel_offset, slab=False)
        rays = cut(rays, None, clip)
        bricks = bake_bricks(method, TIME, grid, choose_refine(grid, config.method, config.fast), 1 << 18) if baked else None
        background = torch.tensor(config.data.background, device="cuda")
        return fast.trace(method, rays, context, grid, config.fast, background=background, bricks=bricks)


@pytest.mark.parametrize("name", FIELDS)
def test_raw_outputs_are_the_field_s(name: str) -> None:
    config = _config(FIELDS[name])
    method = _model(config)
    painter = FusedRenderer(method, config.method).painter
    points = torch.rand(10_007, 3, device="cuda") * 1.6 - 0.8  # some lie outside the bounds
    with torch.inference_mode():
        expected = method.logit(points[None], torch.tensor([TIME], device="cuda"))[0]
        found = painter.field.logits(points, painter.field.lines_at(TIME))
    assert (found - expected).abs().max() < 0.15  # eight layers of half-precision inputs on outputs of +-15: a hundredth of their range
    assert (found - expected).abs().mean() < 0.02


def test_distances_are_those_of_repeated_dilation() -> None:
    occupied = torch.rand(37, 20, 45, device="cuda") < 0.0005
    assert distance.serves(occupied)
    found = distance.distance_grid(occupied, 9)
    expected = torch.full(occupied.shape, 9, dtype=torch.uint8, device="cuda")
    grown = occupied
    for away in range(9):
        expected = torch.where(grown & (expected == 9), torch.full_like(expected, away), expected)
        grown = torch.nn.functional.max_pool3d(grown[None, None].float(), 3, stride=1, padding=1)[0, 0] > 0
    assert torch.equal(found, expected)


@pytest.mark.parametrize("views", [1, 2, 4, 5, 8, 9, 16])
@pytest.mark.parametrize("released", [False, True])
def test_colours_are_the_blending_network_s(views: int, released: bool) -> None:
    config = _config(NARROW, released=released)
    method = _model(config)
    context, grid = _context(views), _grid(method, config)
    renderer = FusedRenderer(method, config.method)
    frame = _frame(renderer, config, grid, baked=False)
    seen = camera(64, distance=1.6)
    _picture(renderer, config, seen, frame, renderer.sources(context))
    while renderer.painter.overflowed():
        _picture(renderer, config, seen, frame, renderer.sources(context))
    kept, _ = renderer.painter.counts()
    records = renderer.painter._records[:kept]
    pixel, depth = records[:, 0].long(), records[:, 1].clone().view(torch.float32)
    colors = renderer.painter._colors[:kept].clone().view(torch.float16).float()[:, :3]
    rays = camera_rays([seen], all_pixels(seen, torch.device("cuda"))[None], BOX[None], [TIME], pixel_offset=config.method.pixel_offset, slab=False)
    directions = rays.directions[0, pixel]
    points = rays.origins[0, pixel] + depth[:, None] * directions
    with torch.inference_mode():
        expected = method.color(points[None], directions[None], context)[0]
        _, _, visible = fetch(points[None], directions[None], context, config.method.pixel_offset)
    if views > 2:
        assert 0.01 < float(visible.float().mean()) < 0.99  # some views miss some points
    assert kept > 1000
    assert _psnr(colors, expected) > 50
    assert ((colors - expected).abs().amax(dim=1) > 0.03).float().mean() < 2e-3  # a point on a picture's border may be seen by one of the two only


@pytest.mark.parametrize("baked", [False, True])
@pytest.mark.parametrize("released", [False, True])
@pytest.mark.parametrize("name", FIELDS)
def test_pictures_are_those_of_the_twin(name: str, released: bool, baked: bool) -> None:
    config = _config(FIELDS[name], released=released)
    method = _model(config)
    context, grid = _context(4), _grid(method, config)
    renderer = FusedRenderer(method, config.method)
    frame, sources = _frame(renderer, config, grid, baked=baked), renderer.sources(context)
    seen = camera(150, distance=1.6)
    painted = _picture(renderer, config, seen, frame, sources)
    while renderer.painter.overflowed():
        painted = _picture(renderer, config, seen, frame, sources)
    twin = _twin(method, config, context, grid, 150, baked=baked)
    assert painted.rgb is not None and painted.opacity is not None and painted.samples is not None
    assert _psnr(painted.rgb, twin.rgb[0].reshape(150, 150, 3).clamp(0, 1)) > 50  # what is asked of the exact renderer on identical samples
    assert _psnr(painted.opacity, twin.opacity[0].reshape(150, 150)) > 45  # a cloud's rim is steeper than its colour
    solid = (painted.opacity > 0.5) & (twin.opacity[0].reshape(150, 150) > 0.5)
    error = (painted.depth - twin.depth[0].reshape(150, 150)).abs()[solid]
    assert float(error.median()) < 1e-3 and float((error > 0.02).float().mean()) < 0.02  # where a light sample is kept by one of the two
    if not baked and not released:  # elsewhere the twin evaluates all samples, the kernels stop
        ours, theirs = painted.samples.float().mean(), twin.samples.float().mean()
        assert ours <= theirs * 1.01  # the twin stops every eight samples only
    bytes_of_rgb = (painted.rgb * 255 + 0.5).to(torch.uint8)
    assert torch.equal(painted.display[..., :3], bytes_of_rgb) and bool((painted.display[..., 3] == 255).all())


@pytest.mark.parametrize("baked", [False, True])
def test_near_and_far_cut_as_the_twin_does(baked: bool) -> None:
    config, clip = _config(NARROW), (1.4, 1.7)
    method = _model(config)
    context, grid = _context(4), _grid(method, config)
    renderer = FusedRenderer(method, config.method)
    frame, sources, seen = _frame(renderer, config, grid, baked=baked), renderer.sources(context), camera(150, distance=1.6)
    painted = _picture(renderer, config, seen, frame, sources, clip)
    while renderer.painter.overflowed():
        painted = _picture(renderer, config, seen, frame, sources, clip)
    twin = _twin(method, config, context, grid, 150, baked=baked, clip=clip)
    assert painted.rgb is not None and painted.opacity is not None
    assert _psnr(painted.rgb, twin.rgb[0].reshape(150, 150, 3).clamp(0, 1)) > 50  # as whole pictures are
    assert _psnr(painted.opacity, twin.opacity[0].reshape(150, 150)) > 45
    seen_at = painted.depth[painted.opacity > 0.05]
    step = float(np.linalg.norm(BOX[1] - BOX[0])) / config.fast.steps
    assert len(seen_at) > 100 and float(seen_at.min()) > clip[0] - step and float(seen_at.max()) < clip[1] + step


def test_a_picture_is_the_same_every_time() -> None:
    config = _config(WIDE)
    method = _model(config)
    context, grid = _context(4), _grid(method, config)
    renderer = FusedRenderer(method, config.method)
    sources = renderer.sources(context)
    for baked in (False, True):
        frame = _frame(renderer, config, grid, baked=baked)
        pictures = []
        for _ in range(3):
            pictures.append(_picture(renderer, config, camera(200, distance=1.6), frame, sources))
            while renderer.painter.overflowed():
                pictures[-1] = _picture(renderer, config, camera(200, distance=1.6), frame, sources)
        for other in pictures[1:]:
            assert torch.equal(pictures[0].rgb, other.rgb) and torch.equal(pictures[0].depth, other.depth)


@pytest.mark.parametrize("name", ["wide", "narrow"])
def test_bricks_hold_what_the_twin_bakes(name: str) -> None:
    config = _config(FIELDS[name])
    method = _model(config)
    grid = _grid(method, config)
    refine = choose_refine(grid, config.method, config.fast)
    with torch.inference_mode():
        expected = bake_bricks(method, TIME, grid, refine, 1 << 18)
        found = FusedRenderer(method, config.method).frame(grid, TIME, refine).bricks
    assert found is not None and found.refine == refine
    assert torch.equal(found.table, expected.table)
    assert torch.equal(found.values == -20, expected.values == -20)
    assert (found.values.float() - expected.values.float()).abs().max() < 0.15  # as for raw outputs


def test_a_list_that_is_too_short_grows() -> None:
    config = replace(_config(NARROW), fast=FastConfig(steps=400, min_weight=1e-5, min_transmittance=0.0))
    method = _model(config)
    context, grid = _context(2), _grid(method, config)
    renderer = FusedRenderer(method, config.method)
    frame, sources = _frame(renderer, config, grid, baked=True), renderer.sources(context)
    seen = camera(128, distance=1.2)
    _picture(renderer, config, seen, frame, sources)
    assert renderer.painter.overflowed()
    painted = _picture(renderer, config, seen, frame, sources)
    assert not renderer.painter.overflowed()
    assert painted.rgb is not None and bool(torch.isfinite(painted.rgb).all())


def test_a_frame_without_matter_is_background() -> None:
    config = replace(_config(NARROW), data=replace(RunConfig().data, background=(0.25, 0.5, 0.75)))
    method = _model(config)
    grid = replace(_grid(method, config), occupied=torch.zeros(40, 33, 38, dtype=torch.bool, device="cuda"))
    renderer = FusedRenderer(method, config.method)
    for baked in (False, True):
        painted = _picture(renderer, config, camera(50), _frame(renderer, config, grid, baked=baked), renderer.sources(_context(4)))
        assert painted.rgb is not None and painted.opacity is not None
        assert torch.allclose(painted.rgb, torch.tensor([0.25, 0.5, 0.75], device="cuda").expand(50, 50, 3))
        assert float(painted.opacity.abs().max()) == 0.0 and not renderer.painter.overflowed()


def test_models_that_the_kernels_do_not_know_are_named() -> None:
    device = torch.device("cuda", torch.cuda.current_device())
    config = _config(replace(NARROW, channels=4))
    assert "4 channels" in str(obstacle(Im4D(config.method), config, device))
    config = _config(NARROW)
    assert obstacle(Im4D(config.method), config, device) is None
    assert "17 source views" in str(obstacle(Im4D(config.method), replace(config, views=replace(config.views, count=17)), device))
    assert obstacle(Im4D(config.method), config, torch.device("cpu")) is not None
