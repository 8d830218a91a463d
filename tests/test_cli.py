"""The command lines end to end, each as its user runs it: exit codes, files, one clear line for every error."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import imageio.v3 as iio
import numpy as np
import pytest
from shell import LIMIT_S, training
from small_capture import write_small_capture

import im4d_core.__main__
import im4d_core.console
from im4d_core.config import load_config
from im4d_core.export_settings import ExportSettings
from im4d_core.filming import film
from im4d_core.opened_run import open_run
from im4d_core.path_files import load_path, save_path
from im4d_core.video import VideoWriter
from viewer import events as e
from viewer.edited_path import OrbitSettings
from viewer.export_command import export_command
from viewer.reduce import reduce
from viewer.state import ViewerState

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command of im4d_core in this process, which spares the import of torch: exit code, stdout, stderr."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(im4d_core.console, "log_to_console", lambda verbose: None)  # handlers must not outlive the captured streams

    def call(*arguments: str) -> tuple[int, str, str]:
        try:
            code = im4d_core.__main__.main(arguments)
        except SystemExit as leave:  # --help
            code = int(leave.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def capture(folder: Path) -> Path:
    return write_small_capture(folder / "capture")


@pytest.fixture(scope="module")
def run(folder: Path, capture: Path) -> Path:
    """A run of six steps."""
    child = training(capture, folder / "run", "--steps", "6")
    out, errors = child.communicate(timeout=LIMIT_S)
    assert child.returncode == 0, errors
    assert "step 6/6" in out
    assert "view it with: python app.py" in out
    return folder / "run"


def test_training_leaves_a_run_with_its_resolved_settings(run: Path, capture: Path) -> None:
    config = load_config(run / "config.json")
    assert config.data.path == str(capture)
    assert (config.train.steps, config.train.schedule_steps, config.train.rays) == (6, 6, 32)
    assert config.method.field.spatial == (16,)
    assert (config.method.times.first, config.method.times.last) == (0, 2)
    for name in ("model.safetensors", "occupancy.npz", "preview.jpg", "boxes.npy"):
        assert (run / name).is_file(), name


def test_other_settings_end_with_one_line(run: Path, capture: Path) -> None:
    refused = training(capture, run, "--steps", "6", "--lr", "0.5")
    _, errors = refused.communicate(timeout=LIMIT_S)
    assert refused.returncode == 1
    assert errors.startswith("error: ")
    assert "train.lr: the run has 0.004, asked for 0.5" in errors
    assert "Traceback" not in errors


def test_evaluate_makes_the_folder_of_its_metrics(run: Path, command: Call, folder: Path) -> None:
    code, out, errors = command("evaluate", str(run), "--mode", "full", "--frames", "0:1", "--output", "new/folder/scores.json")
    assert code == 0, errors
    assert json.loads((folder / "new/folder/scores.json").read_text())["full"]["pictures"] == 1
    assert (folder / "new/folder/scores_full.png").is_file()


def test_evaluate_writes_metrics_and_sheets(run: Path, command: Call, folder: Path) -> None:
    code, out, errors = command("evaluate", str(run), "--mode", "both", "--frames", "0:2")
    assert code == 0, errors
    assert "PSNR" in out
    content = json.loads((run / "metrics.json").read_text())
    assert {mode: content[mode]["pictures"] for mode in content} == {"full": 2, "fast": 2}
    assert (run / "metrics_full.png").is_file()
    assert (run / "metrics_fast.png").is_file()


def test_render_writes_a_video(run: Path, command: Call, folder: Path) -> None:
    code, out, errors = command("render", str(run), "--output", "out.mp4", "--size", "40x30", "--fps", "2", "--mode", "fast")
    assert code == 0, errors
    with av.open(folder / "out.mp4") as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 8  # one turn in four seconds
    assert (frames[0].width, frames[0].height) == (40, 30)


@pytest.mark.parametrize(
    "choices",
    [
        {"mode": "full", "transparent": True, "depth": True},
        {"mode": "fast", "background": (0.1, 0.6, 0.3), "start_s": 0.25, "stop_s": 0.75},
    ],
)
def test_the_windows_shell_command_makes_the_windows_export(run: Path, command: Call, tmp_path: Path, choices: dict[str, Any]) -> None:
    """Byte by byte: what the Export panel shows is typed into a shell, after the path was saved and the transport's rate was changed."""
    renderer = open_run(run, device="cpu")
    state = reduce(ViewerState(output=tmp_path), e.SceneOpened(scene=renderer.scene, source=run, device=str(renderer.device)))
    settings = ExportSettings(width=41, height=30, fps=5.0, format="png", file="from the shell", **choices)
    for event in (
        e.SetOrbit(settings=OrbitSettings(duration_s=1.0)),
        e.Triggered(action="path_orbit"),
        e.SetKeyFrame(key_id=2, scene_frame=2.0),
        e.SetPathLoop(loop=False),
        e.SetFps(fps=3.0),
        e.SetPathFile(file="my path.json"),
        e.SetExport(settings=settings),
        e.Triggered(action="export_start"),
    ):
        state = reduce(state, event)
    order = state.effects[-1]
    assert isinstance(order, e.StartExport)
    for _ in film(renderer, order.path, order.timing, replace(order.settings, file=str(tmp_path / "from the window"))):
        pass
    renderer.close()
    save_path(state.path_editor.path, tmp_path / "my path.json")
    words = shlex.split(export_command(state))
    assert words[:3] == ["python", "-m", "im4d_core"]
    assert words[-2:] == ["--device", "cpu"], "another device makes other bits"
    elsewhere = reduce(state, e.SceneOpened(scene=renderer.scene, source=run, device="cuda:1"))  # the same scene, opened again
    assert shlex.split(export_command(elsewhere)) == [*words[:-1], "cuda:1"]
    code, out, errors = command(*words[3:])
    assert code == 0, errors
    made = sorted(path.relative_to(tmp_path / "from the shell") for path in (tmp_path / "from the shell").rglob("*.*") if path.suffix != ".json")
    assert len(made) == (3 if "start_s" in choices else 2 * 6)
    for name in made:
        assert (tmp_path / "from the shell" / name).read_bytes() == (tmp_path / "from the window" / name).read_bytes(), name


