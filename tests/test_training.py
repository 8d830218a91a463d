"""Training learns, resumes exactly, survives kills, stops at NaN, and processes that train together stay equal."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_capture import small_config, write_small_capture

from im4d_core.config import RunConfig
from im4d_core.data import open_scene
from im4d_core.data.batches import BatchStream, Draw, PictureStore, visible_pairs
from im4d_core.data.box_pixels import box_pixels
from im4d_core.data.frames import FrameLoader
from im4d_core.geometry import projected_box
from im4d_core.methods.source_views import cropped_to_mask
from im4d_core.optimiser import learning_rate_factor
from im4d_core.training import Status, Trainer, resolved

ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")
LIMIT_S = 240.0  # a loaded machine may take its time; below the 300 s at which pytest ends the run


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_capture(tmp_path_factory.mktemp("training") / "capture")


def _trainer(capture: Path, run: Path, **train: object) -> Trainer:
    config = small_config(capture, **train)
    scene = open_scene(config.data)
    return Trainer(scene, resolved(config, scene), run, device=CPU)


def _equal(a: Trainer, b: Trainer) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.method.state_dict().values(), b.method.state_dict().values(), strict=True))


def test_training_learns_and_leaves_a_whole_run(capture: Path, tmp_path: Path) -> None:
    seen: list[Status] = []
    trainer = _trainer(capture, tmp_path / "run", steps=160, log_every=20, preview_every=100, checkpoint_every=100)
    assert trainer.train(lambda status: seen.append(status) is None)
    trainer.finish()
    assert seen[-1].psnr > seen[0].psnr + 3.0  # it goes from about 13 to about 21 dB
    assert seen[-1].loss < 0.5 * seen[0].loss
    assert (seen[-1].step, seen[-1].seconds_left) == (160, 0.0)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"config.json", "boxes.npy", "hulls.npz", "model.safetensors", "occupancy.npz", "preview.jpg", "checkpoints", "logs"}


def test_a_resumed_run_equals_an_uninterrupted_one_bit_by_bit(capture: Path, tmp_path: Path) -> None:
    whole = _trainer(capture, tmp_path / "whole")
    assert whole.train()
    first = _trainer(capture, tmp_path / "parts")
    assert not first.train(lambda status: status.step < 12)
    second = _trainer(capture, tmp_path / "parts")
    assert second.step == 12
    assert second.train()
    assert _equal(whole, second)
    assert _trainer(capture, tmp_path / "parts").step == 24


def test_the_image_network_rests_between_its_turns(capture: Path, tmp_path: Path) -> None:
    trainer = _trainer(capture, tmp_path / "run", joint_steps=2, image_network_every=4, steps=6)
    moved = []
    loader = FrameLoader(trainer.scene, trainer.config.data)
    with (
        loader,
        BatchStream(trainer.scene, PictureStore(loader, CPU, 1 << 20, cropped_to_mask), trainer._draw(), trainer._choose_views, start=0, device=CPU) as stream,
    ):
        for _ in range(6):
            before = [p.clone() for p in trainer.method.image_net.parameters()]
            trainer.train_step(stream.next())
            moved.append(any(not torch.equal(a, b) for a, b in zip(before, trainer.method.image_net.parameters(), strict=True)))
    assert moved == [True, True, False, False, True, False]


def test_a_loss_that_is_not_finite_names_step_and_term(capture: Path, tmp_path: Path) -> None:
    trainer = _trainer(capture, tmp_path / "run")
    with torch.no_grad():
        trainer.method.blend.score.weight.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="term 'color' is not finite at step 0"):
        trainer.train()
    assert list((tmp_path / "run" / "checkpoints").iterdir()) == []


def test_other_settings_are_refused_and_more_steps_are_not(capture: Path, tmp_path: Path) -> None:
    _trainer(capture, tmp_path / "run", schedule_steps=24)
    _trainer(capture, tmp_path / "run", schedule_steps=24, steps=30)
    with pytest.raises(ValueError, match=r"train\.rays: the run has 64, asked for 65"):
        _trainer(capture, tmp_path / "run", schedule_steps=24, rays=65)


def test_a_truncated_newest_checkpoint_costs_only_its_steps(capture: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = _trainer(capture, tmp_path / "whole")
    whole.train()
    newest = tmp_path / "whole" / "checkpoints" / "step_00000024.pt"
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    again = _trainer(capture, tmp_path / "whole")
    assert again.step == 16
    assert "damaged" in caplog.text
    again.train()
    assert _equal(whole, again)


_CHILD = """
import sys
from pathlib import Path
import torch
sys.path[:0] = [{root!r}, {tests!r}]
from small_capture import small_config
from im4d_core.data import open_scene
from im4d_core.training import Trainer, resolved
config = small_config(Path({capture!r}), steps=2000, schedule_steps=24, checkpoint_every=1, log_every=1)
scene = open_scene(config.data)
torch.set_num_threads(1)
Trainer(scene, resolved(config, scene), Path({run!r}), device=torch.device("cpu")).train()
"""


def test_a_run_killed_at_any_moment_goes_on(capture: Path, tmp_path: Path) -> None:
    """Checkpoints are written at every step, so that the kill mostly hits one being written."""
    run = tmp_path / "run"
    code = _CHILD.format(root=str(ROOT), tests=str(ROOT / "tests"), capture=str(capture), run=str(run))
    reached = 0
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
        deadline = time.monotonic() + LIMIT_S / 2
        while time.monotonic() < deadline and child.poll() is None:
            steps = [int(path.stem.removeprefix("step_")) for path in run.glob("checkpoints/step_*.pt")]
            if steps and max(steps) >= reached + 5:
                break
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        _, errors = child.communicate()
        assert child.returncode == -signal.SIGKILL, errors.decode()
        trainer = _trainer(capture, run, steps=2000, schedule_steps=24)
        assert trainer.step >= reached + 4  # the newest may be the one before
        reached = trainer.step


_RANK = """
import sys
from pathlib import Path
import torch, torch.distributed as dist
sys.path[:0] = [{root!r}, {tests!r}]
torch.set_num_threads(1)
from small_capture import small_config
from im4d_core.data import open_scene
from im4d_core.parallel import Processes
from im4d_core.training import Trainer, resolved
rank = int(sys.argv[1])
dist.init_process_group("gloo", init_method="file://{meeting}", rank=rank, world_size=2)
config = small_config(Path({capture!r}), steps=6, checkpoint_every=6)
scene = open_scene(config.data)
trainer = Trainer(scene, resolved(config, scene), Path({run!r}), device=torch.device("cpu"), processes=Processes(rank=rank, count=2))
assert trainer.train()
torch.save(trainer.method.state_dict(), {run!r} + f"/rank{{rank}}.pt")
dist.destroy_process_group()
"""


def test_two_processes_hold_the_same_weights_and_one_saves(capture: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    code = _RANK.format(root=str(ROOT), tests=str(ROOT / "tests"), capture=str(capture), run=str(run), meeting=tmp_path / "meeting")
    children = [subprocess.Popen([sys.executable, "-c", code, str(rank)], stderr=subprocess.PIPE, text=True) for rank in range(2)]
    deadline = time.monotonic() + LIMIT_S
    try:
        while any(child.poll() is None for child in children) and not any(child.poll() for child in children):  # one alone would wait for the other
            assert time.monotonic() < deadline, "the two processes did not end"
            time.sleep(0.05)
    finally:
        for child in children:
            child.kill()  # no harm to one that has ended
        errors = [child.communicate()[1] for child in children]
    assert [child.returncode for child in children] == [0, 0], "\n".join(errors)
    states = [torch.load(run / f"rank{rank}.pt", weights_only=True) for rank in range(2)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step_00000006.pt"]
    alone = _trainer(capture, tmp_path / "alone", steps=6)
    alone.train()
    assert not torch.equal(alone.method.field.out.weight, states[0]["field.out.weight"])  # the second process's pictures count


def test_learning_rate_warms_up_and_falls_along_half_a_cosine() -> None:
    factors = [learning_rate_factor(step, 4, 104) for step in range(140)]
    assert factors[:4] == [0.25, 0.5, 0.75, 1.0]
    assert factors[4] == 1.0
    assert factors[54] == pytest.approx(0.5 * (1 + np.cos(np.pi * 0.999 * 0.5)))
    assert all(later <= earlier for earlier, later in itertools.pairwise(factors[3:]))
    assert 0.0 < factors[139] < 1e-5


def _stream(capture: Path, start: int, **changes: object) -> tuple[FrameLoader, BatchStream]:
    config: RunConfig = small_config(capture)
    scene = open_scene(config.data)
    loader = FrameLoader(scene, config.data)
    draw = Draw(images=2, rays=50, counts=(2, 3), probabilities=(0.5, 0.5), pixel_offset=0.5, rounded_faces=False, seed=0)
    store = PictureStore(loader, CPU, 1 << 20, cropped_to_mask)

    def choose(view: int, count: int, random: np.random.Generator) -> tuple[int, ...]:
        return tuple(int(v) for v in random.choice([v for v in scene.source_views if v != view], size=count, replace=False))

    return loader, BatchStream(scene, store, replace(draw, **changes), choose, start=start, device=CPU)  # pyright: ignore[reportArgumentType]


def test_batches_depend_on_seed_step_and_rank_only(capture: Path) -> None:
    loader, stream = _stream(capture, 0)
    with loader, stream:
        batches = [stream.next() for _ in range(4)]
    loader, stream = _stream(capture, 2)
    with loader, stream:
        again = stream.next()
    assert torch.equal(again.pixels, batches[2].pixels)
    assert again.frames == batches[2].frames
    loader, stream = _stream(capture, 2, rank=1)
    with loader, stream:
        assert not torch.equal(stream.next().pixels, batches[2].pixels)


def test_batches_hold_the_pixels_of_their_pictures(capture: Path) -> None:
    loader, stream = _stream(capture, 0)
    with loader, stream:
        for _ in range(3):
            batch = stream.next()
            for i, (camera, frame) in enumerate(zip(batch.cameras, batch.frames, strict=True)):
                view = loader.scene.cameras.index(camera)
                picture = loader.get(frame, [view])[0]
                for (column, row), rgb, mask in zip(batch.pixels[i].tolist(), batch.rgb[i], batch.mask[i], strict=True):
                    assert torch.equal((rgb * 255).round().byte(), picture.image[row, column])
                    assert round(float(mask) * 255) == int(picture.mask[row, column])
                assert all(source.view != view and source.frame == frame for source in batch.sources[i])


def test_a_missing_picture_reaches_the_training_loop(tmp_path: Path) -> None:
    capture = write_small_capture(tmp_path / "capture")
    trainer = _trainer(capture, tmp_path / "run")
    for path in (capture / "images").glob("0[1-5]/*.jpg"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match=r"\.jpg"):
        trainer.train()


@pytest.mark.parametrize("rounded_faces", [False, True])
def test_pixels_are_drawn_evenly_inside_the_projected_box(capture: Path, rounded_faces: bool) -> None:
    scene = open_scene(small_config(capture).data)
    camera, box = scene.cameras[2], np.array([[-0.4, -0.3, -0.2], [0.3, 0.5, 0.4]])
    drawn = box_pixels(camera, box, offset=0.5, rounded=rounded_faces).draw(40_000, np.random.default_rng(0))
    counts = np.zeros((camera.height, camera.width))
    np.add.at(counts, (drawn[:, 1], drawn[:, 0]), 1)
    inside = projected_box(camera, box)
    grown = np.pad(inside, 1)
    near = sum(grown[1 + y : 1 + y + camera.height, 1 + x : 1 + x + camera.width] for y in (-1, 0, 1) for x in (-1, 0, 1)) > 0
    drawable = counts > 0
    if rounded_faces:  # rounding moves corners by half a pixel
        assert not drawable[~near].any()
        assert (drawable ^ inside).sum() < 0.15 * inside.sum()  # a rim; the box covers 13 x 16 pixels
    else:
        assert np.array_equal(drawable, inside)
    expected = 40_000 / drawable.sum()
    assert counts[drawable].std() < 1.3 * np.sqrt(expected)  # Poisson


def test_a_camera_inside_the_box_draws_from_what_it_sees(capture: Path) -> None:
    scene = open_scene(small_config(capture).data)
    camera = scene.cameras[2]
    for reach in (0.3, 3.0):  # a corner behind the camera; the camera inside
        box = np.stack([camera.centre - reach, camera.centre + np.array([reach, reach, 0.2])])
        shown = box_pixels(camera, box, offset=0.5, rounded=False)
        inside = projected_box(camera, box)
        found = np.zeros_like(inside)
        for row, (start, count) in enumerate(zip(shown.start, shown.count, strict=True)):
            found[shown.first_row + row, start : start + count] = True
        assert np.array_equal(found, inside)


def test_a_box_that_no_camera_sees_is_refused(capture: Path) -> None:
    scene = open_scene(small_config(capture).data)
    above = replace(scene, boxes=scene.boxes + np.array([0.0, 0.0, 50.0]))
    with pytest.raises(ValueError, match="no training camera sees the scene's box"):
        visible_pairs(above)
