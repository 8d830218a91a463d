"""python -m im4d_core: what can be done with a run, or a capture, without the window. Each command calls one public function."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from im4d_core import console
from im4d_core.capture_commands import Synthesize, Unpack, synthesize_capture, unpack
from im4d_core.config import DataConfig
from im4d_core.export_settings import SUFFIXES, Chroma, CropBox, ExportSettings, Format
from im4d_core.limits import Amount, Count, Weight, too_small
from im4d_core.path_commands import ConvertPath, MakePath, convert_path, make_path
from im4d_core.quality import Quality
from im4d_core.types import RenderMode
from im4d_core.whole_file import require_writable

if TYPE_CHECKING:
    from im4d_core.scene_renderer import SceneRenderer

Device = Annotated[str, tyro.conf.arg(help="auto, cpu, cuda or cuda:N.")]
Run = Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN", help="Folder of a trained run or an exported scene.")]
Mode = RenderMode


@dataclass(frozen=True, kw_only=True)
class Cache:
    """Bake the occupancy of every frame of a run, which the fast renderer marches, and make the picture that the window opens with, where it is missing."""

    run: Run
    force: bool = False
    """Bake again even where a valid cache exists."""
    device: Device = "auto"


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Compare renders with the pictures of held-out cameras: PSNR, SSIM and LPIPS as JSON, and a sheet render | truth | error."""

    run: Run
    mode: Literal["fast", "exact", "full", "both"] = "both"
    frames: str = ""
    """START:STOP:STEP, stop excluded; all when empty."""
    views: tuple[str, ...] = ()
    """Names of cameras; the test views when empty."""
    lpips: tuple[Path, ...] = ()
    """LPIPS weights (VGG): the lpips package's full state dict, or its heads and torchvision's vgg16 file."""
    output: Path | None = None
    """Where the JSON goes; RUN/metrics.json when not given. The sheets stand beside it."""
    device: Device = "auto"


@dataclass(frozen=True, kw_only=True)
class Render:
    """Render a camera path as a video, or as a folder of pictures that can be left and gone on with."""

    run: Run
    output: Path
    """The video (.mp4; .mov for ProRes), or the folder of the pictures."""
    path: Path | None = None
    """A camera path saved by the viewer, or one of nerfstudio, EasyMocap, instant-ngp or COLMAP; one turn around the scene when not given."""
    mode: Mode = "fast"
    size: str = ""
    """WIDTHxHEIGHT; that of the first camera when empty."""
    fps: Weight = 0.0
    """Pictures per second; the scene's when 0."""
    scene_fps: float = 0.0
    """Frames of the scene per second where the path lets it play; as captured when 0."""
    frames: str = ""
    """Frames of the scene that play, as START:STOP:STEP; all when empty."""
    between: bool = False
    """Show moments between two frames as such, interpolated; otherwise each picture shows a frame."""
    start: float | None = None
    """First second of the path that is rendered."""
    stop: float | None = None
    """Last second of the path that is rendered."""
    format: Format = "h264"
    crf: Amount = 18
    """Quality of H.264 and HEVC; lower is better and larger."""
    chroma: Chroma = "420"
    """Resolution of colour in H.264."""
    transparent: bool = False
    """Leave the background out: an alpha channel in PNG and ProRes."""
    background: tuple[float, float, float] | None = None
    """Colour behind the scene, red, green and blue from 0 to 1; the one it was trained on when not given."""
    depth: bool = False
    """Write depth as OpenEXR beside PNG pictures."""
    crop: CropBox | None = None
    """Render only what lies in a box: x y z of its least corner, then of its greatest one."""
    clip: tuple[float, float] | None = None
    """Render only what lies between two depths: near and far."""
    rendering: Annotated[Quality, tyro.conf.arg(name="")] = Quality()
    device: Device = "auto"


@dataclass(frozen=True, kw_only=True)
class Export:
    """Make a folder of a run that holds all it needs, source pictures included, and opens anywhere."""

    run: Run
    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR", help="Folder to write.")]
    without: tuple[str, ...] = ()
    """Cameras whose pictures stay behind, by name."""


