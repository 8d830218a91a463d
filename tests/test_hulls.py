"""Visual hulls hold what the masks show; what is evaluated within them alone gives the picture that is evaluated everywhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from analytic import BOX, Ball, camera, no_context, random_hulls
from small_capture import small_config, write_small_capture
from torch import Tensor

from im4d_core.config import SamplingConfig
from im4d_core.data import open_scene
from im4d_core.data.hulls_from_masks import hulls_from_masks
from im4d_core.hulls import Hulls, hulls_of, load_hulls, packed, save_hulls
from im4d_core.render.full import resampled_edges, trace
from im4d_core.render.inside import Inside, Room
from im4d_core.render.occupancy import bake_frame
from im4d_core.render.rays import all_pixels, camera_rays

CPU = torch.device("cpu")
BLACK = torch.zeros(3)


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
    hulls = random_hulls()
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
        save_hulls(random_hulls(), tmp_path / "file" / "hulls.npz")


def test_files_of_hulls_round_trip_and_damage_is_named(tmp_path: Path) -> None:
    hulls, path = random_hulls(), tmp_path / "hulls.npz"
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
    save_hulls(random_hulls(), path)
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
    hulls, points = random_hulls(), torch.rand(2, 7, 9, 3) - 0.5
    inside = Inside(hulls=hulls, row=torch.tensor([1, 0]))
    chosen, flat = inside.choose(points, 0), points.flatten(1, 2)
    within = hulls.contain(points, inside.row).flatten(1)
    assert within.any() and not within.all() and torch.equal(chosen.inside, within)
    assert torch.equal(chosen.spread(chosen.take(flat)), flat * within.unsqueeze(-1))
    assert chosen.index.shape[1] == int(within.sum(dim=1).max())  # no place is to spare


def test_a_joined_hull_holds_both_frames() -> None:
    hulls = random_hulls(3)
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
