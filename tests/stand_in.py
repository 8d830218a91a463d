"""A renderer of an analytic scene with the interface of `SceneRenderer`: a moving sphere over coloured axes, on a dark floor pattern.

Delay, failure and lack of memory can be set, so that timing, cancelling and error messages are tested anywhere and fast.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from im4d_core.canvas import Begun
from im4d_core.config import FastConfig, RunConfig, SamplingConfig
from im4d_core.geometry import intrinsics, look_at
from im4d_core.render.occupancy import Occupancy
from im4d_core.tensors import Rendered, SourceView
from im4d_core.types import Camera, RenderMode, Scene, Sensor

if TYPE_CHECKING:
    from im4d_core.scene_renderer import SceneRenderer

_RADIUS = 0.35
_COLOURS = torch.tensor([[0.9, 0.25, 0.2], [0.3, 0.8, 0.3], [0.25, 0.45, 0.95], [0.95, 0.75, 0.3]])


def stand_in_scene(frames: int = 8, cameras: int = 6) -> Scene:
    """Cameras on a ring around a box of two metres, z up."""
    views = []
    for i in range(cameras):
        angle = 2 * np.pi * i / cameras
        centre = np.array([3.2 * np.cos(angle), 3.2 * np.sin(angle), 1.2])
        T = look_at(centre, np.zeros(3), np.array([0.0, 0.0, 1.0]))
        views.append(Camera(name=f"{i:02d}", K=intrinsics(160, 120, 45.0), T_camera_world=T, width=160, height=120))
    sensor = Sensor(K=views[0].K, distortion=np.zeros(5), width=160, height=120, resized_width=160, resized_height=120)
    box = np.array([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]])
    return Scene(
        name="stand-in",
        root=Path("."),
        cameras=tuple(views),
        sensors=(sensor,) * cameras,
        frames=tuple(range(10, 10 + frames)),
        image_pattern="{camera}/{frame}.jpg",
        mask_pattern=None,
        source_views=tuple(range(1, cameras)),
        train_views=tuple(range(1, cameras)),
        test_views=(0,),
        bounds=box,
        boxes=np.repeat(box[None], frames, axis=0),
        fps=10.0,
        up=np.array([0.0, 0.0, 1.0]),
    )


class StandIn:
    """Renders the analytic scene.

    Args:
        delay_s: how long a full picture takes, spread over its ten tiles; fast ones take a tenth.
        occupied: whether the fast mode works before `bake_occupancy`.
    """

    def __init__(self, *, delay_s: float = 0.0, occupied: bool = True) -> None:
        self.scene = stand_in_scene()
        self.config = RunConfig()
        self.device = torch.device("cpu")
        self.model_id = "stand-in"
        self.delay_s = delay_s
        self.failure: Exception | None = None
        """Raised by every render while set."""
        self.most_pixels: int | None = None
        """Larger pictures do not fit into memory."""
        self.occupied = occupied
        self.occupancy_problem: str | None = None
        self.rendered: list[tuple[int, str, int, int]] = []
        """Frame, mode, width and height of each complete picture."""
        self.asked: tuple[int | None, tuple[int, ...] | None, SamplingConfig, FastConfig] | None = None
        """Hidden view, source views and settings of the last render."""
        self.crop: np.ndarray | None = None
        self.clip: tuple[float, float] | None = None
        """Of the last render."""
        self.expected: tuple[int, ...] = ()
        self.prefetched: tuple[int, ...] = ()
        self.prefetched_views: tuple[int, ...] = ()
        self.made_ready: list[int] = []
        self.kernel_problem: str | None = None
        self.fallbacks: list[str] = []
        self.keeps_less = False
        self.prepared = False
        self.tiles = 0
        """A tenth of a picture each."""
        self.cancelled = 0
        self.closed = False
        self.loader = StandInLoader(self.scene)

    def render(
        self,
        camera: Camera,
        frame: int,
        mode: RenderMode,
        *,
        onward: float = 0.0,
        hidden: int | None = None,
        views: tuple[int, ...] | None = None,
        crop: np.ndarray | None = None,
        clip: tuple[float, float] | None = None,
        hurried: bool = False,
        progress: Callable[[float], bool] | None = None,
        unfinished: Callable[[Callable[[], tuple[Rendered, int]]], None] | None = None,
        begun: Begun | None = None,
    ) -> Rendered | None:
        if self.failure is not None:
            raise self.failure
        if self.most_pixels is not None and camera.width * camera.height > self.most_pixels:
            raise torch.OutOfMemoryError("stand-in out of memory")
        if mode == "fast" and not self.has_occupancy(frame):
            raise ValueError(f"frame {frame}: no occupancy was baked")
        self.crop, self.clip = crop, clip
        self.asked = (hidden, views, self.config.sampling, self.config.fast)
        takes_s = self.delay_s if mode == "full" else self.delay_s / 10
        rgb, opacity, depth = _cut(*_trace(camera, self.scene.frames.index(frame) + onward), clip)
        samples = (opacity * (12 if mode == "fast" else 96)).int()
        picture = Rendered(
            rgb=rgb, opacity=opacity, depth=depth, samples=samples, source_views=(1, 2), renderer="stand-in", milliseconds={mode: 1e3 * takes_s + 1.0}
        )
        for tile in range(0 if begun is None else begun.rays, 10):  # a ray a tile
            time.sleep(takes_s / 10)
            self.tiles += 1
            if progress is not None and not progress(tile / 10):
                self.cancelled += 1
                if begun is not None:
                    begun.rays = tile + 1
                return None
            if unfinished is not None and tile:
                done = camera.width * (camera.height * tile // 10)
                unfinished(lambda done=done: (_first(picture, done), done))
        self.rendered.append((frame, mode, camera.width, camera.height))
        return picture

    @contextmanager
    def tuned(self, sampling: SamplingConfig, fast: FastConfig) -> Iterator[None]:
        config = self.config
        self.config = replace(config, sampling=sampling, fast=fast)
        yield
        self.config = config

    def prepare(self) -> None:
        self.prepared = True

    def has_occupancy(self, frame: int) -> bool:
        return self.occupied and frame in self.scene.frames

    def occupancy(self, frame: int) -> Occupancy:
        """Cells of 0.1 m that the circling sphere reaches."""
        axis = torch.linspace(-0.95, 0.95, 20)
        points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)
        occupied = (points - _centres(self.scene.frames.index(frame))[3]).norm(dim=-1) < _RADIUS + 0.1
        return Occupancy(occupied=occupied, box=torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]))

    def is_ready(self, frame: int) -> bool:
        return any(rendered[0] == frame for rendered in self.rendered)

    def bake_occupancy(self, progress: Callable[[int, int], bool] | None = None) -> bool:
        total = len(self.scene.frames)
        for done in range(1, total + 1):
            time.sleep(self.delay_s)
            if progress is not None and not progress(done, total):
                return False
        self.occupied = True
        return True

    def decoded_frames(self) -> frozenset[int]:
        return frozenset(self.prefetched)

    def expect(self, frames: Sequence[int]) -> None:
        self.expected = tuple(frames)

    def prefetch(self, frames: Sequence[int], views: tuple[int, ...]) -> None:
        self.prefetched, self.prefetched_views = tuple(frames), views

    def make_ready(self, frames: Sequence[int], views: tuple[int, ...], mode: RenderMode, *, wanted: Callable[[], bool]) -> None:
        self.made_ready += [frame for frame in frames if wanted()]

    def memory(self) -> dict[str, int]:
        return {"sources": 1 << 20, "features": 1 << 22}

    def forget(self) -> None:
        pass

    def keep_less(self) -> bool:
        kept, self.keeps_less = not self.keeps_less, True
        return kept

    def close(self) -> None:
        self.closed = True


class StandInLoader:
    """The captured pictures: what the analytic scene looks like from each camera."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def get(self, frame: int, views: Sequence[int]) -> list[SourceView]:
        found = []
        for view in views:
            camera = self.scene.cameras[view]
            rgb, opacity, _ = _trace(camera, self.scene.frames.index(frame))
            found.append(SourceView(view=view, frame=frame, camera=camera, image=(rgb * 255 + 0.5).byte(), mask=(opacity * 255).byte()))
        return found


