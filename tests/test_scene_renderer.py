"""The door to rendering: what it returns, what it keeps, what it refuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from untrained import write_untrained_run

from im4d_core.canvas import Begun, Canvas
from im4d_core.checkpoint import RunFolder
from im4d_core.geometry import box_depth_range, resized
from im4d_core.kernel_pictures import KernelPictures
from im4d_core.opened_run import open_run
from im4d_core.render.fused import FusedRenderer
from im4d_core.scene_renderer import SceneRenderer
from im4d_core.tensors import Features, SourceView, Traced


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_untrained_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def renderer(run: Path) -> Iterator[SceneRenderer]:
    opened = open_run(run, device="cpu")
    yield opened
    opened.close()


def test_pictures_have_the_camera_s_size_and_sane_values(renderer: SceneRenderer) -> None:
    renderer.bake_occupancy()
    camera = resized(renderer.scene.cameras[5], 40, 30)
    for mode in ("full", "fast"):
        rendered = renderer.render(camera, 1, mode)
        assert rendered is not None
        assert rendered.rgb.shape == (30, 40, 3) and rendered.depth.shape == (30, 40)
        for channel in (rendered.rgb, rendered.opacity):
            assert float(channel.min()) >= 0.0 and float(channel.max()) <= 1.0 + 1e-6
        assert torch.isfinite(rendered.depth).all()
        assert (rendered.samples > 0).any()
        assert mode in rendered.milliseconds and len(rendered.source_views) == 3


def test_pixels_whose_ray_misses_the_box_are_background(renderer: SceneRenderer) -> None:
    from im4d_core.geometry import projected_box

    camera = renderer.scene.cameras[0]
    rendered = renderer.render(camera, 0, "full")
    assert rendered is not None
    outside = torch.from_numpy(~projected_box(camera, renderer.scene.box(0)))
    assert outside.any()
    assert float(rendered.rgb[outside].abs().max()) == 0.0 and int(rendered.samples[outside].max()) == 0


def test_camera_moves_decode_and_encode_nothing(renderer: SceneRenderer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not renderer.is_ready(0)
    first = renderer.render(renderer.scene.cameras[0], 0, "full")
    assert renderer.is_ready(0) and not renderer.is_ready(1)

    def refuse(*_arguments: object) -> None:
        raise AssertionError("the sources of this frame are known")

    monkeypatch.setattr(renderer.loader, "get_while", refuse)
    again = renderer.render(renderer.scene.cameras[0], 0, "full")
    assert first is not None and again is not None and torch.equal(first.rgb, again.rgb)
    assert renderer.memory()["features"] > 0
    with pytest.raises(AssertionError, match="are known"):
        renderer.render(renderer.scene.cameras[0], 2, "full")


def test_a_hidden_view_is_not_coloured_from(renderer: SceneRenderer) -> None:
    shown, hidden = (renderer.render(renderer.scene.cameras[1], 0, "full", hidden=view) for view in (None, 1))
    assert shown is not None and hidden is not None
    assert 1 in shown.source_views and 1 not in hidden.source_views


def test_cancelling_stops_between_tiles(renderer: SceneRenderer) -> None:
    seen: list[float] = []

    def progress(done: float) -> bool:
        seen.append(done)
        return len(seen) < 3

    assert renderer.render(renderer.scene.cameras[0], 0, "full", progress=progress) is None
    assert len(seen) == 3 and seen == sorted(seen) and seen[0] == 0.0


def test_fast_needs_occupancy_and_says_how_to_get_it(run: Path) -> None:
    RunFolder(path=run).occupancy.unlink(missing_ok=True)
    renderer = open_run(run, device="cpu")
    try:
        assert not renderer.has_occupancy(0)
        with pytest.raises(ValueError, match="python -m im4d_core cache"):
            renderer.render(renderer.scene.cameras[0], 0, "fast")
        assert renderer.bake_occupancy(lambda done, count: done < count) is False
        assert not renderer.has_occupancy(0)
        assert renderer.bake_occupancy()
        assert renderer.has_occupancy(0) and renderer.occupancy_problem is None
        assert renderer.render(renderer.scene.cameras[0], 0, "fast") is not None
    finally:
        renderer.close()


def test_occupancy_of_other_weights_is_not_used(run: Path, tmp_path: Path) -> None:
    renderer = open_run(run, device="cpu")
    renderer.bake_occupancy()
    other = SceneRenderer(
        renderer.scene, renderer.method, renderer.loader, renderer.config, device=renderer.device, model_id="other", occupancy_path=run / "occupancy.npz"
    )
    assert not other.has_occupancy(0)
    assert other.occupancy_problem is not None and "baked from another model" in other.occupancy_problem
    renderer.close()


def test_frames_that_do_not_exist_are_named(renderer: SceneRenderer) -> None:
    with pytest.raises(ValueError, match="frame 9 does not exist; the scene has frames 0 to 2"):
        renderer.render(renderer.scene.cameras[0], 9, "full")


def test_baked_logits_stay_with_their_frame(run: Path) -> None:
    renderer = open_run(run, device="cpu")
    renderer.bake_occupancy()
    exact_renderer = SceneRenderer(
        renderer.scene,
        renderer.method,
        renderer.loader,
        replace(renderer.config, fast=replace(renderer.config.fast, density="field")),
        device=renderer.device,
        model_id=renderer.model_id,
        occupancy_path=run / "occupancy.npz",
    )
    pictures = [r.render(renderer.scene.cameras[0], frame, "fast") for r in (exact_renderer, renderer) for frame in (0, 2)]
    assert all(p is not None for p in pictures)
    # an untrained field is smooth at the scale of a cell of 0.1: interpolation loses little
    for exact, quick in zip(pictures[:2], pictures[2:], strict=True):
        assert exact is not None and quick is not None
        assert float((exact.opacity - quick.opacity).abs().mean()) < 0.01
    renderer.close()


def test_another_grid_of_a_frame_is_baked_anew(renderer: SceneRenderer) -> None:
    renderer.bake_occupancy()
    camera = renderer.scene.cameras[0]
    before = renderer.render(camera, 0, "fast")
    grid = renderer.occupancy(0)
    renderer.use_occupancy(0, replace(grid, occupied=grid.occupied & False))
    nothing = renderer.render(camera, 0, "fast")
    renderer.use_occupancy(0, grid)
    after = renderer.render(camera, 0, "fast")
    assert before is not None and nothing is not None and after is not None
    assert float(nothing.opacity.max()) == 0.0 and torch.equal(before.rgb, after.rgb)


def test_opening_what_is_no_run_names_what_is_missing(tmp_path: Path, run: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"config\.json: no such file; expected the folder of a run"):
        open_run(tmp_path)
    (tmp_path / "config.json").write_text((run / "config.json").read_text())
    with pytest.raises(FileNotFoundError, match=r"capture"):
        open_run(tmp_path)
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="use --device cpu"):
            open_run(run, device="cuda")


def test_memory_can_be_given_back(renderer: SceneRenderer) -> None:
    renderer.render(renderer.scene.cameras[0], 0, "full")
    renderer.forget()
    assert renderer.memory()["features"] == 0
    assert np.isfinite(renderer.memory()["sources"])


# ---- what the window needs ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["full", "exact"])
def test_a_picture_that_is_stopped_goes_on_where_it_was(renderer: SceneRenderer, mode: Literal["full", "exact"], monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after every second tile: bit for bit the picture that is made at once, and no ray is traced twice."""
    renderer.bake_occupancy()
    monkeypatch.setattr("im4d_core.tiled_pictures.rays_at_once", lambda *_, **__: 50)
    camera = resized(renderer.scene.cameras[5], 60, 45)
    whole = renderer.render(camera, 1, mode)
    traced: list[int] = []
    put = Canvas.put

    def counted(self: Canvas, pixels: torch.Tensor, made: Traced) -> None:
        traced.extend(pixels.tolist())
        put(self, pixels, made)

    monkeypatch.setattr(Canvas, "put", counted)
    begun, turns, picture = Begun(), 0, None
    fractions: list[float] = []
    while picture is None:
        asked = 0

        def two_tiles(fraction: float) -> bool:
            nonlocal asked
            asked += 1
            fractions.append(fraction)
            return asked <= 2

        picture, turns = renderer.render(camera, 1, mode, progress=two_tiles, begun=begun), turns + 1
    assert turns > 3
    assert fractions == sorted(fractions)
    assert len(traced) == len(set(traced))
    assert whole is not None
    for one, other in ((whole.rgb, picture.rgb), (whole.opacity, picture.opacity), (whole.depth, picture.depth), (whole.samples, picture.samples)):
        assert torch.equal(one, other)
    assert picture.milliseconds[mode] > begun.milliseconds[mode] > 0.0, "all turns count"


