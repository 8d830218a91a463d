"""The one door to rendering: a scene, its source frames, a model and the renderers behind `render(camera, frame, mode)`. Owns the caches.

Work falls into three clocks, and each cache belongs to one: per model (weights), per time step (source frames, features, occupancy, baked
density), per view (rays, samples, shading: nothing is kept).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from im4d_core import kernels
from im4d_core.canvas import Begun
from im4d_core.config import FastConfig, RunConfig, SamplingConfig
from im4d_core.data.frames import FrameLoader
from im4d_core.devices import at_work
from im4d_core.frame_caches import FrameCaches
from im4d_core.frame_pairs import FramePairs
from im4d_core.geometry import box_union
from im4d_core.hulls import Hulls
from im4d_core.kernel_pictures import KernelPictures
from im4d_core.kernels.bricks import Bricks
from im4d_core.methods.base import Method
from im4d_core.methods.source_views import choose_views
from im4d_core.occupancies import Occupancies
from im4d_core.render.between import CrossFaded
from im4d_core.render.bricks import Bake, choose_refine
from im4d_core.render.fused import FusedRenderer, obstacle
from im4d_core.render.inside import Inside
from im4d_core.render.occupancy import Occupancy, bake_frame
from im4d_core.stage_clock import StageClock
from im4d_core.tensors import Context, Rendered
from im4d_core.tiled_pictures import Matter, tiled_picture
from im4d_core.types import Camera, RenderMode, Scene

_log = logging.getLogger(__name__)

Mode = RenderMode
Made = TypeVar("Made")


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
        cuda_kernels: bool = True,
        hulls: Hulls | None = None,
    ) -> None:
        """Args:
        model_id: digest of the weights, which an occupancy file must carry.
        occupancy_path: where the occupancy is, or will be baked to; None keeps baked grids in memory only.
        feature_bytes: budget of the features that are kept; what else is kept of frames follows from it.
        cuda_kernels: False leaves fast pictures to PyTorch on a GPU, too.
        hulls: those that the model was trained within; None where it was trained everywhere.
        """
        self.scene, self.method, self.loader, self.config, self.device = scene, method, loader, config, device
        self.model_id = model_id
        self.hulls = None if hulls is None else hulls.to(device)
        self._occupancies = Occupancies(occupancy_path, model_id, device)
        self._pairs = FramePairs(method, config.method, self._occupancies)
        self._kept = FrameCaches(feature_bytes, device)
        self.kernel_problem = obstacle(method, config, device) if cuda_kernels else "they are switched off"
        """Why PyTorch makes the fast pictures and not the CUDA kernels, in words for the user; None where the kernels do."""
        self._kernels: KernelPictures | None = None
        if self.kernel_problem is None:
            self._kernels = KernelPictures(FusedRenderer(method, config.method), config, self._kept, self._bake_no_more)
        if device.type == "cuda":
            method.capture()
        self.fallbacks: list[str] = []
        """What is done in a slower or poorer way than it could be, and why, in words for the user, each once."""
        self._baking = True
        self._last: int | None = None
        """Frame of the last picture."""

    def render(
        self,
        camera: Camera,
        frame: int,
        mode: Mode,
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
        """Renders one picture.

        Args:
            onward: how far time has gone from this frame to the scene's next one, 0 to 1; there is none after the last. Between frames surfaces are
                where the field has them then, and colour goes over from the pictures of one frame to those of the next.
            hidden: a view that must not be coloured from, such as the one the picture is compared with.
            views: the source views; the nearest when None.
            crop: a (2, 3) box; nothing outside is rendered. Fast pictures are cut at whole cells of the occupancy, those whose middle it holds.
            clip: near and far; nothing outside is rendered. Fast pictures are cut to within a step.
            hurried: whether another picture follows soon. Where CUDA kernels make the pictures, the first of a frame is then exact, not baked: evaluating
                the field where it is seen takes less time than baking it everywhere.
            progress: called between tiles with the fraction done, and before with 0 while views are decoded and encoded and density is baked; returns
                False to cancel. What was encoded and baked by then is kept.
            unfinished: called between tiles with a function that gives the picture so far and how many pixels, row by row, are done.
            begun: takes what is done where the picture is cancelled between tiles. Given again with the same arguments, the picture goes on from there.

        Returns:
            The picture, or None where it was cancelled.

        Raises:
            ValueError: the scene has no such frame, or the fast mode lacks the frame's occupancy.
        """

        def wanted() -> bool:
            return progress is None or progress(0.0)

        occupancy: Occupancy | None = None

        def look_at_matter() -> None:  # while source views are decoded
            nonlocal occupancy
            if mode == "full":
                return
            grid = occupancy = self.occupancy(frame) if following is None else self._pairs.occupancy(frame, following)
            clock.mark("occupancy")
            if following is None:
                self._by_kernels(lambda made: self._field(made, frame, grid, baked=baked))
                clock.mark("density")

        with torch.inference_mode(), at_work(self.device):
            clock = StageClock(self.device)
            following = self.scene.following(frame) if onward > 0.0 else None
            baked = self._bakes(mode) and not (hurried and self._passes_by(frame))
            self._last = frame
            if views is None:
                views = choose_views(self.scene, camera, self.config.views, hidden)
            context = self._kept.context(self.method, self.loader, frame, views, clock, wanted, look_at_matter)
            if context is None:
                return None
            sources = {frame: context}
            if following is not None:
                context = self._kept.context(self.method, self.loader, following, views, clock, wanted)
                if context is None:
                    return None
                sources[following] = context
            cropped = self._occupancies.cropped(occupancy, crop) if occupancy is not None and crop is not None else None
            if occupancy is not None and self._kernels is not None:
                if not wanted():
                    return None
                grid, settings = occupancy, self.config.fast
                painted = self._by_kernels(
                    lambda made: made.render(camera, mode, sources, views, grid, cropped, settings, onward=onward, baked=baked, clip=clip, clock=clock)
                )
                if painted is not None:
                    return painted
            method, moment, box = self.method, float(frame), self.scene.box(frame)
            inside = self._inside(frame, following) if occupancy is None else None  # fast pictures know from their occupancy what is empty
            if following is not None:
                method = CrossFaded(method, sources[following], onward)
                moment, box = frame + onward * (following - frame), box_union(np.stack([box, self.scene.box(following)]))
            bricks = None
            if occupancy is not None and self._bakes(mode):
                bricks = self._baked(frame, following, onward, occupancy, wanted)
                clock.mark("density")
                if bricks is None:
                    return None
            matter = Matter(moment=moment, box=box, inside=inside, occupancy=occupancy, cropped=cropped, bricks=bricks)
            return tiled_picture(
                method,
                camera,
                mode,
                sources[frame],
                views,
                matter,
                self.config,
                clock,
                sparse=self.hulls is not None,
                crop=crop,
                clip=clip,
                progress=progress,
                unfinished=unfinished,
                begun=begun,
            )

    @contextmanager
    def tuned(self, sampling: SamplingConfig, fast: FastConfig) -> Iterator[None]:
        """Renders with other samples and thresholds than the run's meanwhile. What is cached depends on neither."""
        config = self.config
        self.config = replace(config, sampling=sampling, fast=fast)
        try:
            yield
        finally:
            self.config = config

    def prepare(self) -> None:
        """Compiles what makes pictures faster, or loads it from the user's cache folder. Meanwhile pictures can be made, by PyTorch alone."""
        if self.device.type == "cpu":
            kernels.cpu.prepare()

    def fall_back(self, text: str) -> None:
        """Notes that something is done in a slower or poorer way, once."""
        if text not in self.fallbacks:
            _log.warning("%s", text)
            self.fallbacks.append(text)

    @property
    def occupancy_problem(self) -> str | None:
        """Why there is no occupancy file in use, in words for the user."""
        return self._occupancies.problem

    def has_occupancy(self, frame: int) -> bool:
        """Whether the fast mode can render a frame."""
        return frame in self._occupancies

    def occupancy(self, frame: int) -> Occupancy:
        """The occupancy grid of a frame.

        Raises:
            ValueError: it was not baked.
        """
        return self._occupancies.get(frame)

    def use_occupancy(self, frame: int, grid: Occupancy) -> None:
        """Renders a frame with a grid that is not on disk, for as long as it stays in the cache."""
        self._occupancies.use(frame, grid)
        self._kept.drop_density(frame)
        self._pairs.drop(frame)

    def baked(self, frame: int) -> Occupancy:
        """The occupancy grid of a frame, baked now and kept nowhere."""
        time, box = self.config.method.times.time(frame), self.scene.box(frame)
        with at_work(self.device):
            return bake_frame(self.method, time, box, self.config.occupancy, self.device, inside=self._inside(frame))

    def bake_occupancy(self, progress: Callable[[int, int], bool] | None = None) -> bool:
        """Bakes the occupancy of every frame of the scene, on disk where the renderer has a place for it.

        Args:
            progress: called with (frames done, frames) after each; returns False to cancel.

        Returns:
            False where it was cancelled.
        """
        frames = self.scene.frames
        complete = self._occupancies.write(((frame, self.baked(frame)) for frame in frames), len(frames), progress)
        self._kept.clear_density()
        self._pairs.clear()
        return complete

    def is_ready(self, frame: int) -> bool:
        """Whether source features of a frame are on the device, so that showing it decodes and encodes nothing for some camera."""
        return any(kept == frame for kept, _ in self._kept.contexts)

    def decoded_frames(self) -> frozenset[int]:
        """Frames of which source pictures are in host memory."""
        return self.loader.cached_frames()

    def expect(self, frames: Sequence[int]) -> None:
        """Says which frames will be shown next, the one that is shown first, up to where they begin again; one alone where nothing plays.

        Caches that cannot hold all of them keep those that are needed soonest.
        """
        coming = {frame: after for after, frame in enumerate(frames)}
        self.loader.expect(coming)
        for cache in (self._kept, self._pairs, self._occupancies):
            cache.expect(coming)

    def prefetch(self, frames: Sequence[int], views: tuple[int, ...]) -> None:
        """Asks for the source pictures that coming frames will need; returns at once."""
        if self.loader.holds(views) < 2:
            self.fall_back(f"one frame's {len(views)} pictures fill the memory for decoded ones: frames are decoded when they are shown, not ahead")
        self.loader.prefetch(frames, views)

    def make_ready(self, frames: Sequence[int], views: tuple[int, ...], mode: Mode, *, wanted: Callable[[], bool]) -> None:
        """Does on a GPU what pictures of coming frames will need: features, occupancy, density. Frames whose pictures are not decoded yet are left out.

        Args:
            frames: nearest first.
            views: those that will colour them.
            wanted: asked before each frame and on its way; returns False to stop.
        """
        if self.device.type != "cuda":
            return
        with torch.inference_mode(), at_work(self.device):
            for frame in frames:
                if not wanted():
                    return
                if not self.loader.is_cached(frame, views):
                    continue
                context = self._kept.context(self.method, self.loader, frame, views, StageClock(self.device), wanted)
                if context is None:
                    return
                if mode != "full" and self.has_occupancy(frame):
                    self._prepare_kernels(frame, context, views, baked=self._bakes(mode))

    def memory(self) -> dict[str, int]:
        """Bytes held, by what holds them."""
        held = {
            "sources": self.loader.cached_bytes,
            "features": self._kept.feature_bytes,
            "occupancy": self._occupancies.bytes + self._kept.density_bytes + self._pairs.bytes,
        }
        if self.device.type == "cuda":
            held["gpu"] = torch.cuda.memory_allocated(self.device)
        return held

    def forget_frames(self) -> None:
        """Drops what belongs to frames; the pictures that were decoded stay."""
        self._kept.clear()
        self._pairs.clear()
        self._occupancies.clear()

    def forget(self) -> None:
        """Drops every cache and gives the memory back, after a failure for lack of it."""
        self.forget_frames()
        if self.device.type == "cuda":
            self.method.capture()  # what was captured so far goes
            torch.cuda.empty_cache()

    def keep_less(self) -> bool:
        """Drops every cache and keeps a quarter as much of frames from now on; False where that was done before."""
        self.forget()
        return self._kept.keep_less()

    def close(self) -> None:
        """Stops the loader's threads and drops the caches."""
        self.loader.close()
        self.forget()

    def context(self, frame: int, views: tuple[int, ...]) -> Context:
        """The source views of a frame, encoded."""
        with torch.inference_mode(), at_work(self.device):
            context = self._kept.context(self.method, self.loader, frame, views, StageClock(self.device))
        assert context is not None  # nothing stops it
        return context

    def _inside(self, frame: int, following: int | None = None) -> Inside | None:
        """Where a frame, or anything on the way to the next one, may have matter."""
        if self.hulls is None:
            return None
        hulls = self.hulls if following is None else self.hulls.joined(frame, following)
        return Inside(hulls=hulls, row=torch.tensor([hulls.row(frame)], device=self.device))

    def _prepare_kernels(self, frame: int, context: Context, views: tuple[int, ...], *, baked: bool) -> None:
        def make_ready(made: KernelPictures) -> None:
            self._field(made, frame, self.occupancy(frame), baked=baked)
            made.texels(frame, views, context)

        self._by_kernels(make_ready)

    def _field(self, made: KernelPictures, frame: int, occupancy: Occupancy, *, baked: bool) -> None:
        """The kernels' field of a frame, enqueued where it is not kept."""
        if baked and (frame, True) not in self._kept.fields:
            self._occupancies.find_bricks(frame, choose_refine(occupancy, self.config.method, self.config.fast))
        made.field(frame, occupancy, self.config.fast, baked=baked)

    def _by_kernels(self, work: Callable[[KernelPictures], Made]) -> Made | None:
        """What the CUDA kernels do; None where there are none, or where one fails: from then on PyTorch does their work."""
        if self._kernels is None:
            return None
        try:
            return work(self._kernels)
        except torch.OutOfMemoryError:
            raise  # the caller makes room, or a smaller picture
        except RuntimeError as error:  # of a launch: whatever it is, PyTorch can go on
            _log.warning("the CUDA kernels failed", exc_info=True)
            self.kernel_problem, self._kernels = f"a kernel failed: {error}", None
            return None

    def _bake_no_more(self) -> None:
        self._baking = False
        self.fall_back(f"not enough memory on {self.device} to bake density: it is evaluated at every sample, which takes longer")

    def _passes_by(self, frame: int) -> bool:
        """Whether a frame comes into sight whose density was not baked, and whose exact picture kernels make in less time than that takes."""
        return self._kernels is not None and frame != self._last and (frame, True) not in self._kept.fields

    def _bakes(self, mode: Mode) -> bool:
        density = self.config.fast.density
        return self._baking and mode == "fast" and (density == "baked" or (density == "auto" and (self.device.type == "cpu" or self._kernels is not None)))

    def _baked(self, frame: int, following: int | None, onward: float, occupancy: Occupancy, wanted: Callable[[], bool]) -> Bricks | None:
        """As `Bake.bricks`, of a frame or of a moment on the way to the next one."""
        if following is not None:
            return self._pairs.bricks(frame, following, onward, self.config.fast, wanted)
        bake = self._kept.bakes.get(frame)
        if bake is None:
            refine = choose_refine(occupancy, self.config.method, self.config.fast)
            bake = Bake(self.method, self.config.method.times.time(frame), occupancy, refine, self.config.fast.chunk)
            self._kept.bakes.put(frame, bake)
        return bake.bricks(wanted)
