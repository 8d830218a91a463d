"""Opens a dynamic scene in a window to fly through.

    python app.py            the demo
    python app.py RUN        a trained run or an exported scene

Without a display it renders a camera path to a video instead. Nothing heavy is imported before the window is there.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from im4d_core import console
from im4d_core.missing_run import missing_run
from im4d_core.whole_file import require_writable
from viewer.preferences import UI_RANGE, Preset
from viewer.settings import settings_folder

DEMO = Path(__file__).resolve().parent / "assets" / "demo"
_LARGEST = 16384  # pixels; no OpenGL texture is larger


@dataclass(frozen=True, kw_only=True)
class Options:
    """Open a trained run or an exported scene in a window; the demo when no folder is given.

    Without a display the scene's camera path is rendered to an mp4 in the output folder.
    """

    run: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[RUN]", help_behavior_hint="(default: the demo)")] = None
    """Folder of a run or of an exported scene."""
    frame: Annotated[int | None, tyro.conf.arg(metavar="N", help_behavior_hint="(default: the first)")] = None
    """Frame to start at, as the capture numbers it."""
    camera: Annotated[str | None, tyro.conf.arg(metavar="NAME", help_behavior_hint="(default: the whole scene is framed)")] = None
    """Camera of the capture to look through first, by name or number."""
    path: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="(default: RUN/path.json if there is one)")] = None
    """Camera path to load: saved by the viewer, or one of nerfstudio, EasyMocap, instant-ngp or COLMAP."""
    mode: Annotated[Literal["fast", "exact", "full", "auto"] | None, tyro.conf.arg(metavar="fast|exact|full|auto", help_behavior_hint="(default: auto)")] = None
    """Renderer to start with; auto is fast while anything moves and full when the view is still. Without a window the default is fast."""
    size: Annotated[str | None, tyro.conf.arg(metavar="WIDTHxHEIGHT", help_behavior_hint="(default: as last time)")] = None
    """Size of the window, screenshot or video."""
    frames: Annotated[str | None, tyro.conf.arg(metavar="A:B", help_behavior_hint="(default: as the scene was left)")] = None
    """Frames that play, A to the one before B, as the capture numbers them; either may be left out."""
    play: bool = False
    """Play as soon as the scene is open."""
    scale: Annotated[float | None, tyro.conf.arg(metavar="SHARE", help_behavior_hint="(default: as the scene was left)")] = None
    """Size of pictures over that of the window, 0.2 to 1, in place of one that follows the speed."""
    target_fps: Annotated[float | None, tyro.conf.arg(metavar="RATE", help_behavior_hint="(default: as the scene was left)")] = None
    """Pictures per second that the automatic scale is to meet."""
    device: Annotated[str, tyro.conf.arg(metavar="auto|cpu|cuda|cuda:N")] = "auto"
    """Where to render; auto is the GPU that draws the window, or the CPU where none can be used."""
    vsync: bool = False
    """Frames wait for the display. This and the next three are preferences: they are remembered as if chosen in the window."""
    no_vsync: bool = False
    """Frames do not wait for the display; the rate is still capped (Display panel)."""
    ui_scale: Annotated[float | None, tyro.conf.arg(metavar="FACTOR", help_behavior_hint="(default: as last time)")] = None
    """Size of text and widgets, 0.6 to 3 times what the screen asks for."""
    control_preset: Annotated[Preset | None, tyro.conf.arg(metavar="default|easyvolcap|web", help_behavior_hint="(default: as last time)")] = None
    """Keys and mouse as in another viewer."""
    no_interop: bool = False
    """Upload pictures through host memory, although CUDA and OpenGL could share them on the GPU."""
    screenshot: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")] = None
    """Render one picture to this PNG file and exit; needs no display."""
    check: bool = False
    """Say what works on this machine (OpenGL, CUDA, interop, encoder, data) and exit, with 1 if something that should work does not."""
    output: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="(default: as chosen in the window, first Im4D in your pictures)")] = None
    """Folder for screenshots, videos and paths; a video made without a display goes to ./output by default."""
    fresh: bool = False
    """Do not go back to where this scene was left."""
    control: bool = False
    """Let programs of yours steer the window (viewer.remote), through a port of this machine only and with a token."""
    plugin: tyro.conf.UseAppendAction[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FILE", help_behavior_hint="(repeatable)")]] = ()
    """Python file with a panel of your own; those in the folder plugins of your configuration are loaded too."""
    reset_settings: bool = False
    """Forget the window's size, the arrangement of its panels, preferences, keys and where scenes were left."""
    verbose: bool = False
    """Log everything, with tracebacks."""


