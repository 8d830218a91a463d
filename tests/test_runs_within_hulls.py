"""Runs that are trained within visual hulls: each picture within those of its frame, files that belong to the run, and runs that have none."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from analytic import camera, random_hulls
from small_capture import small_config, write_small_capture

from im4d_core.checkpoint import save_weights
from im4d_core.config import as_released
from im4d_core.data import mask_extents, open_scene
from im4d_core.data.batches import Batch
from im4d_core.data.frames import FrameLoader
from im4d_core.data.mask_extents import subject_window
from im4d_core.export import export_run
from im4d_core.geometry import box_union
from im4d_core.hulls import hulls_of, load_hulls, packed, save_hulls
from im4d_core.methods.source_views import cropped_to_mask, stack_context
from im4d_core.opened_run import open_run
from im4d_core.presets import preset
from im4d_core.tensors import SourceView
from im4d_core.training import Trainer, resolved

CPU = torch.device("cpu")


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
    save_hulls(random_hulls(), run / "hulls.npz")  # left by whatever had the folder before
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
