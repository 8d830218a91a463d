"""Commands about camera paths: make one by rule, convert one between programs. Used by `python -m im4d_core`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from im4d_core.camera_path import CameraPath, SceneTiming
from im4d_core.geometry import box_union, horizontal_axes
from im4d_core.path_files import ForeignWorlds, NgpWorld, PathForm, PathView, export_path, load_path, read_nerfstudio_world, save_path
from im4d_core.path_generators import arc, orbit, round_cameras, spiral, through_cameras
from im4d_core.types import Scene

Kind = Literal["orbit", "arc", "spiral", "cameras", "round-cameras"]


@dataclass(frozen=True, kw_only=True)
class MakePath:
    """Make a camera path around a scene, or through its cameras, and write it to a file."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN", help="Folder of a trained run or an exported scene.")]
    output: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FILE", help="The path to write.")]
    kind: Kind = "orbit"
    """A circle, an arc there and back, a spiral, from camera to camera as they are numbered, or around them as they stand."""
    duration: float = 8.0
    """Seconds that the whole takes."""
    radius: float = 0.0
    """Distance from the middle of the scene; that of its cameras, on average, when 0."""
    pitch: float = 15.0
    """Degrees that the camera looks down."""
    start: float = 0.0
    """Degrees at which it begins; 0 is in front of the first camera."""
    turns: float = 1.0
    """Of an orbit or a spiral; negative turns the other way."""
    sweep: float = 90.0
    """Degrees of an arc."""
    end_radius: float = 0.5
    """Of a spiral, over the radius it begins with."""
    end_pitch: float = 40.0
    """Of a spiral, in degrees."""
    fov: float = 40.0
    """Vertical field of view in degrees."""


@dataclass(frozen=True, kw_only=True)
class ConvertPath:
    """Read a camera path of any known program and write it for another."""

    source: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="IN", help="A path file, or a folder of EasyMocap, COLMAP or Bundler cameras.")]
    target: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="OUT", help="The file, or the folder of EasyMocap cameras.")]
    to: PathForm = "im4d"
    run: Path | None = None
    """The run or exported scene the path is for; scene time needs it, where the file or the other program counts it from 0 to 1."""
    size: str = "1280x720"
    """WIDTHxHEIGHT of the pictures."""
    fps: float = 30.0
    """Pictures per second, where each picture is written."""
    nerfstudio_transforms: Path | None = None
    """dataparser_transforms.json of nerfstudio's run, for paths from nerfstudio and for it; the one beside the path otherwise."""
    ngp_scale: float | None = None
    """instant-ngp's scale of the scene; otherwise what transforms.json beside the path says, or 0.33."""
    ngp_offset: tuple[float, float, float] | None = None
    """instant-ngp's offset of the scene; otherwise what transforms.json beside the path says, or 0.5."""


def make_path(command: MakePath) -> str:
    """Makes the file; returns what to tell."""
    path = made_path(_scene(command.run), command)
    save_path(path, command.output)
    return f"{command.output}: {len(path.keys)} keys, {path.duration_s:g} s; film it with: python -m im4d_core render {command.run} --path {command.output}"


def made_path(scene: Scene, command: MakePath) -> CameraPath:
    """The path that a command asks for.

    Raises:
        ValueError: its numbers make no path.
    """
    up_x, up_y, up_z = scene.up.tolist()
    up = (up_x, up_y, up_z)
    if command.kind in ("cameras", "round-cameras"):
        count = max(len(scene.cameras) - (1 if command.kind == "cameras" else 0), 1)
        seconds = command.duration / count
        return through_cameras(scene.cameras, seconds) if command.kind == "cameras" else round_cameras(scene.cameras, up, seconds)
    box = box_union(scene.boxes)
    x, y, z = ((box[0] + box[1]) / 2).tolist()
    offsets = np.stack([camera.centre for camera in scene.cameras]) - (x, y, z)
    radius = command.radius or float(np.linalg.norm(offsets, axis=1).mean())
    east, north = horizontal_axes(scene.up / np.linalg.norm(scene.up))
    start = command.start + float(np.degrees(np.arctan2(offsets[0] @ north, offsets[0] @ east)))
    if command.kind == "arc":
        return arc(
            centre=(x, y, z),
            radius=radius,
            up=up,
            pitch_deg=command.pitch,
            start_deg=start,
            sweep_deg=command.sweep,
            duration_s=command.duration,
            fov_y_deg=command.fov,
        )
    if command.kind == "spiral":
        return spiral(
            centre=(x, y, z),
            radius=radius,
            end_radius=radius * command.end_radius,
            up=up,
            pitch_deg=command.pitch,
            end_pitch_deg=command.end_pitch,
            start_deg=start,
            turns=command.turns,
            duration_s=command.duration,
            fov_y_deg=command.fov,
        )
    return orbit(
        centre=(x, y, z),
        radius=radius,
        up=up,
        pitch_deg=command.pitch,
        start_deg=start,
        turns=command.turns,
        duration_s=command.duration,
        fov_y_deg=command.fov,
    )


def convert_path(command: ConvertPath) -> str:
    """Writes the file or folder; returns what to tell."""
    scene = _scene(command.run) if command.run is not None else None
    match = re.fullmatch(r"(\d+)x(\d+)", command.size)
    if match is None or not command.fps > 0.0:
        raise ValueError(f"--size {command.size} --fps {command.fps:g}: expected WIDTHxHEIGHT, such as 1280x720, and a positive rate")
    timing = SceneTiming(frames=(0,), fps=command.fps) if scene is None else SceneTiming(frames=scene.frames, fps=scene.fps)
    bounds = np.array([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]) if scene is None else scene.bounds
    worlds, notes = _worlds(command), list[str]()
    path = load_path(command.source, None if scene is None else scene.frames, worlds, told=notes.append)
    view = PathView(width=int(match[1]), height=int(match[2]), fps=command.fps, timing=timing, bounds=bounds)
    export_path(path, command.target, command.to, view, worlds, told=notes.append)
    return "\n".join([f"{command.target}: {len(path.keys)} keys, {path.duration_s:g} s, for {command.to}", *notes])


def _worlds(command: ConvertPath) -> ForeignWorlds:
    transforms, usual = command.nerfstudio_transforms, NgpWorld()
    scale, offset = command.ngp_scale, command.ngp_offset
    if scale is not None and not scale > 0.0:
        raise ValueError(f"--ngp-scale {scale:g}: expected a positive number")
    said = scale is not None or offset is not None
    return ForeignWorlds(
        nerfstudio=None if transforms is None else read_nerfstudio_world(transforms),
        instant_ngp=NgpWorld(scale=scale or usual.scale, offset=offset or usual.offset) if said else None,
    )


def _scene(run: Path) -> Scene:
    from im4d_core.checkpoint import RunFolder
    from im4d_core.config import load_config
    from im4d_core.data import open_scene
    from im4d_core.missing_run import missing_run

    folder = RunFolder(path=run)
    if not folder.config.is_file():
        raise missing_run(run)
    return open_scene(folder.data(load_config(folder.config)))