def main() -> int:
    """Parse the command line and run; returns the exit code."""
    options = tyro.cli(Options, prog="app.py", config=(tyro.conf.FlagCreatePairsOff,))
    console.log_to_console(options.verbose)
    return console.run(lambda: start(options), verbose=options.verbose)


def start(options: Options) -> int:
    """Do what the options say."""
    from viewer.offline import has_display

    size = parse_size(options.size) if options.size is not None else None
    _require_sense(options)
    source = options.run if options.run is not None else DEMO
    if options.check:
        return report(source, options)
    if not (source / "config.json").is_file():
        if source != DEMO:
            raise missing_run(source)
        raise FileNotFoundError(f"{source / 'config.json'}: no such file; the demo is missing from this copy; name a run")
    if options.screenshot is not None:
        return screenshot(source, options, options.screenshot, size)
    if not has_display():
        print("No display: rendering the camera path to a video instead of opening a window.")
        return video(source, options, size)
    return window(source, options, size)


def window(source: Path, options: Options, size: tuple[int, int] | None) -> int:
    """Open the window; a video where the display turns out not to work."""
    try:
        from viewer.plugins import in_folder
        from viewer.remote import control_file
        from viewer.session import Session
        from viewer.start import Start
        from viewer.window import NoDisplayError
    except ImportError as error:  # imgui-bundle and OpenGL need libraries of the system
        print(f"No window (a library of the system is missing: {error}): rendering the camera path to a video instead.")
        return video(source, options, size)
    missing = next((file for file in options.plugin if not file.is_file()), None)
    if missing is not None:
        raise FileNotFoundError(f"{missing}: no such file; --plugin names a Python file with a panel")
    settings = settings_folder()
    if options.reset_settings:
        for file in (settings / "settings.json", settings / "layout.ini", *(settings / "places").glob("*.json")):
            file.unlink(missing_ok=True)
    begin = Start(
        source=source,
        frame=options.frame,
        camera=options.camera,
        path=options.path,
        mode=options.mode,
        size=size,
        frames=options.frames,
        play=options.play,
        scale=options.scale,
        target_fps=options.target_fps,
        vsync=options.vsync if options.vsync or options.no_vsync else None,
        ui_scale=options.ui_scale,
        preset=options.control_preset,
        device=options.device,
        interop=not options.no_interop,
        output=options.output,
        settings=settings,
        fresh=options.fresh,
        control=control_file() if options.control else None,
        plugins=(*in_folder(settings), *options.plugin),
    )
    if options.control:
        print(f"Programs steer this window with viewer.remote; how it is reached stands in {control_file()}")
    try:
        Session(begin).run()
    except NoDisplayError as error:
        print(f"No window ({error}): rendering the camera path to a video instead.")
        return video(source, options, size)
    return 0