@pytest.mark.parametrize("onward", [0.0, 0.5])
def test_a_new_frame_is_given_up_before_its_first_tile_and_what_was_done_is_kept(run: Path, onward: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped whenever it is asked: views are decoded and encoded once, corners are baked once, and the picture is the one that is made at once."""
    monkeypatch.setattr("im4d_core.render.bricks._CPU_POINTS", 729)
    expected, renderer = open_run(run, device="cpu"), open_run(run, device="cpu")
    try:
        expected.bake_occupancy()
        camera = resized(renderer.scene.cameras[5], 40, 30)
        encoded: list[int] = []
        encode = renderer.method.encode

        def counted(views: Sequence[SourceView]) -> list[Features]:
            encoded.extend(view.view for view in views)
            return encode(views)

        monkeypatch.setattr(renderer.method, "encode", counted)
        prepared: list[tuple[int, int]] = []  # views encoded, chunks left to be baked, each time it is asked
        picture, turns = None, 0
        while picture is None:

            def stop_unless_tiles(_fraction: float) -> bool:
                bakes = [renderer._kept.bakes[0]] if 0 in renderer._kept.bakes else []
                bakes += [end for pair in renderer._pairs._pairs for end in renderer._pairs._pairs[pair].ends or ()]
                now = len(encoded), sum(len(bake._left) for bake in bakes)
                fresh, _ = now not in prepared, prepared.append(now)
                return not fresh

            picture, turns = renderer.render(camera, 0, "fast", onward=onward, views=(1, 2, 3), progress=stop_unless_tiles), turns + 1
        frames = 2 if onward else 1
        assert len(encoded) == 3 * frames
        assert [done for done, _ in prepared] == sorted(done for done, _ in prepared)
        assert {1, 2, 3} <= {done for done, _ in prepared}, "it is asked after each view"
        left = [chunks for done, chunks in prepared if done == 3 * frames and chunks]
        assert len(set(left)) > 5 and left == sorted(left, reverse=True), "and after each chunk"
        assert turns > 8
        whole = expected.render(camera, 0, "fast", onward=onward, views=(1, 2, 3))
        assert whole is not None
        for one, other in ((whole.rgb, picture.rgb), (whole.opacity, picture.opacity), (whole.depth, picture.depth), (whole.samples, picture.samples)):
            assert torch.equal(one, other)
    finally:
        expected.close()
        renderer.close()


def test_the_picture_so_far_is_the_first_rows_of_the_picture(renderer: SceneRenderer) -> None:
    camera = resized(renderer.scene.cameras[0], 60, 45)
    parts = []
    whole = renderer.render(camera, 0, "full", unfinished=lambda so_far: parts.append(so_far()))
    assert whole is not None
    assert len(parts) >= 3
    assert [pixels for _, pixels in parts] == sorted(pixels for _, pixels in parts)
    for part, pixels in parts[:1]:
        assert 0 < pixels < 60 * 45
        assert torch.equal(part.rgb.reshape(-1, 3)[:pixels], whole.rgb.reshape(-1, 3)[:pixels])


def test_other_samples_serve_for_the_time_being_only(renderer: SceneRenderer) -> None:
    camera, config = renderer.scene.cameras[0], renderer.config
    fewer = replace(config.sampling, fine_samples=3)
    with renderer.tuned(fewer, config.fast):
        rendered = renderer.render(camera, 0, "full")
    assert rendered is not None and int(rendered.samples.max()) == config.sampling.proposal_samples + 3
    with pytest.raises(ValueError, match="frame 77"), renderer.tuned(fewer, config.fast):
        renderer.render(camera, 77, "full")
    assert renderer.config is config


def test_source_views_can_be_given(renderer: SceneRenderer) -> None:
    rendered = renderer.render(renderer.scene.cameras[0], 0, "full", views=(2, 1))
    assert rendered is not None and rendered.source_views == (2, 1)


@pytest.mark.parametrize(("mode", "most"), [("full", 128), ("fast", 1024)])
def test_a_tile_is_small_enough_to_stop_at_once_on_a_cpu(
    renderer: SceneRenderer, mode: Literal["full", "fast"], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from im4d_core.geometry import projected_box

    monkeypatch.setattr("im4d_core.kernels.cpu.ready", lambda: False)  # theirs are larger, and another test may have prepared them
    renderer.bake_occupancy()
    camera = resized(renderer.scene.cameras[0], 160, 120)
    rays = int(projected_box(camera, renderer.scene.box(0)).sum())
    fractions: list[float] = []
    with renderer.tuned(replace(renderer.config.sampling, chunk=1 << 14), renderer.config.fast):
        renderer.render(camera, 0, mode, progress=lambda done: fractions.append(done) is None)
    assert rays > most, "one tile would prove nothing"
    assert np.diff([*fractions, 1.0]).max() * rays <= most * 1.01  # the renderer's own test of the box may differ by a few rays at its edge


@pytest.mark.parametrize("mode", ["full", "fast"])
def test_nothing_outside_a_crop_box_is_rendered(renderer: SceneRenderer, mode: Literal["full", "fast"]) -> None:
    from im4d_core.geometry import projected_box

    renderer.bake_occupancy()
    camera, box = resized(renderer.scene.cameras[0], 60, 45), renderer.scene.box(0)
    middle, half = box.mean(axis=0), 0.25 * (box[1] - box[0])
    crop = np.stack([middle - half, middle + half])
    whole, part, all_of_it = (renderer.render(camera, 0, mode, crop=given) for given in (None, crop, box))
    assert whole is not None and part is not None and all_of_it is not None
    grown = np.stack([middle - 1.2 * half, middle + 1.2 * half])  # fast pictures are cut at cells, which are an eighth of the crop box here
    outside = torch.from_numpy(~projected_box(camera, grown))
    assert outside.any() and (whole.samples[outside] > 0).any(), "there is something to be cut away"
    assert int(part.samples[outside].sum()) == 0 and float(part.opacity[outside].max()) == 0.0
    assert (part.samples > 0).any()
    torch.testing.assert_close(all_of_it.rgb, whole.rgb, atol=1e-6, rtol=0.0)  # a ray that enters the same box twice is rounded twice
    again = renderer.render(camera, 0, mode)
    assert again is not None and torch.equal(again.rgb, whole.rgb), "nothing of the crop box stays behind"


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_fast_pictures_are_cut_at_whole_cells(renderer: SceneRenderer, mode: Literal["exact", "fast"]) -> None:
    """So are those of the CUDA kernels, which know no other box than the frame's."""
    renderer.bake_occupancy()
    camera, grid = resized(renderer.scene.cameras[0], 60, 45), renderer.occupancy(0)
    low, high = grid.box.double().numpy()
    cell = (high - low) / np.array(grid.occupied.shape)
    crops = [np.stack([low + (1.0 + slack) * cell, high - (1.0 + slack) * cell]) for slack in (0.0, 0.4, 0.6)]
    same, narrower, less = (renderer.render(camera, 0, mode, crop=crop) for crop in crops)
    assert same is not None and narrower is not None and less is not None
    assert torch.equal(narrower.samples, same.samples), "the middles of the same cells lie in both boxes"
    assert 0 < int(less.samples.sum()) < int(same.samples.sum())


@pytest.mark.parametrize("mode", ["full", "exact", "fast"])
def test_nothing_nearer_or_farther_than_a_clip_is_rendered(renderer: SceneRenderer, mode: Literal["full", "exact", "fast"]) -> None:
    renderer.bake_occupancy()
    camera, box = resized(renderer.scene.cameras[0], 60, 45), renderer.scene.box(0)
    with renderer.tuned(renderer.config.sampling, replace(renderer.config.fast, min_weight=0.0)):
        near, far = box_depth_range(camera, box)
        third = (far - near) / 3
        whole, front, middle, wide = (
            renderer.render(camera, 0, mode, clip=clip) for clip in (None, (near, near + third), (near + third, far - third), (0.0, far + 1.0))
        )
        assert whole is not None and front is not None and middle is not None and wide is not None
        slack = 0.0 if mode == "full" else float(np.linalg.norm(box[1] - box[0])) / renderer.config.fast.steps  # fast pictures are cut to within a step
        for picture, low, high in ((front, near, near + third), (middle, near + third, far - third)):
            seen = picture.depth[picture.opacity > 1e-3]
            assert len(seen) > 50
            assert float(seen.min()) > low - slack - 1e-4 and float(seen.max()) < high + slack + 1e-4  # 1e-4: rounding of sums of weights in float32
        assert torch.equal(wide.rgb, whole.rgb) and torch.equal(wide.depth, whole.depth), "limits beyond the box change nothing"
        beyond = renderer.render(camera, 0, mode, clip=(far + 1.0, far + 2.0))
        assert beyond is not None and float(beyond.opacity.max()) == 0.0


@pytest.mark.parametrize("onward", [0.0, 0.5])
@pytest.mark.parametrize("crop", [None, np.array([[-0.5, -0.5, -0.5], [0.5, 0.5, 0.2]])])
def test_a_kernel_that_fails_leaves_the_picture_to_pytorch(
    renderer: SceneRenderer, monkeypatch: pytest.MonkeyPatch, onward: float, crop: np.ndarray | None
) -> None:
    """Kernels cannot run without a GPU, so they are told to fail here."""

    def failing(*_: object, **__: object) -> None:
        raise RuntimeError("march: CUDA_ERROR_LAUNCH_FAILED")

    renderer.bake_occupancy()
    camera = resized(renderer.scene.cameras[5], 20, 15)
    expected = renderer.render(camera, 1, "exact", onward=onward, crop=crop)
    monkeypatch.setattr(FusedRenderer, "frame", failing)
    renderer._kernels = KernelPictures(FusedRenderer.__new__(FusedRenderer), renderer.config, renderer._kept, renderer._bake_no_more)
    found = renderer.render(camera, 1, "exact", onward=onward, crop=crop)
    assert expected is not None and found is not None
    assert torch.equal(found.rgb, expected.rgb) and found.renderer == "exact, PyTorch"
    assert "LAUNCH_FAILED" in str(renderer.kernel_problem)
