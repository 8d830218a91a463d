"""The one door to rendering: a scene, its source frames, a model and the renderers behind `render(camera, frame, mode)`. Owns the caches.

Work falls into three clocks, and each cache belongs to one: per model (weights), per time step (source frames, features, occupancy, baked
density), per view (rays, samples, shading: nothing is kept).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Generic, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor

from im4d_core.checkpoint import RunFolder, load_weights, weights_digest
from im4d_core.config import FastConfig, RunConfig, SamplingConfig, load_config
from im4d_core.data import open_scene
from im4d_core.data.frames import FrameLoader
from im4d_core.devices import chosen_device
from im4d_core.methods import build_method
from im4d_core.methods.base import Method
from im4d_core.methods.source_views import choose_views, stack_context
from im4d_core.render import fast, full
from im4d_core.render.bricks import Bricks, bake_bricks, choose_refine
from im4d_core.render.occupancy import Occupancy, OccupancyFile, bake_frame, write_occupancy
from im4d_core.render.rays import all_pixels, box_crossing, camera_rays
from im4d_core.tensors import Context, Features, Rays, Rendered, Traced
from im4d_core.types import Camera, Scene

Mode = Literal["fast", "full"]
_FAST_RAYS = 1 << 18
"""Rays marched at once by the fast renderer on a GPU."""
_CPU_RAYS: dict[Mode, int] = {"fast": 1 << 10, "full": 1 << 7}
"""On a CPU a tile takes 5 to 10 ms, so that a picture stops at once when it is no longer wanted. Larger ones are not faster. The sizes are fixed, not
timed: where tiles are cut changes the last bit of a colour now and then, and equal requests must give equal pictures."""

Key = TypeVar("Key")
Value = TypeVar("Value")


class SceneRenderer:
    """Renders any camera at any frame of a scene. One thread at a time may use it."""

    def __init__(
        self,
        scene: Scene,
        method: Method,
        loader: FrameLoader,
        config: RunConfig,
        *,
        device: torch.device,
        model_id: str = "",
        occupancy_path: Path | None = None,
        feature_bytes: int = 2 << 30,
    ) -> None:
        """Args:
        model_id: digest of the weights, which an occupancy file must carry.
        occupancy_path: where the occupancy is, or will be baked to; None keeps baked grids in memory only.
        feature_bytes: budget of the feature cache.
        """
        self.scene, self.method, self.loader, self.config, self.device = scene, method, loader, config, device
        self.model_id = model_id
        self._occupancy_path = occupancy_path
        self._features: _Cache[tuple[int, int], Features] = _Cache(feature_bytes, lambda f: f.texels.nbytes)
        self._contexts: _Cache[tuple[int, tuple[int, ...]], Context] = _Cache(feature_bytes // 4, lambda c: c.texels.nbytes)
        self._grids: _Cache[int, Occupancy] = _Cache(256 << 20, lambda g: g.bytes)
        self._bricks: _Cache[int, Bricks] = _Cache(512 << 20, lambda b: b.bytes)
        self._file: OccupancyFile | None = None
        self.occupancy_problem: str | None = None
        """Why there is no occupancy file in use, in words for the user."""
        self._open_occupancy()

    def render(
        self,
        camera: Camera,
        frame: int,
        mode: Mode,
        *,
        hidden: int | None = None,
        views: tuple[int, ...] | None = None,
        progress: Callable[[float], bool] | None = None,
        unfinished: Callable[[Callable[[], tuple[Rendered, int]]], None] | None = None,
    ) -> Rendered | None:
        """Renders one picture.

        Args:
            hidden: a view that must not be coloured from, such as the one the picture is compared with.
            views: the source views; the nearest when None.
            progress: called between tiles with the fraction done; returns False to cancel.
            unfinished: called between tiles with a function that gives the picture so far and how many pixels, row by row, are done.

        Returns:
            The picture, or None where it was cancelled.

        Raises:
            ValueError: the scene has no such frame, or the fast mode lacks the frame's occupancy.
        """
        clock = _Clock(self.device)
        with torch.inference_mode():
            box = self.scene.box(frame)
            occupancy = self.occupancy(frame) if mode == "fast" else None
            if views is None:
                views = choose_views(self.scene, camera, self.config.views, hidden)
            clock.mark("occupancy")
            context = self._context(frame, views, clock)
            pixels = all_pixels(camera, self.device)
            rays = self._rays(camera, pixels, frame, box, occupancy)
            hit = (rays.far[0] > rays.near[0]).nonzero().squeeze(-1)
            tiles = hit.split(self._tile(mode)) if len(hit) else ()
            background = torch.tensor(self.config.data.background, device=self.device)
            rgb = background.expand(len(pixels), 3).clone()
            opacity, depth = torch.zeros(len(pixels), device=self.device), torch.zeros(len(pixels), device=self.device)
            samples = torch.zeros(len(pixels), dtype=torch.int32, device=self.device)
            clock.mark("rays")

            def picture(milliseconds: dict[str, float]) -> Rendered:
                shape = (camera.height, camera.width)
                return Rendered(
                    rgb=rgb.clamp(0.0, 1.0).reshape(*shape, 3),
                    opacity=opacity.reshape(shape),
                    depth=depth.reshape(shape),
                    samples=samples.reshape(shape),
                    source_views=views,
                    milliseconds=milliseconds,
                )

            done = 0
            for tile in tiles:
                if progress is not None and not progress(done / len(hit)):
                    return None
                if unfinished is not None and done:
                    unfinished(lambda first=tile: (picture({}), int(first[0])))
                traced = self._trace(_subset(rays, tile), context, frame, occupancy, background)
                rgb[tile], opacity[tile], depth[tile], samples[tile] = traced.rgb[0], traced.opacity[0], traced.depth[0], traced.samples[0]
                done += len(tile)
            clock.mark(mode)
            return picture(clock.milliseconds())

    def _tile(self, mode: Mode) -> int:
        """Rays traced between two looks at whether the picture is still wanted."""
        most = _FAST_RAYS if mode == "fast" else self.config.sampling.chunk
        return most if self.device.type == "cuda" else min(most, _CPU_RAYS[mode])

    @contextmanager
    def tuned(self, sampling: SamplingConfig, fast: FastConfig) -> Iterator[None]:
        """Renders with other samples and thresholds than the run's meanwhile. What is cached depends on neither."""
        config = self.config
        self.config = replace(config, sampling=sampling, fast=fast)
        try:
            yield
        finally:
            self.config = config

    def has_occupancy(self, frame: int) -> bool:
        """Whether the fast mode can render a frame."""
        return frame in self._grids or (self._file is not None and frame in self._file.frames)

    def occupancy(self, frame: int) -> Occupancy:
        """The occupancy grid of a frame.

        Raises:
            ValueError: it was not baked.
        """
        grid = self._grids.get(frame)
        if grid is None:
            if self._file is None:
                raise ValueError(self.occupancy_problem or f"frame {frame}: no occupancy was baked; build it in the viewer, or render in full mode")
            grid = self._file.load(frame, self.device)
            self._grids.put(frame, grid)
        return grid

    def use_occupancy(self, frame: int, grid: Occupancy) -> None:
        """Renders a frame with a grid that is not on disk, for as long as it stays in the cache."""
        self._grids.put(frame, grid)
        self._bricks.drop(frame)

    def bake_occupancy(self, progress: Callable[[int, int], bool] | None = None) -> bool:
        """Bakes the occupancy of every frame of the scene, on disk where the renderer has a place for it.

        Args:
            progress: called with (frames done, frames) after each; returns False to cancel.

        Returns:
            False where it was cancelled.
        """
        frames = self.scene.frames

        def grids():
            for frame in frames:
                yield frame, bake_frame(self.method, self.config.method.times.time(frame), self.scene.box(frame), self.config.occupancy, self.device)

        if self._occupancy_path is None:
            for done, (frame, grid) in enumerate(grids(), start=1):
                self._grids.put(frame, grid)
                if progress is not None and not progress(done, len(frames)):
                    return False
            return True
        if not write_occupancy(self._occupancy_path, self.model_id, grids(), len(frames), progress):
            return False
        self._grids.clear()
        self._bricks.clear()
        self._open_occupancy()
        return True

    def is_ready(self, frame: int) -> bool:
        """Whether source features of a frame are on the device, so that showing it decodes and encodes nothing for some camera."""
        return any(kept == frame for kept, _ in self._contexts)

    def prefetch(self, frames: Sequence[int], camera: Camera) -> None:
        """Asks for the source pictures that a camera will need at coming frames; returns at once."""
        self.loader.prefetch(frames, choose_views(self.scene, camera, self.config.views))

    def memory(self) -> dict[str, int]:
        """Bytes held, by what holds them."""
        held = {
            "sources": self.loader.cached_bytes,
            "features": self._features.bytes + self._contexts.bytes,
            "occupancy": self._grids.bytes + self._bricks.bytes,
        }
        if self.device.type == "cuda":
            held["gpu"] = torch.cuda.memory_allocated(self.device)
        return held

    def forget(self) -> None:
        """Drops every cache, after a failure for lack of memory."""
        for cache in (self._features, self._contexts, self._grids, self._bricks):
            cache.clear()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def close(self) -> None:
        """Stops the loader's threads and drops the caches."""
        self.loader.close()
        self.forget()

    def _open_occupancy(self) -> None:
        self._file, self.occupancy_problem = None, None
        if self._occupancy_path is None:
            return
        try:
            self._file = OccupancyFile(self._occupancy_path, self.model_id)
        except (FileNotFoundError, ValueError) as error:
            self.occupancy_problem = str(error)

    def _context(self, frame: int, views: tuple[int, ...], clock: _Clock) -> Context:
        if self.config.method.joint_canvas:  # the release's features depend on the set of views: nothing to keep
            sources = self.loader.get(frame, views)
            clock.mark("sources")
            context = stack_context([self.method.encode(sources)])
            clock.mark("features")
            return context
        context = self._contexts.get((frame, views))
        if context is not None:
            return context
        known = {view: features for view in views if (features := self._features.get((frame, view))) is not None}
        missing = [view for view in views if view not in known]
        sources = self.loader.get(frame, missing) if missing else []
        clock.mark("sources")
        for features in self.method.encode(sources) if sources else []:
            known[features.view] = features
            self._features.put((frame, features.view), features)
        context = stack_context([[known[view] for view in views]])
        self._contexts.put((frame, views), context)
        clock.mark("features")
        return context

    def _rays(self, camera: Camera, pixels: Tensor, frame: int, box: np.ndarray, occupancy: Occupancy | None) -> Rays:
        """Rays of all pixels; near >= far where a ray misses the frame's box."""
        offset, slab = self.config.method.pixel_offset, self.config.sampling.slab and occupancy is None
        times = [self.config.method.times.time(frame)]
        rays = camera_rays([camera], pixels[None], box[None], times, pixel_offset=offset, slab=slab)
        if not slab:
            return rays
        near, far = box_crossing(rays.origins, rays.directions, torch.as_tensor(box, dtype=torch.float32, device=self.device)[None])
        return Rays(origins=rays.origins, directions=rays.directions, near=rays.near, far=torch.where(far > near, rays.far, rays.near), time=rays.time)

    def _trace(self, rays: Rays, context: Context, frame: int, occupancy: Occupancy | None, background: Tensor) -> Traced:
        if occupancy is None:
            return full.trace(self.method, rays, context, self.config.sampling, background=background).traced
        bricks = self._baked(frame, occupancy) if self._bakes else None
        return fast.trace(self.method, rays, context, occupancy, self.config.fast, background=background, bricks=bricks)

    @property
    def _bakes(self) -> bool:
        density = self.config.fast.density
        return density == "baked" or (density == "auto" and self.device.type == "cpu")

    def _baked(self, frame: int, occupancy: Occupancy) -> Bricks:
        bricks = self._bricks.get(frame)
        if bricks is None:
            refine = choose_refine(occupancy, self.config.method, self.config.fast)
            bricks = bake_bricks(self.method, self.config.method.times.time(frame), occupancy, refine, self.config.fast.chunk)
            self._bricks.put(frame, bricks)
        return bricks


