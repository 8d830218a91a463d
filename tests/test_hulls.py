"""Visual hulls hold what the masks show; what is evaluated within them alone gives the picture that is evaluated everywhere."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from analytic import BOX, Ball, camera, no_context
from small_capture import small_config, write_small_capture
from torch import Tensor

from im4d_core.checkpoint import save_weights
from im4d_core.config import SamplingConfig, as_released
from im4d_core.data import mask_extents, open_scene
from im4d_core.data.batches import Batch
from im4d_core.data.frames import FrameLoader
from im4d_core.data.hulls_from_masks import hulls_from_masks
from im4d_core.data.mask_extents import subject_window
from im4d_core.export import export_run
from im4d_core.geometry import box_union
from im4d_core.hulls import Hulls, hulls_of, load_hulls, packed, save_hulls
from im4d_core.methods.source_views import cropped_to_mask, stack_context
from im4d_core.opened_run import open_run
from im4d_core.presets import preset
from im4d_core.render.full import resampled_edges, trace
from im4d_core.render.inside import Inside, Room
from im4d_core.render.occupancy import bake_frame
from im4d_core.render.rays import all_pixels, camera_rays
from im4d_core.tensors import SourceView
from im4d_core.training import Trainer, resolved

CPU = torch.device("cpu")
BLACK = torch.zeros(3)


def _random_hulls(frames: int = 2) -> Hulls:
    generator = np.random.default_rng(0)
    return hulls_of(tuple(range(3, 3 + frames)), [packed(generator.random((5, 6, 16)) < 0.4) for _ in range(frames)], BOX)


def _around_the_ball(radius: float) -> Hulls:
    """The cells whose middle is no farther from the origin."""
    axes = [np.linspace(BOX[0, i], BOX[1, i], 49)[:-1] + 0.0125 for i in range(3)]  # 48 cells of 0.025
    distance = np.linalg.norm(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1), axis=-1)
    return hulls_of((0,), [packed(distance <= radius)], BOX)


def _rays(size: int = 24):
    seen = camera(size)
    return camera_rays([seen], all_pixels(seen, CPU)[None], BOX[None], [0.0], pixel_offset=0.5, slab=False)


def _inside(hulls: Hulls, room: Room | None = None) -> Inside:
    return Inside(hulls=hulls, row=torch.tensor([0]), room=room)


def test_points_are_looked_up_in_their_own_frame_cell_by_cell() -> None:
    hulls = _random_hulls()
    points = torch.rand(2, 300, 3) * 1.6 - 0.8  # some outside the box
    rows = torch.tensor([1, 0])
    found = hulls.contain(points, rows)
    cells = [hulls.cells(row) for row in (0, 1)]
    for target in range(2):
        for point, answer in zip(points[target], found[target], strict=True):
            index = [int(np.floor((float(point[i]) + 0.6) / 1.2 * n)) for i, n in enumerate((5, 6, 16))]
            within = all(0 <= i < n for i, n in zip(index, (5, 6, 16), strict=True))
            assert bool(answer) == (within and bool(cells[rows[target]][tuple(index)]))
    assert found.any() and not found.all()


def test_hulls_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"hulls\.npz: cannot be written \(.*file is a file\)"):
        save_hulls(_random_hulls(), tmp_path / "file" / "hulls.npz")


def test_files_of_hulls_round_trip_and_damage_is_named(tmp_path: Path) -> None:
    hulls, path = _random_hulls(), tmp_path / "hulls.npz"
    save_hulls(hulls, path)
    again = load_hulls(path)
    assert again.frames == hulls.frames and torch.equal(again.bits, hulls.bits) and torch.equal(again.box, hulls.box)
    assert [entry.name for entry in tmp_path.iterdir()] == ["hulls.npz"]  # nothing temporary stays
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"hulls\.npz: not a file of visual hulls"):
        load_hulls(path)
    np.savez(path, frames=np.arange(3), bits=hulls.bits.numpy(), box=BOX)
    with pytest.raises(ValueError, match="for 3 frames"):
        load_hulls(path)
    with pytest.raises(ValueError, match="frame 9 has no visual hull; those of frames 3 to 4"):
        hulls.row(9)


def test_whichever_byte_of_a_file_of_hulls_is_another_one_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "hulls.npz"
    save_hulls(_random_hulls(), path)
    whole, refused = path.read_bytes(), 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            load_hulls(path)  # headers that nobody reads may hold anything
        except ValueError:
            refused += 1
    assert refused > len(whole) / 3


def test_hulls_from_masks_hold_the_spheres_and_leave_most_of_the_box_out(tmp_path: Path) -> None:
    scene = open_scene(small_config(write_small_capture(tmp_path)).data)
    hulls = hulls_from_masks(scene, scene.train_views)
    assert hulls.frames == scene.frames
    for row, frame in enumerate(hulls.frames):
        ball = torch.nn.functional.normalize(torch.randn(500, 3), dim=-1) * 0.45
        for i in range(3):  # as small_capture places them
            angle = 2 * np.pi * i / 3 + 0.2 * frame
            points = ball + torch.tensor([0.5 * np.cos(angle), 0.5 * np.sin(angle), 0.2 * (i - 1)], dtype=torch.float32)
            assert hulls.contain(points[None], torch.tensor([row])).all()
        assert float(hulls.cells(row).float().mean()) < 0.5  # five coarse masks cannot tell more


def test_an_empty_mask_among_others_rules_nothing_out_and_masks_without_a_common_part_neither(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    capture = write_small_capture(tmp_path, frames=4)
    boxes = tmp_path / "boxes.npy"
    np.save(boxes, np.tile(np.array([[[-1.0] * 3, [1.0] * 3]]), (4, 1, 1)))

    def paint(frame: int, views: range, columns: slice) -> None:
        for view in views:
            mask = np.zeros((36, 48), np.uint8)
            mask[:4, columns] = 255
            iio.imwrite(capture / f"masks/{view:02d}/{frame:06d}.png", mask)

    paint(1, range(2, 3), slice(0))  # a camera that missed the subject
    paint(2, range(6), slice(0))  # nobody is there
    paint(3, range(6), slice(0, 4))  # corners of the pictures, where no other camera looks
    scene = open_scene(replace(small_config(capture).data, boxes=str(boxes)))
    hulls = hulls_from_masks(scene, scene.train_views)
    shares = [float(hulls.cells(row).float().mean()) for row in range(4)]
    assert shares[0] <= shares[1] < 0.7 and shares[2:] == [0.0, 1.0]
    assert (hulls.cells(1) & hulls.cells(0)).sum() > 0.9 * hulls.cells(0).sum()  # the spheres have moved by a little
    assert [record.getMessage() for record in caplog.records if "common part" in record.getMessage()] == [
        f"{capture}: the masks of frame 3 have no common part in its box; all of the box is evaluated"
    ]


def test_hulls_are_as_fine_as_the_boxes_of_the_frames_ask_however_large_the_bounds(tmp_path: Path) -> None:
    scene = open_scene(small_config(write_small_capture(tmp_path)).data)
    loose = replace(scene, bounds=scene.bounds * 10.0)
    tight, wide = (hulls_from_masks(of, of.train_views) for of in (scene, loose))
    assert torch.equal(tight.bits, wide.bits) and torch.equal(tight.box, wide.box)


def test_a_hull_that_rules_nothing_out_changes_nothing() -> None:
    everything = hulls_of((0,), [packed(np.ones((2, 2, 8), bool))], BOX + np.array([[-0.1], [0.1]]))
    rays = _rays()
    plain = trace(Ball(), rays, no_context(), SamplingConfig(), background=BLACK)
    within = trace(Ball(), rays, no_context(), SamplingConfig(), background=BLACK, inside=_inside(everything))
    hit = rays.far > rays.near  # samples of a ray that misses the box may lie anywhere
    assert torch.equal(plain.fine.edges[hit], within.fine.edges[hit])
    assert torch.allclose(plain.traced.rgb[hit], within.traced.rgb[hit], atol=1e-6)
    assert torch.equal(plain.traced.samples[hit], within.traced.samples[hit])


def test_within_a_hull_the_picture_is_the_same_from_a_third_of_the_samples() -> None:
    rays, config = _rays(), SamplingConfig(proposal_samples=128, fine_samples=128)
    everywhere, within = Ball(), Ball()
    plain = trace(everywhere, rays, no_context(), config, background=BLACK).traced
    sparse = trace(within, rays, no_context(), config, background=BLACK, inside=_inside(_around_the_ball(0.5))).traced
    assert (plain.rgb - sparse.rgb).abs().max() < 0.02  # samples stand elsewhere along a soft rim of 0.01
    assert within.asked < everywhere.asked / 3  # a ball of 0.5 fills 30 % of the box
    assert int(sparse.samples.sum()) == within.asked
    nothing = trace(Ball(peak=0.0), rays, no_context(), config, background=BLACK, inside=_inside(_around_the_ball(0.3))).traced.samples
    coarse = trace(Ball(peak=0.0), rays, no_context(), replace(config, fine_samples=1), background=BLACK, inside=_inside(_around_the_ball(0.3))).traced.samples
    assert float((nothing - coarse)[coarse > 16].float().mean()) > 0.8 * 128  # fine samples stand in the hull and a neighbour's length beside it only


def test_every_sample_inside_has_a_place_and_comes_back_to_where_it_stood() -> None:
    hulls, points = _random_hulls(), torch.rand(2, 7, 9, 3) - 0.5
    inside = Inside(hulls=hulls, row=torch.tensor([1, 0]))
    chosen, flat = inside.choose(points, 0), points.flatten(1, 2)
    within = hulls.contain(points, inside.row).flatten(1)
    assert within.any() and not within.all() and torch.equal(chosen.inside, within)
    assert torch.equal(chosen.spread(chosen.take(flat)), flat * within.unsqueeze(-1))
    assert chosen.index.shape[1] == int(within.sum(dim=1).max())  # no place is to spare


def test_a_joined_hull_holds_both_frames() -> None:
    hulls = _random_hulls(3)
    joined = hulls.joined(3, 5)
    assert joined.frames == (3,) and torch.equal(joined.cells(0), hulls.cells(0) | hulls.cells(2))


def test_fine_edges_are_drawn_where_matter_may_be_only() -> None:
    edges = torch.linspace(0, 1, 65).expand(1, 1, 65)
    reachable = torch.zeros(1, 1, 64, dtype=torch.bool)
    reachable[..., 20:24] = True
    found = resampled_edges(edges, torch.rand(1, 1, 64), SamplingConfig(), False, 1.0, reachable)
    assert float(found.min()) >= 20 / 64 and float(found.max()) <= 24 / 64
    nowhere = resampled_edges(edges, torch.rand(1, 1, 64), SamplingConfig(), False, 1.0, torch.zeros_like(reachable))
    assert torch.isfinite(nowhere).all() and float(nowhere.diff(dim=-1).abs().max()) == 0.0  # intervals of no length hold nothing


def test_gradients_reach_the_samples_that_were_chosen() -> None:
    class Scaled(Ball):
        scale = torch.ones((), requires_grad=True)

        def density(self, points: Tensor, time: Tensor) -> Tensor:
            return self.scale * super().density(points, time)

    def gradient(inside: Inside | None) -> float:
        Scaled.scale = torch.ones((), requires_grad=True)
        trace(Scaled(peak=2.0), _rays(), no_context(), SamplingConfig(), background=BLACK, inside=inside).traced.opacity.sum().backward()
        assert Scaled.scale.grad is not None
        return float(Scaled.scale.grad)

    everything = hulls_of((0,), [packed(np.ones((2, 2, 8), bool))], BOX + np.array([[-0.1], [0.1]]))
    assert gradient(_inside(everything)) == pytest.approx(gradient(None), rel=1e-4)  # float32 sums in another order


def test_room_that_is_too_small_loses_samples_and_grows() -> None:
    rays, hulls = _rays(), _around_the_ball(0.5)
    enough = trace(Ball(), rays, no_context(), SamplingConfig(), background=BLACK, inside=_inside(hulls))
    count = rays.near.shape[1]
    room = Room.for_all((64 * count, 32 * count), CPU)
    roomy = trace(Ball(), rays, no_context(), SamplingConfig(), background=BLACK, inside=_inside(hulls, room))
    assert torch.allclose(enough.traced.rgb, roomy.traced.rgb, atol=1e-6)
    fitted = room.refitted()
    wanted = [int(value) for value in room.wanted]
    assert all(want <= have < most for want, have, most in zip(wanted, fitted.samples, fitted.most, strict=True))
    assert fitted.refitted() is fitted
    tight = replace(fitted, samples=(wanted[0], 1024))
    clipped = trace(Ball(), rays, no_context(), SamplingConfig(), background=BLACK, inside=_inside(hulls, tight)).traced
    assert float(clipped.opacity.sum()) < float(enough.traced.opacity.sum())
    assert int(tight.wanted[1]) == wanted[1]
    assert tight.refitted().samples[1] >= wanted[1]
    assert Room.for_all((4096, 2048), CPU).refitted().samples == (1, 1)  # not every method takes no points at all


def test_occupancy_stays_within_the_hull() -> None:
    config = replace(small_config(Path()).occupancy, resolution=(24,), dilation=0)
    everywhere = bake_frame(Ball(), 0.0, BOX, config, CPU).occupied
    method = Ball()
    same = bake_frame(method, 0.0, BOX, config, CPU, inside=_inside(_around_the_ball(0.5))).occupied
    assert torch.equal(same, everywhere)  # the ball of 0.4 lies inside with all its cells
    assert method.asked < 0.5 * 25**3
    half = bake_frame(Ball(), 0.0, BOX, config, CPU, inside=_inside(_around_the_ball(0.2))).occupied
    assert 0 < int(half.sum()) < int(everywhere.sum())


def test_a_run_is_trained_rendered_and_exported_within_its_hulls(tmp_path: Path) -> None:
    config = small_config(write_small_capture(tmp_path / "capture"))
    scene = open_scene(config.data)
    trainer = Trainer(scene, resolved(config, scene), tmp_path / "run", device=CPU)
    assert trainer.train()
    trainer.finish()
    renderer = open_run(tmp_path / "run", device="cpu", cuda_kernels=False)
    seen = scene.cameras[0]
    picture = renderer.render(seen, scene.frames[1], "full")
    assert picture is not None
    most = config.sampling.proposal_samples + config.sampling.fine_samples
    assert int((picture.samples == 0).sum()) > 0 and 0 < float(picture.samples.float().mean()) < most / 2  # spheres cover a third of the picture
    mask = renderer.loader.get(scene.frames[1], [0])[0].mask
    assert float(picture.opacity[mask == 0].mean()) < float(picture.opacity[mask == 255].mean())
    export_run(trainer.run, renderer, tmp_path / "exported")
    taken = open_run(tmp_path / "exported", device="cpu", cuda_kernels=False)
    again = taken.render(seen, scene.frames[1], "full")
    assert again is not None and torch.equal(again.samples, picture.samples)
    export_run(trainer.run, renderer, tmp_path / "fewer", without=[0, 3])
    fewer = open_run(tmp_path / "fewer", device="cpu", cuda_kernels=False)
    assert fewer.scene.test_views == () and fewer.scene.source_views == (1, 2, 4, 5) and len(fewer.scene.cameras) == 6
    for opened in (renderer, taken, fewer):
        opened.close()


def test_hulls_of_a_killed_start_are_made_and_those_of_another_run_replaced(tmp_path: Path) -> None:
    config = small_config(write_small_capture(tmp_path / "capture"))
    scene = open_scene(config.data)
    run = tmp_path / "run"
    run.mkdir()
    save_hulls(_random_hulls(), run / "hulls.npz")  # left by whatever had the folder before
    Trainer(scene, resolved(config, scene), run, device=CPU)
    made = load_hulls(run / "hulls.npz")
    assert made.frames == scene.frames
    (run / "hulls.npz").unlink()
    Trainer(scene, resolved(config, scene), run, device=CPU)
    assert torch.equal(load_hulls(run / "hulls.npz").bits, made.bits)


def test_each_picture_is_trained_within_the_hull_of_its_frame(tmp_path: Path) -> None:
    config = small_config(write_small_capture(tmp_path / "capture"), images=1)
    scene = open_scene(config.data)
    trainer = Trainer(scene, resolved(config, scene), tmp_path / "run", device=CPU)
    cells = load_hulls(tmp_path / "run/hulls.npz").bits.shape[1:]
    only = [packed(np.full((*cells[:2], 8 * cells[2]), frame == scene.frames[-1])) for frame in scene.frames]
    trainer._hulls = hulls_of(scene.frames, only, box_union(scene.boxes))
    seen = set()
    loader = FrameLoader(scene, config.data)
    pixels, rgb, mask = torch.tensor([[[24, 18], [20, 15]]]), torch.zeros(1, 2, 3), torch.ones(1, 2)
    for frame, box in zip(scene.frames, scene.boxes, strict=True):
        target, *sources = loader.get(frame, scene.train_views[:3])
        batch = Batch(cameras=(target.camera,), frames=(frame,), boxes=box[None], pixels=pixels, rgb=rgb, mask=mask, sources=(tuple(sources),))
        terms = trainer._ray_terms(trainer._inputs(batch, stack_context([trainer.method.encode(sources)])))
        if float(terms[1].detach()) < config.train.losses.mask:  # all of the loss is left where nothing is evaluated
            seen.add(frame)
    loader.close()
    assert seen == {scene.frames[-1]}


def test_the_window_holds_every_mask_and_is_part_of_the_run(tmp_path: Path) -> None:
    config = small_config(write_small_capture(tmp_path / "capture"))
    scene = open_scene(config.data)
    width, height = subject_window(scene, scene.source_views)
    loader = FrameLoader(scene, config.data)
    for frame in scene.frames:
        for view in scene.source_views:
            mask = loader.get(frame, [view])[0].mask > 0
            assert int(mask.any(dim=0).sum()) + 2 <= width and int(mask.any(dim=1).sum()) + 2 <= height
    loader.close()
    assert width % 32 == 0 and height % 32 == 0
    trainer = Trainer(scene, resolved(config, scene), tmp_path / "run", device=CPU)
    assert trainer.config.method.window == (width, height)
    saved = json.loads((tmp_path / "run/config.json").read_text())
    assert saved["method"]["window"] == [width, height]
    saved["method"]["window"] = [0, 0]  # a run of an earlier version goes on as it was
    (tmp_path / "run/config.json").write_text(json.dumps(saved))
    assert Trainer(scene, resolved(config, scene), tmp_path / "run", device=CPU).config.method.window == (0, 0)


def test_the_window_holds_what_lies_between_the_samples_of_large_masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask_extents, "_MULTIPLE", 1)  # rounding up would hide what is missing
    capture = write_small_capture(tmp_path, frames=1, width=4096, height=32)
    for folder in (capture / "masks").iterdir():
        mask = np.zeros((32, 4096), np.uint8)
        mask[10:20, 1005:2004] = 255  # every eighth pixel is looked at, 1004 and 2004 among them
        iio.imwrite(folder / "000000.png", mask)
    boxes = tmp_path / "boxes.npy"
    np.save(boxes, np.array([[[-1.0] * 3, [1.0] * 3]]))
    scene = open_scene(replace(small_config(capture).data, boxes=str(boxes)))
    width, _ = subject_window(scene, scene.source_views)
    assert 2004 - 1005 + 2 <= width <= 2004 - 1005 + 2 + 16  # two samples and the rim


def test_a_view_without_the_subject_has_the_size_of_the_others() -> None:
    seen = camera(200)
    picture, mask = torch.zeros(200, 200, 3, dtype=torch.uint8), torch.zeros(200, 200, dtype=torch.uint8)
    source = SourceView(view=0, frame=0, camera=seen, image=picture, mask=mask)
    assert cropped_to_mask(source, (96, 64)).image.shape == (64, 96, 3)
    assert cropped_to_mask(source, (256, 64)).image.shape == (64, 200, 3)  # no picture is larger than it is
    assert cropped_to_mask(source).image.shape == (200, 200, 3)


def test_without_masks_or_under_the_released_rules_there_are_no_hulls(tmp_path: Path) -> None:
    capture = write_small_capture(tmp_path / "capture")
    config = small_config(capture, hulls=False)
    scene = open_scene(config.data)
    Trainer(scene, resolved(config, scene), tmp_path / "off", device=CPU)
    assert not (tmp_path / "off/hulls.npz").exists()
    for folder in (capture / "masks").iterdir():
        for mask in folder.iterdir():
            mask.unlink()
        folder.rmdir()
    (capture / "masks").rmdir()
    config = small_config(capture)
    scene = open_scene(config.data)
    Trainer(scene, resolved(config, scene), tmp_path / "bare", device=CPU)
    assert not (tmp_path / "bare/hulls.npz").exists()
    assert json.loads((tmp_path / "bare/config.json").read_text())["train"]["hulls"]


def test_a_run_by_the_released_rules_that_says_nothing_of_hulls_goes_on_without_them(tmp_path: Path) -> None:
    config = as_released(small_config(write_small_capture(tmp_path / "capture")))
    scene = open_scene(config.data)
    run = tmp_path / "run"
    Trainer(scene, resolved(config, scene), run, device=CPU)
    saved = json.loads((run / "config.json").read_text())
    del saved["train"]["hulls"], saved["method"]["window"]  # as earlier versions wrote it
    (run / "config.json").write_text(json.dumps(saved))
    Trainer(scene, resolved(config, scene), run, device=CPU)
    assert not (run / "hulls.npz").exists()
    ours = replace(config, train=replace(config.train, hulls=True))
    with pytest.raises(ValueError, match=r"train\.hulls: the run has false, asked for true"):
        Trainer(scene, resolved(ours, scene), run, device=CPU)
    assert all(preset(name).train.hulls for name in ("tiny", "default", "published"))


def test_a_run_without_the_hulls_it_was_trained_within_says_so(tmp_path: Path) -> None:
    config = small_config(write_small_capture(tmp_path / "capture"))
    scene = open_scene(config.data)
    trainer = Trainer(scene, resolved(config, scene), tmp_path / "run", device=CPU)
    save_weights(trainer.method, trainer.run.weights)

    def said(folder: Path) -> list[str]:
        opened = open_run(folder, device="cpu")
        opened.close()
        return opened.fallbacks

    renderer = open_run(tmp_path / "run", device="cpu")
    export_run(trainer.run, renderer, tmp_path / "exported")
    renderer.close()
    assert said(tmp_path / "run") == said(tmp_path / "exported") == []
    for folder in (tmp_path / "run", tmp_path / "exported"):
        (folder / "hulls.npz").unlink()
        (text,) = said(folder)
        assert f"{folder / 'hulls.npz'}: no such file" in text and "copy it from" in text
    shutil.rmtree(tmp_path / "capture/masks")
    assert said(tmp_path / "run") == [], "a capture without masks has no hulls"


def test_a_run_that_was_trained_everywhere_expects_no_hulls(tmp_path: Path) -> None:
    config = small_config(write_small_capture(tmp_path / "capture"), hulls=False)
    scene = open_scene(config.data)
    trainer = Trainer(scene, resolved(config, scene), tmp_path / "run", device=CPU)
    save_weights(trainer.method, trainer.run.weights)
    renderer = open_run(tmp_path / "run", device="cpu")
    renderer.close()
    assert renderer.fallbacks == []
