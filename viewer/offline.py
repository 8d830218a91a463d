"""What the viewer does without a window: one picture, a video of a camera path, and the report on what works on this machine."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from im4d_core.types import RenderMode, Scene
from im4d_core.whole_file import whole_file
from viewer.events import SceneOpened, SetFrame
from viewer.reduce import reduce
from viewer.request import RenderRequest, render_request
from viewer.state import Mode, ViewerState

if TYPE_CHECKING:
    from im4d_core.scene_renderer import SceneRenderer


def has_display() -> bool:
    """Whether there is anything to open a window on."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def find_view(scene: Scene, wanted: str) -> int:
    """The view of a camera given by its name, or by its number in the order of the scene.

    Raises:
        ValueError: there is none.
    """
    names = [camera.name for camera in scene.cameras]
    if wanted in names:
        return names.index(wanted)
    if wanted.isdigit() and int(wanted) < len(names):
        return int(wanted)
    raise ValueError(f"there is no camera {wanted!r}; the scene has {', '.join(names)}")


def find_frame(scene: Scene, wanted: int) -> int:
    """The index of a frame.

    Raises:
        ValueError: there is none.
    """
    if wanted not in scene.frames:
        raise ValueError(f"there is no frame {wanted}; the scene has {scene.frames[0]} to {scene.frames[-1]}")
    return scene.frames.index(wanted)


def parse_frames(text: str) -> tuple[int | None, int | None]:
    """The first frame that A:B means, and the one behind the last; None where it is left out.

    Raises:
        ValueError: it is not that.
    """
    match = re.fullmatch(r"(-?\d+)?:(-?\d+)?", text.strip())
    if match is None:
        raise ValueError(f"--frames {text}: expected A:B, two numbers of frames, such as 10:50; either may be left out")
    first, stop = (None if number is None else int(number) for number in match.groups())
    return first, stop


def find_range(scene: Scene, text: str) -> tuple[int, int]:
    """The indices of the first and the last frame that A:B means.

    Raises:
        ValueError: it is not that, or there is no such frame.
    """
    first, stop = parse_frames(text)
    found = [index for index, frame in enumerate(scene.frames) if (first is None or frame >= first) and (stop is None or frame < stop)]
    if not found:
        raise ValueError(f"--frames {text}: there is no such frame; the scene has {scene.frames[0]} to {scene.frames[-1]}")
    return found[0], found[-1]


def first_request(scene: Scene, *, camera: str | None, frame: int | None, width: int, height: int, mode: RenderMode) -> RenderRequest:
    """The picture that the window would show first, asked for by the same rules."""
    state = ViewerState(width=width, height=height)
    view = find_view(scene, camera) if camera is not None else None
    state = reduce(state, SceneOpened(scene=scene, source=scene.root, first_view=view))
    if frame is not None:
        state = reduce(state, SetFrame(index=find_frame(scene, frame)))
    request = render_request(replace(state, now_s=state.moved_s + 1.0), width, height)  # one second later nothing moves any more
    assert request is not None
    return replace(request, mode=mode)


def usable_mode(renderer: SceneRenderer, wanted: Mode | None) -> RenderMode:
    """The mode asked for, auto being full since nothing moves; fast where the scene has its occupancy and nothing was asked for."""
    if wanted is not None:
        return "full" if wanted == "auto" else wanted
    return "fast" if all(renderer.has_occupancy(frame) for frame in renderer.scene.frames) else "full"


def why_full(renderer: SceneRenderer, wanted: Mode | None) -> str:
    """Why the full renderer was taken though nobody asked for it, to follow its name; else nothing."""
    return f" ({renderer.occupancy_problem})" if wanted is None and renderer.occupancy_problem is not None else ""


def take_picture(renderer: SceneRenderer, request: RenderRequest, progress: Callable[[float], bool] | None = None) -> UInt8[np.ndarray, "h w 3"] | None:
    """Render a request to host memory, as the window shows it when the view is still; None where `progress` stopped it."""
    from viewer.colormap import display_pixels
    from viewer.renders import Renders

    rendered = Renders(renderer).complete(request, progress or (lambda _: True))
    if rendered is None:
        return None
    pixels = display_pixels(
        rendered,
        request.output,
        camera=request.camera,
        box=renderer.scene.box(request.frame),
        background=request.background,
        rendered_on=renderer.config.data.background,
        look=request.look,
    )
    return pixels[..., :3].cpu().numpy()