def as_renderer(stand_in: StandIn) -> SceneRenderer:
    """For the type checker, which cannot know that the interface is the same."""
    return cast("SceneRenderer", stand_in)


def _cut(rgb: torch.Tensor, opacity: torch.Tensor, depth: torch.Tensor, clip: tuple[float, float] | None) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Without surfaces that are too near or too far; what lies behind them is not found."""
    if clip is None:
        return rgb, opacity, depth
    kept = (depth >= clip[0]) & (depth <= clip[1])
    return rgb * kept[..., None], opacity * kept, depth * kept


def _first(picture: Rendered, pixels: int) -> Rendered:
    """The first pixels of a picture, black behind them."""
    done = (torch.arange(picture.opacity.numel()) < pixels).reshape(picture.opacity.shape)
    return replace(picture, rgb=picture.rgb * done[..., None], opacity=picture.opacity * done, depth=picture.depth * done, samples=picture.samples * done)


def _centres(index: float) -> torch.Tensor:
    turn = 2 * np.pi * index / 8
    return torch.tensor([[0.8, 0.0, 0.0], [0.0, 0.8, 0.0], [0.0, 0.0, 0.8], [0.5 * np.cos(turn), 0.5 * np.sin(turn), 0.0]], dtype=torch.float32)


def _trace(camera: Camera, index: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Colour, opacity and depth of spheres: one that circles, and one at the end of each axis."""
    v, u = torch.meshgrid(torch.arange(camera.height) + 0.5, torch.arange(camera.width) + 0.5, indexing="ij")
    K = torch.tensor(camera.K, dtype=torch.float32)
    directions = torch.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], torch.ones_like(u)], -1) @ torch.tensor(camera.R, dtype=torch.float32)
    origin = torch.tensor(camera.centre, dtype=torch.float32)
    centres = _centres(index)
    radii = torch.tensor([0.15, 0.15, 0.15, _RADIUS])
    rgb = torch.zeros(camera.height, camera.width, 3)
    opacity, depth = torch.zeros_like(u), torch.full_like(u, torch.inf)
    for centre, radius, colour in zip(centres, radii, _COLOURS):
        offset = origin - centre
        a = (directions**2).sum(-1)
        b = (directions * offset).sum(-1)
        root = b**2 - a * ((offset**2).sum() - radius**2)
        z = (-b - root.clamp(min=0).sqrt()) / a
        hit = (root > 0) & (z > 0) & (z < depth)
        normal = (offset + z[..., None] * directions) / radius
        shade = 0.35 + 0.65 * (normal @ torch.tensor([0.3, -0.5, 0.8])).clamp(min=0)
        rgb = torch.where(hit[..., None], colour * shade[..., None], rgb)
        depth, opacity = torch.where(hit, z, depth), torch.where(hit, 1.0, opacity)
    return rgb.clamp(0.0, 1.0), opacity, torch.where(torch.isinf(depth), torch.zeros_like(depth), depth)
