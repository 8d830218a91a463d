"""The ways to make a picture that are compared: full, exact and baked; by PyTorch, by our kernels, with nerfacc as the marcher; under two sets of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from benchmarks import nerfacc_marcher
from benchmarks.nerfacc_marcher import NerfaccMarcher
from benchmarks.rules import Rules
from im4d_core import kernels
from im4d_core.kernels.fused import FrameField, Painter, SourceTexels
from im4d_core.render.bricks import choose_refine
from im4d_core.render.fused import FusedRenderer
from im4d_core.scene_renderer import Mode, SceneRenderer
from im4d_core.types import Camera

Draw = Callable[[Camera], object]


@dataclass(kw_only=True)
class Variant:
    """One way to make pictures, and what was measured of it."""

    name: str
    rules: Rules
    mode: Mode
    way: Literal["door", "kernels", "nerfacc"] = "door"
    """Through the renderer that the window uses; by the kernels without the door around them; with nerfacc's marcher."""
    problem: str = ""
    """Why it cannot be measured here."""
    milliseconds: list[float] = field(default_factory=list)
    wall_ms: list[float] = field(default_factory=list)

    @property
    def renderer(self) -> SceneRenderer:
        return self.rules.renderer if self.way == "kernels" else self.rules.plain

    def picture(self, camera: Camera, frame: int, views: tuple[int, ...]) -> Tensor:
        """Colours of a picture in host memory."""
        if self.way == "nerfacc":
            marcher = self._marcher(frame)
            with torch.inference_mode():
                return marcher.render(camera, self.renderer.context(frame, views)).cpu()
        made = self.renderer.render(camera, frame, self.mode, views=views)
        assert made is not None  # nobody cancels
        return made.rgb.cpu()

    def drawing(self, frame: int, views: tuple[int, ...], camera: Camera) -> tuple[Draw, Painter | None]:
        """Makes pictures of a frame, whose own data are there already.

        Args:
            camera: of a first picture, after which there is room for the others.
        """
        renderer = self.renderer
        if self.way == "door":
            return lambda camera: renderer.render(camera, frame, self.mode, views=views), None
        if self.way == "nerfacc":
            marcher, context = self._marcher(frame), renderer.context(frame, views)
            return torch.inference_mode()(lambda camera: marcher.render(camera, context)), None
        fused = FusedRenderer(renderer.method, renderer.config.method)
        frame_field, sources = self._prepared(fused, frame, views)
        config, background = renderer.config.fast, renderer.config.data.background

        def draw(camera: Camera) -> object:
            return fused.render(camera, frame_field, sources, config, background, display_only=True)

        draw(camera)
        while fused.painter.overflowed():
            draw(camera)
        return draw, fused.painter

    def new_frames(self, frames: Iterator[int], views: tuple[int, ...]) -> Draw:
        """Makes every picture of the next frame, of which only the source pictures are decoded."""
        renderer = self.renderer
        config, background = renderer.config.fast, renderer.config.data.background
        fused = FusedRenderer(renderer.method, renderer.config.method) if self.way == "kernels" else None

        def draw(camera: Camera) -> object:
            frame = next(frames)
            self.rules.forget()
            if self.way == "nerfacc":
                with torch.inference_mode():
                    return self._marcher(frame).render(camera, renderer.context(frame, views))
            if fused is None:
                return renderer.render(camera, frame, self.mode, views=views)
            frame_field, sources = self._prepared(fused, frame, views)
            return fused.render(camera, frame_field, sources, config, background, display_only=True)

        return draw

    def _prepared(self, fused: FusedRenderer, frame: int, views: tuple[int, ...]) -> tuple[FrameField, SourceTexels]:
        renderer = self.renderer
        with torch.inference_mode():
            occupancy = renderer.occupancy(frame)
            refine = choose_refine(occupancy, renderer.config.method, renderer.config.fast) if self.mode == "fast" else None
            made = fused.frame(occupancy, renderer.config.method.times.time(frame), refine)
            return made, fused.sources(renderer.context(frame, views))

    def _marcher(self, frame: int) -> NerfaccMarcher:
        renderer, method = self.renderer, self.renderer.config.method
        background = torch.tensor(renderer.config.data.background, device=renderer.device)
        return NerfaccMarcher(renderer.method, renderer.occupancy(frame), method.times.time(frame), renderer.config.fast, background, method.pixel_offset)


def variants(own: Rules, other: Rules | None) -> list[Variant]:
    """The full renderer of the run first, then fast ones."""
    device = own.renderer.device
    made_by = "PyTorch" if not (device.type == "cpu" and kernels.cpu.ready()) else "CPU kernels"
    problem = nerfacc_marcher.problem(device) or ""
    found = [Variant(name=f"full, {made_by}", rules=own, mode="full"), *_fast(own, made_by)]
    found.insert(2, Variant(name="exact, nerfacc marches", rules=own, mode="exact", way="nerfacc", problem=problem))
    return found if other is None else [*found, *_fast(other, made_by)]


def _fast(rules: Rules, made_by: str) -> Sequence[Variant]:
    """Exact by PyTorch; exact and baked by the kernels there are."""
    exact = Variant(name=f"{rules.prefix}exact, {made_by}", rules=rules, mode="exact")
    if rules.renderer.device.type == "cpu":
        return exact, Variant(name=f"{rules.prefix}baked, {made_by}", rules=rules, mode="fast")
    problem = rules.renderer.kernel_problem or ""
    fused: tuple[tuple[str, Mode], ...] = (("exact", "exact"), ("baked", "fast"))
    return exact, *(Variant(name=f"{rules.prefix}{name}, CUDA kernels", rules=rules, mode=mode, way="kernels", problem=problem) for name, mode in fused)