def save_png(pixels: UInt8[np.ndarray, "h w 3"], file: Path) -> None:
    """Write a picture; the file appears complete or not at all."""
    import imageio.v3 as imageio

    with whole_file(file) as temporary:
        temporary.write_bytes(imageio.imwrite("<bytes>", pixels, extension=".png"))


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report."""

    name: str
    text: str
    fine: bool = True
    """False only where something does not work that should."""


def examine(source: Path, *, device: str, interop: bool) -> Iterator[Finding]:
    """What works on this machine, one finding after the other: window, interop, CUDA, kernels, encoder, data."""
    if has_display():
        yield from _examine_window(interop)
    else:
        yield Finding(name="window", text="no display (DISPLAY is not set): pictures and videos are made without one")
    yield _examine_cuda(device)
    yield _examine_kernels(device)
    yield from _examine_encoders()
    yield _examine_data(source, device)


def _examine_window(interop: bool) -> Iterator[Finding]:
    try:
        from viewer.probe import probe_window

        renderer, sharing = probe_window(interop)
    except (ImportError, RuntimeError, OSError) as error:
        yield Finding(name="window", text=f"does not work: {error}", fine=False)
        return
    yield Finding(name="window", text=f"OpenGL {renderer}")
    yield Finding(name="interop", text=sharing)


def _examine_encoders() -> Iterator[Finding]:
    try:
        from im4d_core.video import probe_encoder
    except ImportError as error:
        yield Finding(name="encoder", text=str(error), fine=False)
        return
    reason = probe_encoder("h264")
    yield Finding(name="encoder", text=reason or "H.264 (libx264)", fine=reason is None)
    yield Finding(name="encoder", text="H.264 on the GPU (NVENC)" if probe_encoder("h264_nvenc") is None else "no H.264 on the GPU (NVENC), not needed")


def _examine_cuda(device: str) -> Finding:
    import torch

    from im4d_core.devices import why_no_cuda

    problem = why_no_cuda()
    if problem is None:
        names = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        return Finding(name="CUDA", text=f"{names}; torch {torch.__version__}, CUDA {torch.version.cuda}")
    threads = torch.get_num_threads()
    text = f"{problem}; rendering on the CPU, {threads} thread{'s' if threads > 1 else ''}"
    return Finding(name="CUDA", text=text, fine=not device.startswith("cuda"))


def _examine_kernels(device: str) -> Finding:
    """Pictures are made without kernels as well, only more slowly: nothing here is an error."""
    import torch

    from im4d_core.kernels import cpu, nvrtc

    if torch.cuda.is_available() and device != "cpu":
        index = torch.device(device if device.startswith("cuda") else "cuda").index or 0
        problem = nvrtc.problem(index)
        major, minor = torch.cuda.get_device_capability(index)
        return Finding(name="kernels", text=f"CUDA, compiled for sm_{major}{minor}" if problem is None else f"PyTorch renders instead: {problem}")
    compiled = cpu.prepare()
    return Finding(name="kernels", text="compiled by numba" if compiled else "PyTorch renders instead: numba is missing, or does not work here")


def _examine_data(source: Path, device: str) -> Finding:
    from im4d_core.console import FAILURES
    from im4d_core.opened_run import open_run

    try:
        renderer = open_run(source, device=device)
    except FAILURES as error:
        return Finding(name="data", text=f"{source}: {error}", fine=False)
    try:
        scene = renderer.scene
        small = first_request(scene, camera=None, frame=None, width=64, height=64, mode=usable_mode(renderer, None))
        take_picture(renderer, small)
        baked = sum(renderer.has_occupancy(frame) for frame in scene.frames)
        size = f"{len(scene.cameras)} cameras, {len(scene.frames)} frames, occupancy of {baked}"
        return Finding(name="data", text=f"{source}: {size}; a picture was rendered with the {small.mode} renderer")
    except FAILURES as error:
        return Finding(name="data", text=f"{source}: opens, but does not render: {error}", fine=False)
    finally:
        renderer.close()