@pytest.mark.parametrize("kind", ["orbit", "arc", "spiral", "cameras", "round-cameras"])
def test_paths_are_made_converted_and_come_back(run: Path, command: Call, folder: Path, kind: str) -> None:
    code, out, errors = command("make-path", str(run), f"{kind}.json", "--kind", kind, "--duration", "2")
    assert code == 0, errors
    path = load_path(folder / f"{kind}.json")
    assert path.duration_s == pytest.approx(2.0)
    code, out, errors = command("convert-path", f"{kind}.json", f"{kind}_cams", "--to", "easymocap-keys", "--run", str(run), "--size", "64x48")
    assert code == 0, errors
    code, out, errors = command("convert-path", f"{kind}_cams", f"{kind}_again.json", "--run", str(run))
    assert code == 0, errors
    again = load_path(folder / f"{kind}_again.json")
    assert [key.time_s for key in again.keys] == pytest.approx([key.time_s for key in path.keys])
    for got, key in zip(again.keys, path.keys):
        assert got.position == pytest.approx(key.position)


def test_paths_go_into_nerfstudio_s_space_and_come_back(run: Path, command: Call, folder: Path) -> None:
    assert command("make-path", str(run), "round.json", "--duration", "2")[0] == 0
    (folder / "theirs").mkdir()
    (folder / "theirs" / "there.json").write_text(json.dumps({"transform": [[0, 0, 1, 0.3], [-1, 0, 0, -2], [0, -1, 0, 1]], "scale": 0.25}))
    options = ("--nerfstudio-transforms", "theirs/there.json")
    code, out, errors = command("convert-path", "round.json", "theirs.json", "--to", "nerfstudio", *options)
    assert code == 0, errors
    code, out, errors = command("convert-path", "theirs.json", "ours.json", *options)
    assert code == 0, errors
    path, again = load_path(folder / "round.json"), load_path(folder / "ours.json")
    for got, key in zip(again.keys, path.keys, strict=True):
        assert got.position == pytest.approx(key.position, abs=1e-9)
    x, y, z = path.keys[0].position
    there = json.loads((folder / "theirs.json").read_text())["keyframes"][0]["matrix"][3:12:4]
    assert there == pytest.approx([0.25 * (z + 0.3), 0.25 * (-x - 2.0), 0.25 * (-y + 1.0)])
    code, out, errors = command("convert-path", "theirs.json", "plain.json")
    assert code == 0 and "no dataparser_transforms.json of nerfstudio lies beside" in out
    code, out, errors = command("convert-path", "theirs.json", "plain.json", "--nerfstudio-transforms", "nowhere.json")
    assert code != 0 and "nowhere.json: no such file" in errors
    code, out, errors = command("convert-path", "round.json", "ngp.json", "--to", "instant-ngp", "--ngp-scale", "0")
    assert code != 0 and "--ngp-scale 0: expected a positive number" in errors


