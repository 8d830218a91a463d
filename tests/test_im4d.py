"""The model: sizes of the released networks, laws of blending, what features depend on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from im4d_core.config import FieldConfig, MethodConfig, RunConfig, ViewsConfig, as_released
from im4d_core.geometry import intrinsics, look_at, project
from im4d_core.methods import build_method
from im4d_core.methods.blocks import BlendNet, ImageNet, Normalised, PlaneField, density_of, normalised
from im4d_core.methods.source_views import candidates, choose_views, cropped_to_mask, draw_views, fetch, on_common_canvas, stack_context
from im4d_core.tensors import SourceView
from im4d_core.types import Camera, Scene

SMALL = MethodConfig(
    field=FieldConfig(spatial=(8,), temporal=(3,), channels=4, width=16, depth=2), proposal=FieldConfig(spatial=(8,), temporal=(3,), channels=2)
)


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _camera(angle: float, name: str = "c", size: int = 48) -> Camera:
    centre = np.array([2.5 * np.cos(angle), 2.5 * np.sin(angle), 0.5])
    K = intrinsics(size, size, 40.0)
    return Camera(name=name, K=K, T_camera_world=look_at(centre, np.zeros(3), np.array([0.0, 0.0, 1.0])), width=size, height=size)


def _source(view: int, angle: float, size: int = 48, box: tuple[int, int, int, int] = (12, 8, 20, 30)) -> SourceView:
    x, y, w, h = box
    mask = torch.zeros(size, size, dtype=torch.uint8)
    mask[y : y + h, x : x + w] = 255
    image = torch.randint(0, 255, (size, size, 3), dtype=torch.uint8) * (mask > 0)[..., None]
    return SourceView(view=view, frame=0, camera=_camera(angle, f"{view}", size), image=image, mask=mask)


def test_the_published_networks_have_the_published_sizes() -> None:
    config = MethodConfig()
    bounds = torch.tensor([[-1.0] * 3, [1.0] * 3])
    field, proposal = PlaneField(config.field, bounds), PlaneField(config.proposal, bounds)
    planes = [sum(p.numel() for p in (*f.spatial, *f.temporal)) for f in (field, proposal)]
    assert planes == [23_623_680, 1_281_024]
    assert [_count(field) - planes[0], _count(proposal) - planes[1]] == [70_081, 30_145]
    assert _count(BlendNet()) == 8_946
    # the release has one more convolution, which Im4D never uses: 3 x 3 x 32 -> 16
    assert _count(ImageNet()) == 37_136 - (32 * 16 * 9 + 16)


def test_the_image_network_keeps_the_resolution() -> None:
    for height, width in ((64, 48), (33, 17)):
        assert ImageNet()(torch.zeros(2, 3, height, width)).shape == (2, 8, height, width)


def test_density_is_the_shifted_exponential_with_a_bounded_gradient() -> None:
    logit = torch.tensor([-3.0, 0.0, 1.0, 40.0], requires_grad=True)
    density = density_of(logit)
    assert torch.allclose(density[:3], torch.exp(logit[:3] - 1))
    density.sum().backward()
    assert logit.grad is not None and torch.isfinite(logit.grad).all()
    assert torch.isclose(logit.grad[3], torch.tensor(15.0).exp())


def test_points_outside_the_bounds_take_the_value_at_the_border() -> None:
    method = build_method(SMALL)
    time = torch.tensor([0.3])
    inside = method.density(torch.tensor([[[1.0, 0.2, -1.0]]]), time)
    assert torch.allclose(method.density(torch.tensor([[[5.0, 0.2, -9.0]]]), time), inside)


def test_each_target_has_its_own_time() -> None:
    method = build_method(SMALL)
    points = torch.rand(2, 5, 4, 3)
    together = method.density(points, torch.tensor([0.1, 0.9]))
    assert together.shape == (2, 5, 4)
    assert torch.allclose(together[1], method.density(points[1:], torch.tensor([0.9]))[0], atol=1e-6)
    assert not torch.allclose(together[1], method.density(points[1:], torch.tensor([0.1]))[0], atol=1e-6)


def test_equal_sources_give_their_colour_whatever_the_weights() -> None:
    blend = BlendNet()
    seen = torch.rand(2, 1, 7, 11).expand(2, 4, 7, 11)
    direction = torch.randn(2, 4, 7, 4)
    for visible in (None, torch.rand(2, 4, 7) < 0.5):
        assert torch.allclose(blend(seen, direction, visible), seen[:, 0, :, :3], atol=1e-6)


def test_colours_are_convex_combinations() -> None:
    seen = torch.rand(1, 4, 50, 11)
    found = BlendNet()(seen, torch.randn(1, 4, 50, 4), None)
    assert (found >= seen[..., :3].amin(dim=1) - 1e-6).all() and (found <= seen[..., :3].amax(dim=1) + 1e-6).all()


def test_views_that_do_not_see_a_point_change_nothing() -> None:
    blend = BlendNet()
    seen, direction = torch.rand(1, 3, 20, 11), torch.randn(1, 3, 20, 4)
    two = blend(seen[:, :2], direction[:, :2], None)
    visible = torch.tensor([True, True, False]).reshape(1, 3, 1).expand(1, 3, 20)
    garbage = seen.clone()
    garbage[:, 2] = 50.0
    assert torch.allclose(blend(garbage, direction, visible), two, atol=1e-5)
    nobody = torch.zeros(1, 3, 20, dtype=torch.bool)
    assert torch.allclose(blend(seen, direction, nobody), blend(seen, direction, None), atol=1e-5)


@pytest.mark.parametrize("least", [0.0, -1000.0])
def test_a_network_whose_scores_are_all_negative_learns_unless_by_the_released_rule(least: float) -> None:
    torch.manual_seed(1)
    blend = BlendNet(least_score=least)
    with torch.no_grad():
        blend.score.bias.fill_(-40.0)
    optimiser = torch.optim.Adam(blend.parameters(), lr=0.01)
    seen, direction = torch.rand(1, 3, 400, 11), torch.randn(1, 3, 400, 4)
    target = seen.gather(1, direction[..., 3:].argmax(dim=1, keepdim=True).expand(-1, -1, -1, 11))[:, 0, :, :3]  # the view that looks along the ray

    def error() -> torch.Tensor:
        return (blend(seen, direction, None) - target).square().mean()

    before = error()
    if least == 0.0:
        assert torch.allclose(blend(seen, direction, None), seen[..., :3].mean(dim=1), atol=1e-6)  # all scores are zero
    for _ in range(150):
        optimiser.zero_grad()
        error().backward()
        optimiser.step()
    assert (error() > 0.99 * before) if least == 0.0 else (error() < 0.5 * before)


def test_a_single_source_is_enough() -> None:
    seen = torch.rand(1, 1, 5, 11)
    assert torch.allclose(BlendNet()(seen, torch.randn(1, 1, 5, 4), None), seen[:, 0, :, :3], atol=1e-6)


def test_a_point_on_a_pixel_centre_shows_that_pixel() -> None:
    source = _source(0, 0.4)
    method = build_method(SMALL)
    features = method.encode([source, _source(1, 1.0)])
    context = stack_context([features])
    for column, row in ((13, 9), (30, 36), (20, 20)):
        pixel = np.array([column + 0.5, row + 0.5, 1.0])
        camera = source.camera
        point = camera.centre + 2.4 * camera.R.T @ np.linalg.inv(camera.K) @ pixel
        points = torch.tensor(point, dtype=torch.float32).reshape(1, 1, 3)
        seen, direction, visible = fetch(points, torch.tensor(point - camera.centre, dtype=torch.float32).reshape(1, 1, 3), context, 0.5)
        assert bool(visible[0, 0, 0])
        assert torch.allclose(seen[0, 0, 0, :3] * 255, source.image[row, column].float(), atol=0.1)  # float32 projection, bilinear weights of 1e-4
        assert torch.allclose(direction[0, 0, 0, 3], torch.tensor(1.0), atol=1e-5)  # seen along the source's own ray


def test_points_behind_or_beside_a_view_are_not_visible() -> None:
    source = _source(0, 0.0)
    context = stack_context([build_method(SMALL).encode([source, _source(1, 1.0)])])
    behind = torch.tensor([[[5.0, 0.0, 1.0], [0.0, 2.4, 0.0]]])
    _, _, visible = fetch(behind, torch.ones(1, 2, 3), context, 0.5)
    assert not visible[0, 0].any()


def test_features_depend_on_frame_and_view_only() -> None:
    method = build_method(SMALL)
    sources = [_source(0, 0.0), _source(1, 1.0, box=(2, 2, 40, 44)), _source(2, 2.0, box=(20, 20, 5, 5))]
    alone = [method.encode([source])[0] for source in sources]
    together = method.encode(sources)
    for a, b in zip(alone, together, strict=True):
        assert torch.allclose(a.texels, b.texels, atol=1e-6)  # batching may reorder float32 sums
        assert torch.equal(a.K, b.K)


def test_the_released_features_depend_on_the_choice() -> None:
    method = build_method(replace(SMALL, joint_canvas=True))
    small, large = _source(0, 0.0), _source(1, 1.0, box=(2, 2, 40, 44))
    alone, together = method.encode([small])[0], method.encode([small, large])[0]
    assert alone.texels.shape != together.texels.shape


def test_crops_keep_where_points_project() -> None:
    source = _source(0, 0.3)
    points = np.random.default_rng(0).uniform(-0.3, 0.3, (10, 3))
    uv, _ = project(source.camera, points)
    for crop in (cropped_to_mask(source), on_common_canvas([source, _source(1, 1.0)])[0]):
        shifted, _ = project(crop.camera, points)
        x, y = (uv - shifted)[0].round().astype(int)
        assert np.allclose(uv - shifted, [x, y], atol=1e-9)
        rows, columns = (source.mask > 0).any(1).nonzero(), (source.mask > 0).any(0).nonzero()
        assert 0 <= int(columns[0]) - x and int(columns[-1]) - x < crop.camera.width
        row, column = int(rows[3]), int(columns[5])
        assert torch.equal(crop.image[row - y, column - x], source.image[row, column])


def test_a_crop_holds_the_whole_mask_and_a_crop_of_a_crop_is_itself() -> None:
    source = _source(0, 0.3, size=150, box=(30, 80, 40, 68))
    crop = cropped_to_mask(source)
    assert int((crop.mask > 0).sum()) == int((source.mask > 0).sum())
    assert (crop.camera.width, crop.camera.height) == (64, 128)
    again = cropped_to_mask(crop)
    assert np.array_equal(again.camera.K, crop.camera.K)
    empty = replace(source, mask=torch.zeros_like(source.mask))
    whole = cropped_to_mask(empty)
    assert whole.image is empty.image and np.array_equal(whole.camera.K, empty.camera.K)


def _scene(views: int = 8) -> Scene:
    from pathlib import Path

    cameras = tuple(_camera(0.6 * i, f"{i}") for i in range(views))
    everything = tuple(range(views))
    return Scene(
        name="ring",
        root=Path("."),
        cameras=cameras,
        sensors=(),
        frames=(0,),
        image_pattern="",
        mask_pattern=None,
        source_views=everything[:-1],
        train_views=everything[:-1],
        test_views=everything[-1:],
        bounds=np.array([[-1.0] * 3, [1.0] * 3]),
        boxes=np.array([[[-1.0] * 3, [1.0] * 3]]),
        fps=30.0,
        up=np.array([0.0, 0.0, 1.0]),
    )


def test_a_window_gives_every_crop_one_size_and_holds_the_mask() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        source = _source(0, 1.0)
        height, width = source.mask.shape
        mask = torch.zeros_like(source.mask)
        top, left = int(rng.integers(0, height - 9)), int(rng.integers(0, width - 9))
        mask[top : top + int(rng.integers(1, 9)), left : left + int(rng.integers(1, 9))] = 255
        crop = cropped_to_mask(replace(source, mask=mask), (16, 24))
        assert (crop.camera.width, crop.camera.height) == (min(16, width), min(24, height))
        assert crop.mask.sum() == mask.sum()
        assert crop.image.shape[:2] == crop.mask.shape
    large = torch.full_like(source.mask, 255)
    whole = cropped_to_mask(replace(source, mask=large), (16, 24))
    assert (whole.camera.width, whole.camera.height) == (width, height)  # a subject larger than any in training is not cut


def test_the_nearest_views_are_chosen_and_the_release_skips_one() -> None:
    scene = _scene()
    test_camera = scene.cameras[7]
    assert choose_views(scene, test_camera, ViewsConfig(count=3)) == candidates(scene, test_camera.centre, ViewsConfig())[:3]
    assert choose_views(scene, scene.cameras[2], ViewsConfig(count=3))[0] == 2
    assert set(choose_views(scene, scene.cameras[2], ViewsConfig(count=2), target=2)) == {1, 3}
    released = ViewsConfig(count=3, skip_nearest=True)
    assert choose_views(scene, test_camera, released) == choose_views(scene, test_camera, ViewsConfig(count=4))[1:]
    with pytest.raises(ValueError, match="no source view is left"):
        choose_views(replace(scene, source_views=(2,)), scene.cameras[2], ViewsConfig(), target=2)


def test_training_draws_from_the_near_views_and_sometimes_itself() -> None:
    scene, random = _scene(), np.random.default_rng(0)
    drawn = [draw_views(scene, 3, 2, ViewsConfig(self_probability=0.5), random) for _ in range(400)]
    near = set(candidates(scene, scene.cameras[3].centre, ViewsConfig(), 3)[:4])
    assert {view for views in drawn for view in views} == near | {3}
    assert all(len(set(views)) == 2 for views in drawn)
    # itself is in half of the pools of five, of which two are drawn: 0.2, standard error 0.02
    assert abs(np.mean([3 in views for views in drawn]) - 0.2) < 0.08
    assert not any(7 in draw_views(scene, 7, 2, ViewsConfig(self_probability=1.0), random) for _ in range(50))  # a test view is no source


def test_the_switch_turns_every_rule() -> None:
    released = as_released(RunConfig())
    assert released.views.skip_nearest and released.method.joint_canvas and released.sampling.slab and released.sampling.one_sided
    assert released.occupancy.raw_logit == 5.0 and released.data.pixel_centre == "as-written"
    assert (
        released.method.least_score == 0.0
        and not released.method.mask_invisible
        and not released.fast.renormalise
        and released.train.losses.interlevel_into_field
    )
    assert as_released(released) == released


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4), (torch.float16, 1e-2)])
def test_a_gpu_normalises_as_pytorch_does(dtype: torch.dtype, tolerance: float) -> None:
    """Forward and backward. Half precision keeps three digits."""
    values = 3 * torch.randn(2, 8, 40, 56, dtype=dtype, device="cuda") + 1
    wanted = torch.randn_like(values)
    found, expected = values.clone().requires_grad_(), values.clone().requires_grad_()
    ours, theirs = normalised(found), F.instance_norm(expected)
    assert ours.dtype == dtype
    torch.testing.assert_close(ours, theirs, atol=tolerance, rtol=tolerance)
    ours.backward(wanted)
    theirs.backward(wanted)
    torch.testing.assert_close(found.grad, expected.grad, atol=tolerance, rtol=tolerance)


def test_normalising_is_instance_norm_with_its_gradient() -> None:
    values = (3 * torch.randn(2, 3, 4, 5, dtype=torch.float64) + 1).requires_grad_()
    torch.testing.assert_close(Normalised.apply(values), F.instance_norm(values))
    assert torch.autograd.gradcheck(Normalised.apply, (values,))
