"""Evaluation against scikit-image on its own protocol; a renderer that shows the truth is perfect; files are written whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from small_capture import small_config, write_small_capture

from im4d_core.data import open_scene
from im4d_core.data.frames import FrameLoader
from im4d_core.evaluation import contact_row, contact_sheet, evaluate, write_metrics
from im4d_core.geometry import projected_box
from im4d_core.methods import build_method
from im4d_core.scene_renderer import SceneRenderer
from im4d_core.training import resolved


@dataclass
class Trained:
    renderer: SceneRenderer
    truth: dict[tuple[int, int], np.ndarray]


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """An untrained model on a small capture: it renders something, which is all that is needed."""
    torch.manual_seed(0)
    capture = write_small_capture(tmp_path_factory.mktemp("evaluation") / "capture")
    config = small_config(capture)
    scene = open_scene(config.data)
    config = resolved(config, scene)
    loader = FrameLoader(scene, config.data)
    renderer = SceneRenderer(scene, build_method(config.method).eval(), loader, config, device=torch.device("cpu"))
    truth = {(frame, view): loader.get(frame, [view])[0].image.numpy() / 255.0 for frame in scene.frames for view in (0, 1)}
    return Trained(renderer, truth)


def test_scores_follow_the_protocol(untrained: Trained) -> None:
    renderer = untrained.renderer
    evaluation = evaluate(renderer, "full", frames=[1])
    assert evaluation is not None
    assert [(score.camera, score.frame) for score in evaluation.scores] == [("00", 1)]
    camera = renderer.scene.cameras[0]
    rendered = renderer.render(camera, 1, "full")
    assert rendered is not None
    render, truth = rendered.rgb.double().numpy(), untrained.truth[1, 0]
    inside = projected_box(camera, renderer.scene.box(1))
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    cut = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    score = evaluation.scores[0]
    # the render is float32
    assert score.psnr == pytest.approx(peak_signal_noise_ratio(truth[inside], render[inside], data_range=1), abs=1e-4)
    assert score.ssim == pytest.approx(structural_similarity(truth[cut], render[cut], channel_axis=2, data_range=1), abs=1e-5)
    assert score.ssim_range2 == pytest.approx(structural_similarity(truth[cut], render[cut], channel_axis=2, data_range=2), abs=1e-5)
    assert score.milliseconds > 0
    assert evaluation.mean()["psnr"] == score.psnr


def test_a_training_view_is_not_coloured_from_itself(untrained: Trained) -> None:
    used: list[tuple[int, ...]] = []
    render = untrained.renderer.render

    def watched(*args: object, **named: object) -> object:
        rendered = render(*args, **named)  # pyright: ignore[reportArgumentType]
        assert rendered is not None
        used.append(rendered.source_views)
        return rendered

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(untrained.renderer, "render", watched)
        evaluate(untrained.renderer, "full", frames=[0], views=[1])
    assert used
    assert all(1 not in views for views in used)


def test_metrics_of_both_renderers_share_a_file(untrained: Trained, tmp_path: Path) -> None:
    renderer = untrained.renderer
    renderer.bake_occupancy()
    path = tmp_path / "metrics.json"
    for mode in ("full", "fast"):
        evaluation = evaluate(renderer, mode, frames=[0, 1])
        assert evaluation is not None
        write_metrics(path, evaluation)
    content = json.loads(path.read_text())
    assert set(content) == {"full", "fast"}
    assert content["full"]["pictures"] == len(content["full"]["images"]) == 2
    assert content["full"]["mean"]["psnr"] == pytest.approx(np.mean([image["psnr"] for image in content["full"]["images"]]))
    assert content["full"]["mean"]["lpips"] is None
    path.write_text('{"full"')  # a file that is no JSON is replaced
    write_metrics(path, evaluation)
    assert set(json.loads(path.read_text())) == {"fast"}


def test_the_sheet_shows_render_truth_and_error(untrained: Trained, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    evaluate(untrained.renderer, "full", sheet=sheet)
    picture = iio.imread(sheet)
    camera = untrained.renderer.scene.cameras[0]
    frames = untrained.renderer.scene.frames
    assert picture.shape == (len(frames) * camera.height, 3 * camera.width, 3)
    for row, frame in enumerate(frames):
        truth = picture[row * camera.height : (row + 1) * camera.height, camera.width : 2 * camera.width]
        assert np.array_equal(truth, (untrained.truth[frame, 0] * 255).round().astype(np.uint8))
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_the_error_is_dark_where_pictures_agree_and_bright_where_not() -> None:
    truth = torch.rand(20, 16, 3)
    row = contact_row(truth, truth)
    assert row.shape == (20, 48, 3)
    assert row[:, 32:].max() <= 4
    assert contact_row(truth, 1 - truth.round())[:, 32:].max() > 200
    assert contact_row(torch.rand(700, 8, 3), torch.rand(700, 8, 3)).shape[0] == 233  # a third
    assert contact_sheet([row, row[:, :30]]).shape == (40, 48, 3)


def test_cancelling_returns_nothing(untrained: Trained) -> None:
    calls: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> bool:
        calls.append((done, total))
        return done < 1

    assert evaluate(untrained.renderer, "full", progress=progress) is None
    assert calls == [(0, 3), (1, 3)]


def test_an_unwritable_output_is_named(untrained: Trained, tmp_path: Path) -> None:
    evaluation = evaluate(untrained.renderer, "full", frames=[0])
    assert evaluation is not None
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError, match=r"file/metrics\.json: cannot be written"):
        write_metrics(tmp_path / "file" / "metrics.json", evaluation)