def test_render_without_an_encoder_says_what_to_install(run: Path, command: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    for name in ("im4d_core.video", "im4d_core.filming"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    code, out, errors = command("render", str(run), "--output", "none.mp4", "--size", "40x30")
    assert code == 1
    assert errors.startswith("error: videos need PyAV")
    assert "pip install av" in errors


def test_an_exported_scene_needs_nothing_outside(run: Path, command: Call, folder: Path, capture: Path) -> None:
    code, out, errors = command("export", str(run), "scene")
    assert code == 0, errors
    hidden = capture.with_name("hidden")
    capture.rename(hidden)
    try:
        code, out, errors = command("evaluate", "scene", "--mode", "full", "--frames", "0:1", "--views", "01")
        assert code == 0, errors
        code, out, errors = command("evaluate", str(run), "--mode", "full", "--frames", "0:1")
        assert code == 1
        assert str(capture) in errors
    finally:
        hidden.rename(capture)


def test_cache_is_kept_unless_forced_and_foreign_ones_are_replaced(run: Path, command: Call, folder: Path) -> None:
    code, out, errors = command("cache", str(run), "--device", "cpu")
    assert code == 0, errors
    assert "baked already" in out
    (run / "occupancy.npz").write_bytes(b"something else")
    code, out, errors = command("evaluate", str(run), "--mode", "fast", "--frames", "0:1")
    assert code == 1
    assert "not an occupancy file" in errors
    code, out, errors = command("cache", str(run))
    assert code == 0, errors
    assert "baked the occupancy of 3 frames" in out


def test_cache_makes_the_picture_that_the_window_opens_with_where_it_is_missing(run: Path, command: Call) -> None:
    """As in an imported run."""
    preview = run / "preview.jpg"
    preview.write_bytes(b"mine")
    assert command("cache", str(run))[0] == 0
    assert preview.read_bytes() == b"mine"
    preview.unlink()
    code, out, errors = command("cache", str(run))
    assert code == 0, errors
    renderer = open_run(run, device="cpu")
    camera = renderer.scene.cameras[0]
    renderer.close()
    assert iio.imread(preview).shape == (camera.height, camera.width, 3), "the capture's pictures are smaller than 256 pixels"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("evaluate", "absent"), "no such file"),
        (("evaluate", "RUN", "--views", "99"), "--views 99: no such camera"),
        (("evaluate", "RUN", "--frames", "7:9"), "names no frame; the scene has frames 0 to 2"),
        (("evaluate", "RUN", "--output", "capture"), "capture: is a folder; name a file in it"),
        (
            ("evaluate", "RUN", "--output", "capture/intri.yml/scores.json"),
            "scores.json: cannot be written (capture/intri.yml is a file); choose another place",
        ),
        (("render", "RUN", "--output", "out.mp4", "--size", "12"), "expected WIDTHxHEIGHT"),
        (("render", "RUN", "--output", "out.mp4", "--size", "0x20"), "expected WIDTHxHEIGHT"),
        (("render", "RUN", "--output", "out.mp4", "--fps", "-1"), "--fps must be at least 0, found -1"),
        (("synthesize", "nothing", "--frames", "0"), "--frames must be at least 1, found 0"),
        (("unpack", "capture"), "capture: no videos there; expected one a camera, called CAMERA.mp4"),
        (("unpack", "capture", "--quality", "101"), "quality must be from 1 to 100, found 101"),
        (("render", "RUN", "--output", "capture/intri.yml/out.mp4"), "out.mp4: cannot be written (capture/intri.yml is a file); choose another place"),
        (("synthesize", "capture/intri.yml/new", "--frames", "1", "--cameras", "6"), "the capture cannot be written ("),
        (("export", "RUN", "capture/intri.yml/new"), "no folder can be made there ("),
        (
            ("import-released", "capture/intri.yml", "--data", "capture", "--output", "imported"),
            "be read as weights (Weights only load failed); expected",
        ),
        (("render", "RUN", "--output", "out.mp4", "--path", "absent.json"), "absent.json: no such file"),
        (("evaluate", "RUN", "--device", "cuda:99"), "CUDA"),
        (("make-path", "RUN", "p.json", "--turns", "0"), "turns"),
        (("convert-path", "absent.json", "p.json"), "absent.json: no such file"),
        (("make-path", "nowhere", "p.json"), "expected the folder of a run"),
        (("import-released", "absent.npz", "--data", "capture", "--output", "imported"), "absent.npz: no such file"),
    ],
)
def test_mistakes_are_one_line_and_exit_1(run: Path, command: Call, folder: Path, arguments: tuple[str, ...], message: str) -> None:
    code, out, errors = command(*(str(run) if argument == "RUN" else argument for argument in arguments))
    assert code == 1
    assert message in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("name", ["", "cache", "evaluate", "render", "make-path", "convert-path", "synthesize", "unpack", "export", "import-released"])