@dataclass(frozen=True, kw_only=True)
class ImportReleased:
    """Make a run from weights of the released Im4D, rendered with every rule of the released code."""

    weights: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FILE", help="The release's .pth, or its state dict as .npz or .safetensors.")]
    data: Path
    """The capture that the weights were trained on."""
    output: Path
    """Folder of the run to make."""
    boxes: Path | None = None
    """A .npy file of per-frame boxes (frames, 2, 3); from the masks when not given."""
    frames: str = ""
    """The training range as START:STOP:STEP; all frames when empty."""
    source_views: Count = 4
    """Views that colour a picture."""
    background: tuple[float, float, float] = (0.0, 0.0, 0.0)
    resize: float = 1.0
    crop: tuple[int, int] = (0, 0)
    """Height and width."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that the arguments name, those of the process when None; returns the exit code."""
    command = tyro.extras.subcommand_cli_from_dict(
        {
            "cache": Cache,
            "evaluate": Evaluate,
            "render": Render,
            "make-path": MakePath,
            "convert-path": ConvertPath,
            "synthesize": Synthesize,
            "unpack": Unpack,
            "export": Export,
            "import-released": ImportReleased,
        },
        args=arguments,
        prog="python -m im4d_core",
        description="Work with captures and trained runs. Training is `python train.py`, the viewer `python app.py`.",
    )
    verbose = os.environ.get("IM4D_VERBOSE") == "1"
    console.log_to_console(verbose)
    return console.run(lambda: _do(command), verbose=verbose)


def _do(command: Cache | Evaluate | Render | MakePath | ConvertPath | Synthesize | Unpack | Export | ImportReleased) -> int:
    for name, wrong in too_small(command):
        raise ValueError(f"--{name.replace('_', '-')} {wrong}")
    match command:
        case Cache():
            return _cache(command)
        case Evaluate():
            return _evaluate(command)
        case Render():
            return _render(command)
        case MakePath():
            print(make_path(command))
            return 0
        case ConvertPath():
            print(convert_path(command))
            return 0
        case Synthesize() | Unpack():
            with console.bar("pictures") as update:
                told = synthesize_capture(command, update) if isinstance(command, Synthesize) else unpack(command, update)
            print(told)
            return 0
        case Export():
            return _export(command)
        case ImportReleased():
            return _import_released(command)


def _cache(command: Cache) -> int:
    from im4d_core.checkpoint import RunFolder
    from im4d_core.preview import preview_picture, write_preview

    renderer = _opened(command.run, command.device)
    try:
        if renderer.occupancy_problem is None and not command.force:
            print(f"{command.run}: the occupancy of all {len(renderer.scene.frames)} frames is baked already (--force bakes again)")
        else:
            with console.bar("occupancy") as update:
                renderer.bake_occupancy(update)
            print(f"{command.run}: baked the occupancy of {len(renderer.scene.frames)} frames")
        preview = RunFolder(path=command.run).preview
        if not preview.is_file():  # training writes one; an imported run has none
            write_preview(preview_picture(renderer, "fast"), preview)
        return 0
    finally:
        renderer.close()


def _evaluate(command: Evaluate) -> int:
    from im4d_core.checkpoint import RunFolder
    from im4d_core.evaluation import evaluate, write_metrics
    from im4d_core.metrics import load_lpips

    renderer = _opened(command.run, command.device)
    try:
        lpips = load_lpips(command.lpips, renderer.device) if command.lpips else None
        output = command.output or RunFolder(path=command.run).metrics
        require_writable(output)
        frames = _frames(command.frames, renderer.scene.frames)
        views = _views(command.views, renderer)
        modes: tuple[Mode, ...] = ("full", "fast") if command.mode == "both" else (command.mode,)
        if set(modes) & {"fast", "exact"} and renderer.occupancy_problem is not None:
            raise ValueError(renderer.occupancy_problem)
        renderer.prepare()
        for mode in modes:
            with console.bar(f"{mode:4}") as update:
                sheet = output.with_name(f"{output.stem}_{mode}.png")
                evaluation = evaluate(renderer, mode, frames=frames, views=views, lpips=lpips, sheet=sheet, progress=update)
            assert evaluation is not None  # the bar never cancels
            write_metrics(output, evaluation)
            mean = evaluation.mean()
            perceptual = "" if mean["lpips"] is None else f"  LPIPS {mean['lpips']:.4f}"
            print(
                f"{mode:4}  PSNR {mean['psnr']:.2f} dB  SSIM {mean['ssim']:.4f} (data range 2: {mean['ssim_range2']:.4f}){perceptual}  "
                f"{mean['milliseconds_median']:.1f} ms  {len(evaluation.scores)} pictures  {output}"
            )
        return 0
    finally:
        renderer.close()