def screenshot(source: Path, options: Options, file: Path, size: tuple[int, int] | None) -> int:
    """Render the picture that the window would show first."""
    from im4d_core.opened_run import open_run
    from viewer.offline import first_request, save_png, take_picture, usable_mode, why_full

    require_writable(file)
    renderer = open_run(source, device=options.device)
    try:
        width, height = size or (renderer.scene.cameras[0].width, renderer.scene.cameras[0].height)
        mode = usable_mode(renderer, options.mode)
        request = first_request(renderer.scene, camera=options.camera, frame=options.frame, width=width, height=height, mode=mode)
        with console.bar("rendering") as update:
            picture = take_picture(renderer, request, lambda fraction: update(round(100 * fraction), 100))
            update(100, 100)
        assert picture is not None  # the bar never cancels
        save_png(picture, file)
    finally:
        renderer.close()
    print(f"{file}: frame {request.frame}, {width}x{height}, {mode} renderer{why_full(renderer, options.mode)}")
    return 0


def video(source: Path, options: Options, size: tuple[int, int] | None) -> int:
    """Render a camera path, the scene's own or one turn around it, to an mp4."""
    from im4d_core.camera_path import SceneTiming
    from im4d_core.export import orbit_around
    from im4d_core.export_settings import ExportSettings
    from im4d_core.filming import film
    from im4d_core.opened_run import open_run
    from im4d_core.path_files import load_path
    from viewer.offline import find_range, usable_mode, why_full

    renderer = open_run(source, device=options.device)
    try:
        scene = renderer.scene
        first, last = find_range(scene, options.frames or ":")
        stored = options.path or (source / "path.json" if (source / "path.json").is_file() else None)
        path = load_path(stored, scene.frames) if stored is not None else orbit_around(scene)
        width, height = size or (scene.cameras[0].width, scene.cameras[0].height)
        target = (options.output or Path("output")) / f"{source.resolve().name}.mp4"
        require_writable(target)
        mode = usable_mode(renderer, options.mode)
        settings = ExportSettings(width=width, height=height, fps=scene.fps, mode=mode, file=str(target))
        timing = SceneTiming(frames=scene.frames, fps=scene.fps, playing=scene.frames[first : last + 1] if options.frames else ())
        count = 0
        with console.bar("rendering") as update:
            for count, total in film(renderer, path, timing, settings):
                update(count, total)
    finally:
        renderer.close()
    print(f"{target}: {count} pictures of {width}x{height}, {mode} renderer{why_full(renderer, options.mode)}")
    return 0


def report(source: Path, options: Options) -> int:
    """Print what works on this machine."""
    from viewer.offline import examine

    fine = True
    for finding in examine(source, device=options.device, interop=not options.no_interop):
        print(f"{'ok    ' if finding.fine else 'FAILED'}  {finding.name:8} {finding.text}", flush=True)
        fine = fine and finding.fine
    return 0 if fine else 1


def _require_sense(options: Options) -> None:
    """Refuse at once what could only be found out when torch is loaded, or the scene is open.

    Raises:
        ValueError: naming the option, what was expected and what was found.
    """
    from viewer.offline import parse_frames
    from viewer.state import SCALES, TARGETS

    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", options.device):
        raise ValueError(f"--device {options.device}: not a device; expected auto, cpu, cuda or cuda:N")
    if options.frames is not None:
        parse_frames(options.frames)
    if options.vsync and options.no_vsync:
        raise ValueError("--vsync and --no-vsync: choose one of them")
    limited = (("scale", options.scale, SCALES), ("target-fps", options.target_fps, TARGETS), ("ui-scale", options.ui_scale, UI_RANGE))
    for name, value, (least, greatest) in limited:
        if value is not None and not least <= value <= greatest:
            raise ValueError(f"--{name} {value:g}: expected {least:g} to {greatest:g}")


def parse_size(text: str) -> tuple[int, int]:
    """WIDTHxHEIGHT as two numbers.

    Raises:
        ValueError: it is not that, or absurd.
    """
    match = re.fullmatch(r"(\d+)[xX×](\d+)", text.strip())
    if match is None or not all(1 <= int(part) <= _LARGEST for part in match.groups()):
        raise ValueError(f"--size {text}: expected WIDTHxHEIGHT in pixels, such as 1280x720, each up to {_LARGEST}")
    return int(match[1]), int(match[2])


if __name__ == "__main__":
    sys.exit(main())