def test_help_reads(name: str, command: Call) -> None:
    code, out, errors = command(*([name] if name else []), "--help")
    assert code == 0, errors
    assert "usage: python -m im4d_core" in out


def test_a_run_whose_capture_went_says_where_it_was_and_what_to_do(run: Path, capture: Path, command: Call) -> None:
    away = capture.rename(capture.with_name("away"))
    try:
        for arguments in (("evaluate", str(run)), ("make-path", str(run), "around.json")):
            code, _, errors = command(*arguments)
            assert code == 1
            assert f"{capture}: no such folder; {run} takes its colour" in errors
            assert f"as data.path in {run / 'config.json'}" in errors
    finally:
        away.rename(capture)


def test_synthesize_writes_a_capture_that_opens(command: Call, folder: Path) -> None:
    code, out, errors = command("synthesize", "synthetic", "--cameras", "6", "--frames", "1", "--size", "32", "--device", "cpu")
    assert code == 0, errors
    from im4d_core.config import DataConfig
    from im4d_core.data import open_scene

    assert len(open_scene(DataConfig(path=str(folder / "synthetic"))).cameras) == 6


def test_a_run_goes_on_with_its_cameras_in_the_files_of_another_program(run: Path, capture: Path, command: Call, folder: Path) -> None:
    """Evaluation and export see no difference: the same scores, the same cameras."""
    from im4d_core.config import DataConfig
    from im4d_core.data import open_scene

    def scores() -> dict[str, Any]:
        code, _, errors = command("evaluate", str(run), "--mode", "full", "--frames", "1", "--device", "cpu", "--output", "scores.json")
        assert code == 0, errors
        return json.loads((folder / "scores.json").read_text())

    cameras, before = open_scene(DataConfig(path=str(capture))).cameras, scores()
    opengl = [np.linalg.inv(camera.T_camera_world) @ np.diag([1.0, -1.0, -1.0, 1.0]) for camera in cameras]
    items = [{"file_path": f"{camera.name}.jpg", "transform_matrix": pose.tolist()} for camera, pose in zip(cameras, opengl)]
    (capture / "transforms.json").write_text(json.dumps({"fl_x": cameras[0].K[0, 0], "frames": items}))
    away = [file.rename(folder / file.name) for file in (capture / "intri.yml", capture / "extri.yml")]
    try:
        assert open_scene(DataConfig(path=str(capture))).cameras[0].T_camera_world == pytest.approx(cameras[0].T_camera_world)
        after = scores()
        code, _, errors = command("export", str(run), "taken")
        assert code == 0, errors
    finally:
        (capture / "transforms.json").unlink()
        for file in away:
            file.rename(capture / file.name)
    for key in ("psnr", "ssim"):
        # Poses differ by rounding; a pixel whose box test falls the other way would show in the fourth decimal.
        assert after["full"]["mean"][key] == pytest.approx(before["full"]["mean"][key], abs=1e-3)
    exported = open_scene(DataConfig(path=str(folder / "taken"))).cameras
    for camera, truth in zip(exported, cameras, strict=True):
        np.testing.assert_allclose(camera.T_camera_world, truth.T_camera_world, atol=1e-9)  # rounding of two inversions
        np.testing.assert_allclose(camera.K, truth.K, atol=1e-9)


def test_unpack_says_what_it_wrote(command: Call, folder: Path) -> None:
    for name in ("cam00", "cam01"):
        (folder / "films").mkdir(exist_ok=True)
        writer = VideoWriter(folder / "films" / f"{name}.mp4", 32, 32, 12.5)
        for i in range(3 + int(name == "cam01")):
            writer.write(np.full((32, 32, 3), 40 * i, np.uint8))
        writer.close()
    assert command("unpack", "films", "--frames", "1:")[:2] == (0, "films: 2 cameras, 2 to 3 frames at 12.5 a second, 5 new pictures\n")
    assert command("unpack", "films")[1] == "films: 2 cameras, 3 to 4 frames at 12.5 a second, 2 new pictures\n"