def open_run(path: Path, *, device: str = "auto") -> SceneRenderer:
    """Opens a trained run or an exported scene for rendering.

    Args:
        device: a torch device, or "auto" for the first CUDA device and the CPU where there is none.

    Raises:
        FileNotFoundError: a file of the run, or the capture it was trained on, is missing.
        ValueError: a file is damaged or of another model.
        RuntimeError: the device does not exist.
    """
    run = RunFolder(path=path)
    if not run.config.is_file():
        raise FileNotFoundError(f"{run.config}: no such file; expected the folder of a run (made by train.py) or an exported scene")
    config = load_config(run.config)
    chosen = chosen_device(device)
    scene = open_scene(run.data(config))
    method = build_method(config.method)
    load_weights(method, run.weights)
    method.to(chosen).eval()
    loader = FrameLoader(scene, config.data)
    return SceneRenderer(scene, method, loader, config, device=chosen, model_id=weights_digest(run.weights), occupancy_path=run.occupancy)


def _subset(rays: Rays, index: Tensor) -> Rays:
    return Rays(
        origins=rays.origins[:, index],
        directions=rays.directions[:, index],
        near=rays.near[:, index],
        far=rays.far[:, index],
        time=rays.time,
    )


class _Cache(Generic[Key, Value]):
    """Values by key within a byte budget; the least recently used go first, the newest always stays."""

    def __init__(self, budget: int, size: Callable[[Value], int]) -> None:
        self._budget, self._size = budget, size
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self.bytes = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[Key]:
        return iter(self._values)

    def __getitem__(self, key: Key) -> Value:
        self._values.move_to_end(key)
        return self._values[key]

    def get(self, key: Key) -> Value | None:
        return self[key] if key in self._values else None

    def put(self, key: Key, value: Value) -> None:
        self.drop(key)
        self._values[key] = value
        self.bytes += self._size(value)
        while self.bytes > self._budget and len(self._values) > 1:
            self.bytes -= self._size(self._values.popitem(last=False)[1])

    def drop(self, key: Key) -> None:
        if key in self._values:
            self.bytes -= self._size(self._values.pop(key))

    def clear(self) -> None:
        self._values.clear()
        self.bytes = 0


class _Clock:
    """Time between marks: the host's clock on a CPU, events on a GPU, read once at the end."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._names: list[str] = []
        self._events: list[torch.cuda.Event] = []
        self._times: list[float] = []
        self.mark("start")

    def mark(self, name: str) -> None:
        self._names.append(name)
        if self._cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self._events.append(event)
        else:
            self._times.append(time.perf_counter())

    def milliseconds(self) -> dict[str, float]:
        """Milliseconds up to each mark since the one before; waits for the device."""
        if self._cuda:
            torch.cuda.synchronize()
            spent = [before.elapsed_time(after) for before, after in zip(self._events, self._events[1:], strict=False)]
        else:
            spent = [(after - before) * 1e3 for before, after in zip(self._times, self._times[1:], strict=False)]
        stages: dict[str, float] = {}
        for name, elapsed in zip(self._names[1:], spent, strict=True):
            stages[name] = stages.get(name, 0.0) + elapsed
        return stages
