"""The command line, as a user calls it: in processes of its own, with and without a display."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_capture import small_config, write_small_capture

ROOT = Path(__file__).parent.parent
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with weights nobody trained: a picture of it is a fog, but everything is there."""
    import torch

    from im4d_core.checkpoint import RunFolder, save_weights
    from im4d_core.config import save_config
    from im4d_core.data import open_scene
    from im4d_core.methods import build_method
    from im4d_core.opened_run import open_run
    from im4d_core.types import TimeRange

    folder = tmp_path_factory.mktemp("app")
    config = small_config(write_small_capture(folder / "capture"))
    scene = open_scene(config.data)
    bounds = tuple(scene.bounds.ravel().tolist())
    times = TimeRange(first=scene.frames[0], last=scene.frames[-1])
    config = replace(config, method=replace(config.method, bounds=bounds, times=times), fast=replace(config.fast, steps=24))
    run = RunFolder(path=folder / "run")
    run.path.mkdir()
    torch.manual_seed(0)
    save_config(config, run.config)
    save_weights(build_method(config.method), run.weights)
    renderer = open_run(run.path, device="cpu")
    renderer.bake_occupancy()
    renderer.close()
    return run.path


def app(*arguments: str, display: str | None = None, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment |= {"OMP_NUM_THREADS": "1", "COLUMNS": "200"} | ({"DISPLAY": display} if display else {})
    return subprocess.run([sys.executable, str(ROOT / "app.py"), *arguments], capture_output=True, text=True, env=environment, timeout=timeout_s, check=False)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls app.py in this process, which spares the import of torch, where there is no display: exit code, stdout, stderr."""
    monkeypatch.syspath_prepend(ROOT)
    import app as program

    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(program.console, "log_to_console", lambda verbose: None)  # handlers must not outlive the captured streams

    def called(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["app.py", *arguments])
        code = program.main()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return called


def test_help_names_every_option() -> None:
    done = app("--help")
    assert done.returncode == 0
    options = (
        "--frame --camera --path --mode --size --device --no-interop --screenshot --check --output --frames --play --scale --target-fps --vsync --no-vsync"
    )
    options += " --ui-scale --control-preset --device auto|cpu|cuda|cuda:N"
    assert [option for option in options.split() if option not in done.stdout] == []
    assert "the demo when no folder is given" in done.stdout


def test_auto_is_a_renderer_to_start_with(run_folder: Path, tmp_path: Path) -> None:
    done = app(str(run_folder), "--screenshot", str(tmp_path / "still.png"), "--size", "16x12", "--mode", "auto")
    assert done.returncode == 0, done.stderr
    assert "full renderer" in done.stdout  # nothing moves in a picture
    refused = app(str(run_folder), "--mode", "automatic")
    assert refused.returncode == 2


def test_starting_imports_neither_torch_nor_the_window() -> None:
    """The window appears before torch is imported, and everything else works where there are no X libraries."""
    code = "import app, viewer.offline; import sys; print([name for name in ('torch', 'imgui_bundle', 'OpenGL', 'glfw', 'av', 'cuda') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_window_code_imports_no_torch(display: str) -> None:
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", "import viewer.session"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "viewer.window" in done.stderr, "the list of imports is there"
    assert re.search(r"\| +torch$", done.stderr, re.MULTILINE) is None


def test_a_screenshot_needs_no_display(run_folder: Path, tmp_path: Path) -> None:
    import imageio.v3 as imageio

    done = app(str(run_folder), "--screenshot", str(tmp_path / "new" / "shot.png"), "--size", "50x31", "--frame", "1", "--camera", "02", "--mode", "fast")
    assert done.returncode == 0, done.stderr
    picture = imageio.imread(tmp_path / "new" / "shot.png")
    assert picture.shape == (31, 50, 3)
    assert "frame 1, 50x31, fast renderer" in done.stdout
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["shot.png"]

    from im4d_core.opened_run import open_run
    from viewer.offline import first_request

    renderer = open_run(run_folder, device="cpu")
    request = first_request(renderer.scene, camera="02", frame=1, width=50, height=31, mode="fast")
    rendered = renderer.render(request.camera, 1, "fast")
    renderer.close()
    assert rendered is not None
    assert np.abs(rendered.rgb.numpy() * 255 - picture).max() <= 1.0  # rounding, and sums in another order


def test_without_a_display_a_video_is_made(run_folder: Path, tmp_path: Path) -> None:
    import av

    done = app(str(run_folder), "--output", str(tmp_path), "--size", "32x24")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("No display")
    assert str(tmp_path / "run.mp4") in done.stdout
    with av.open(tmp_path / "run.mp4") as video:
        assert sum(1 for _ in video.decode(video=0)) == 40  # one turn of four seconds at 10 a second


def test_a_video_of_some_frames(call: Call, run_folder: Path, tmp_path: Path) -> None:
    """One turn around the scene, while the last two frames play: the second of them is shown in every other picture."""
    import json

    assert call(str(run_folder), "--output", str(tmp_path), "--size", "16x12", "--frames", "1:")[0] == 0
    note = json.loads(next(tmp_path.glob("*.json")).read_text())
    assert note["timing"]["playing"] == [1, 2]


def test_a_display_that_does_not_answer_is_no_display(run_folder: Path, tmp_path: Path) -> None:
    done = app(str(run_folder), "--output", str(tmp_path), "--size", "16x12", display=":9876")
    assert done.returncode == 0, done.stderr
    assert ":9876" in done.stdout
    assert (tmp_path / "run.mp4").is_file()


def test_check_reports_and_exits_0(run_folder: Path, display: str) -> None:
    done = app(str(run_folder), "--check", display=display)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("window", "interop", "CUDA", "kernels", "encoder", "data"):
        assert re.search(rf"^ok +{name} ", done.stdout, re.MULTILINE), done.stdout
    assert "OpenGL" in done.stdout
    assert "6 cameras, 3 frames, occupancy of 3" in done.stdout


def test_check_names_a_missing_encoder(run_folder: Path) -> None:
    code = f"import sys; sys.modules['av'] = None; sys.argv = ['app.py', {str(run_folder)!r}, '--check']; import app; sys.exit(app.main())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "videos need PyAV" in done.stdout and "pip install av" in done.stdout


def test_check_finds_a_broken_run(call: Call, tmp_path: Path) -> None:
    code, out, _ = call(str(tmp_path), "--check")
    assert code == 1
    assert re.search(r"^FAILED +data .*config\.json", out, re.MULTILINE)
    assert re.search(r"^ok +window +no display", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("/nowhere",), "config.json: no such file"),
        (("RUN", "--size", "large"), "--size large: expected WIDTHxHEIGHT"),
        (("RUN", "--size", "0x5"), "--size 0x5: expected WIDTHxHEIGHT"),
        (("RUN", "--screenshot", "RUN/config.json/x.png"), "config.json is a file); choose another place"),
        (("RUN", "--screenshot", "OUT/x.png", "--frame", "77"), "there is no frame 77; the scene has 0 to 2"),
        (("RUN", "--screenshot", "OUT/x.png", "--camera", "front"), "there is no camera 'front'; the scene has 00, 01"),
        (("RUN", "--path", "OUT/none.json"), "none.json: no such file"),
        (("RUN", "--device", "gpu"), "--device gpu: not a device; expected auto, cpu, cuda or cuda:N"),
        (("RUN", "--device", "cuda:7", "--screenshot", "OUT/x.png"), "--device cuda:7: "),
        (("RUN", "--frames", "1-2"), "--frames 1-2: expected A:B"),
        (("RUN", "--frames", "5:9"), "--frames 5:9: there is no such frame; the scene has 0 to 2"),
        (("RUN", "--vsync", "--no-vsync"), "choose one of them"),
        (("RUN", "--scale", "0"), "--scale 0: expected 0.2 to 1"),
        (("RUN", "--target-fps", "nan"), "--target-fps nan: expected 1 to 240"),
    ],
)
def test_mistakes_are_one_line(call: Call, run_folder: Path, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    code, _, errors = call(*(text.replace("RUN", str(run_folder)).replace("OUT", str(tmp_path)) for text in arguments))
    assert code == 1
    assert message in errors
    assert errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_window_opens_shows_the_run_and_closes(run_folder: Path, display: str, tmp_path: Path) -> None:
    """The whole program: window, render thread, real renderer, settings, clean end."""
    code = f"""
import logging, sys, time
logging.basicConfig(level=logging.INFO)
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from viewer.session import Session
from viewer.start import Start
session = Session(Start(source=Path({str(run_folder)!r}), output=Path({str(tmp_path)!r}), settings=Path({str(tmp_path / "settings")!r}), size=(700, 450)))
update = session._update
def watched():
    update()
    if session.shown is not None and session.shown.final or time.monotonic() - session._began_s > 60:
        session.window.request_close()
session.window.params.callbacks.post_new_frame = watched
session.run()
print(f"first picture {{session.first_picture_s:.2f}}", session.shown)
"""
    environment = os.environ | {"DISPLAY": display, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "first picture" in done.stdout
    assert "Traceback" not in done.stderr, done.stderr
    stored = (tmp_path / "settings" / "settings.json").read_text()
    assert '"width": 700' in stored


def test_settings_that_make_no_sense_are_put_aside(tmp_path: Path) -> None:
    from viewer.preferences import Preferences
    from viewer.settings import Settings, load_settings, save_settings

    kept = Settings(width=900, height=600, preferences=Preferences(vsync=False, preset="web", chords=(("play", ("G",)),), recent=("/a", "/b")))
    save_settings(kept, tmp_path)
    told: list[str] = []
    assert load_settings(tmp_path, told.append) == kept
    assert told == []
    for broken in ("{", '{"version": 99}', '{"version": 1, "width": -5, "height": 700, "vsync": true}', "[]"):
        (tmp_path / "settings.json").write_text(broken)
        assert load_settings(tmp_path, told.append) == Settings()
        assert str(tmp_path / "settings.json") in told[-1] and "renamed to settings.bad.json" in told[-1]
        assert (tmp_path / "settings.bad.json").read_text() == broken
        assert not (tmp_path / "settings.json").exists()