def _render(command: Render) -> int:
    from im4d_core.camera_path import SceneTiming
    from im4d_core.export import orbit_around
    from im4d_core.filming import film
    from im4d_core.path_files import load_path

    require_writable(command.output if SUFFIXES[command.format] else command.output / "picture")
    renderer = _opened(command.run, command.device)
    try:
        scene = renderer.scene
        path = load_path(command.path, scene.frames, told=print) if command.path is not None else orbit_around(scene)
        width, height = _size(command.size) if command.size else (scene.cameras[0].width, scene.cameras[0].height)
        settings = ExportSettings(
            width=width,
            height=height,
            fps=command.fps or scene.fps,
            mode=command.mode,
            format=command.format,
            quality=command.crf,
            chroma=command.chroma,
            transparent=command.transparent,
            depth=command.depth,
            background=command.background,
            crop=command.crop,
            clip=command.clip,
            rendering=command.rendering,
            start_s=command.start,
            stop_s=command.stop,
            file=str(command.output),
        )
        playing = _frames(command.frames, scene.frames)
        timing = SceneTiming(frames=scene.frames, fps=command.scene_fps or scene.fps, playing=playing, between=command.between)
        done = 0
        with console.bar("rendering") as update:
            for done, total in film(renderer, path, timing, settings):
                update(done, total)
        print(f"{command.output}: {done} pictures of {width}x{height}")
        return 0
    finally:
        renderer.close()


def _export(command: Export) -> int:
    from im4d_core.checkpoint import RunFolder
    from im4d_core.export import export_run

    renderer = _opened(command.run, "cpu")
    try:
        left = _views(command.without, renderer)
        with console.bar("source pictures") as update:

            def show(done: float) -> None:
                update(round(done * len(renderer.scene.frames)), len(renderer.scene.frames))

            export_run(RunFolder(path=command.run), renderer, command.folder, without=left, progress=show)
        print(f"{command.folder}: a scene that opens anywhere, with: python app.py {command.folder}")
        return 0
    finally:
        renderer.close()


def _import_released(command: ImportReleased) -> int:
    from im4d_core.data import open_scene
    from im4d_core.released import import_released

    data = DataConfig(
        path=str(command.data),
        boxes=str(command.boxes) if command.boxes is not None else "",
        frames=command.frames,
        background=command.background,
        resize=command.resize,
        crop=command.crop,
        pixel_centre="as-written",
    )
    import_released(command.weights, open_scene(data), data, command.output, source_views=command.source_views)
    print(f"{command.output}: released weights as a run; bake its occupancy with: python -m im4d_core cache {command.output}")
    return 0


def _opened(run: Path, device: str) -> SceneRenderer:
    from im4d_core.opened_run import open_run

    return open_run(run, device=device)


def _frames(selection: str, frames: tuple[int, ...]) -> tuple[int, ...]:
    """The frames of a scene that START:STOP:STEP names."""
    if not selection:
        return ()
    if not re.fullmatch(r"-?\d*:?(-?\d*)?(:\d*)?", selection):
        raise ValueError(f"--frames {selection}: expected START:STOP:STEP, such as 0:100:10")
    numbers = [int(part) if part else None for part in selection.split(":")]
    if len(numbers) == 1:
        chosen = tuple(frame for frame in frames if frame == numbers[0])
    else:
        start, stop, step = (*numbers, None, None)[:3]
        first, last = frames[0] if start is None else start, frames[-1] + 1 if stop is None else stop
        chosen = tuple(frame for frame in frames if first <= frame < last and (frame - first) % (step or 1) == 0)
    if not chosen:
        raise ValueError(f"--frames {selection}: names no frame; the scene has frames {frames[0]} to {frames[-1]}")
    return chosen


def _views(names: tuple[str, ...], renderer: SceneRenderer) -> tuple[int, ...]:
    index = {camera.name: view for view, camera in enumerate(renderer.scene.cameras)}
    unknown = [name for name in names if name not in index]
    if unknown:
        raise ValueError(f"--views {' '.join(unknown)}: no such camera; the scene has {', '.join(index)}")
    return tuple(index[name] for name in names)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if match is None:
        raise ValueError(f"--size {text}: expected WIDTHxHEIGHT in pixels, such as 1280x720")
    return int(match[1]), int(match[2])


if __name__ == "__main__":
    sys.exit(main())
