"""Exports as the window shows it: crop box, near and far, samples and passes, byte by byte in preview, export and shell."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from untrained import write_untrained_run

import im4d_core.console
from im4d_core.__main__ import main
from im4d_core.config import FastConfig, load_config, save_config
from im4d_core.export_settings import ExportSettings
from im4d_core.filming import film
from im4d_core.opened_run import open_run
from im4d_core.path_files import save_path
from im4d_core.quality import Quality
from im4d_core.types import RenderMode
from viewer import events as e
from viewer.crop import Crop
from viewer.edited_path import OrbitSettings
from viewer.export_command import export_command
from viewer.offline import take_picture
from viewer.reduce import reduce
from viewer.request import render_request, view_camera
from viewer.state import Taken, ViewerState


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of an untrained model, with the occupancy of its random field."""
    folder = write_untrained_run(tmp_path_factory.mktemp("run"))
    config = load_config(folder / "config.json")
    save_config(replace(config, fast=FastConfig(steps=40)), folder / "config.json")  # the field is thin: shorter steps would weigh next to nothing
    renderer = open_run(folder, device="cpu")
    renderer.bake_occupancy()
    renderer.close()
    return folder


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Handlers of the log must not outlive the streams that pytest captures."""
    monkeypatch.setattr(im4d_core.console, "log_to_console", lambda verbose: None)


CUT = Crop(on=True, low=(-0.3, -0.00001, -0.5), high=(0.5, 0.5, 0.3))


@pytest.mark.parametrize("mode", ["fast", "exact", "full"])
def test_an_export_takes_cuts_and_quality_along_and_is_the_preview(run: Path, tmp_path: Path, mode: RenderMode) -> None:
    """Picture i of the preview, of the window's export and of the shell's: the same bytes, with a crop box, near and far, and other samples than the run's."""
    renderer = open_run(run, device="cpu")
    renderer.prepare()  # as an export does: kernels that are there from the first picture on
    state = reduce(ViewerState(output=tmp_path), e.SceneOpened(scene=renderer.scene, source=run, device=str(renderer.device)))
    quality = Quality(proposal_samples=12, fine_samples=6, chunk=100, steps=30, min_weight=0.001, min_transmittance=0.05, passes=4)
    for event in (
        e.SetOrbit(settings=OrbitSettings(duration_s=1.0)),
        e.Triggered(action="path_orbit"),
        e.SetPathFile(file="my path.json"),
        e.SetExport(settings=ExportSettings(width=40, height=30, fps=3.0, mode=mode, format="png", file="from the window")),
        e.SetMode(mode=mode),
        e.SetScale(scale=1.0),
    ):
        state = reduce(state, event)
    distance = float(np.linalg.norm(view_camera(state, 40, 30).centre))
    plain = reduce(state, e.Triggered(action="export_start")).effects[-1]
    for event in (e.SetCrop(crop=CUT), e.SetClip(clip=(0.5 * distance, 1.1 * distance)), e.SetQuality(quality=quality), e.Triggered(action="export_start")):
        state = reduce(state, event)
    order = state.effects[-1]
    assert isinstance(order, e.StartExport) and isinstance(plain, e.StartExport)
    for started, folder in ((order, "from the window"), (plain, "plain")):
        assert list(film(renderer, started.path, started.timing, replace(started.settings, file=str(tmp_path / folder))))[-1] == (3, 3)
    shots = order.path.shots(order.timing, 3.0)
    for i, shot in enumerate(shots):
        request = render_request(reduce(state, e.SetPathTime(time_s=shot.time_s)), 40, 30)
        assert request is not None
        preview = take_picture(renderer, request)
        assert preview is not None
        exported = iio.imread(tmp_path / "from the window" / f"{i:06d}.png")
        np.testing.assert_array_equal(exported, preview)
        assert not np.array_equal(exported, iio.imread(tmp_path / "plain" / f"{i:06d}.png")), "cuts and quality do show"
    assert list(film(renderer, order.path, order.timing, replace(order.settings, file=str(tmp_path / "from the window")))) == [(3, 3)], "complete"
    renderer.close()
    save_path(state.path_editor.path, tmp_path / "my path.json")
    words = shlex.split(export_command(state))
    assert main([word.replace("from the window", "from the shell") for word in words[3:]]) == 0
    for i in range(3):
        name = f"{i:06d}.png"
        assert (tmp_path / "from the shell" / name).read_bytes() == (tmp_path / "from the window" / name).read_bytes()
    without = reduce(state, e.SetTaken(taken=Taken(cut=False, quality=False)))
    restarted = reduce(without, e.Triggered(action="export_start")).effects[-1]
    assert isinstance(restarted, e.StartExport) and restarted.settings == plain.settings
    assert not {"--crop", "--clip", "--passes", "--steps"} & set(shlex.split(export_command(without)))


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        (("--crop", "1", "0", "0", "0", "1", "1"), "least corner"),
        (("--clip", "2", "1"), "Near must be at least 0"),
        (("--fine-samples", "1"), "fine_samples cannot be 1: the nearest that works is 2"),
        (("--passes", "99"), "passes cannot be 99"),
    ],
)
def test_senseless_cuts_and_samples_are_refused(run: Path, tmp_path: Path, option: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(run), "--output", str(tmp_path / "never.mp4"), "--size", "40x30", "--device", "cpu", *option]) == 1
    assert complaint in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
