"""One model under different rules: the run's own, and those that it was not made with, the release's or ours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from im4d_core.config import RunConfig, as_released, standing
from im4d_core.methods import build_method
from im4d_core.methods.base import Method
from im4d_core.methods.source_views import choose_views
from im4d_core.render.occupancy import Occupancy
from im4d_core.scene_renderer import SceneRenderer
from im4d_core.types import Camera


@dataclass(frozen=True, kw_only=True)
class Rules:
    """A scene's renderers under the same settings, with and without CUDA kernels, and the grids that were made for them here."""

    prefix: str
    """Stands before the names of its variants; empty for the run's own rules."""
    renderer: SceneRenderer
    plain: SceneRenderer
    grids: dict[int, Occupancy] = field(default_factory=dict)

    def views(self, camera: Camera, hidden: int | None = None) -> tuple[int, ...]:
        """The source views of a picture."""
        return choose_views(self.renderer.scene, camera, self.renderer.config.views, hidden)

    def bake(self, frames: Iterable[int]) -> None:
        """Makes the occupancy of frames that have none, in memory."""
        for frame in frames:
            if frame not in self.grids and not self.renderer.has_occupancy(frame):
                self.grids[frame] = self.renderer.baked(frame)
        self.forget()

    def forget(self) -> None:
        """Drops what belongs to frames, but for the grids that were made here; what follows from those is made anew."""
        for renderer in (self.renderer, self.plain):
            renderer.forget_frames()
            for frame, grid in self.grids.items():
                renderer.use_occupancy(frame, Occupancy(occupied=grid.occupied, box=grid.box))


def own_rules(run: SceneRenderer, occupancy: Path) -> Rules:
    """As the run is configured; fast pictures are baked unless they are to be exact.

    Args:
        occupancy: the file of the run's grids.
    """
    return _rules("", run, run.method, run.config, occupancy)


def other_rules(run: SceneRenderer) -> Rules:
    """The release's rules for a run of ours, ours for a run of the release. Where pixels have their centres belongs to the run and stays."""
    ours, config = RunConfig(), run.config
    if config.method.joint_canvas:
        prefix, method = "our rules: ", replace(config.method, joint_canvas=False, mask_invisible=True)
        config = replace(config, sampling=ours.sampling, fast=ours.fast, occupancy=ours.occupancy, views=replace(config.views, skip_nearest=False))
    else:
        prefix, released = "release's rules: ", standing(as_released(config), run.scene.up)
        method = replace(released.method, pixel_offset=config.method.pixel_offset)
        config = replace(released, data=config.data)
    config = replace(config, method=method)
    changed = build_method(method)
    assert isinstance(run.method, torch.nn.Module)
    changed.load_state_dict(run.method.state_dict())
    return _rules(prefix, run, changed.to(run.device).eval(), config, None)


def _rules(prefix: str, run: SceneRenderer, method: Method, config: RunConfig, occupancy: Path | None) -> Rules:
    config = replace(config, fast=replace(config.fast, density="auto"))

    def made(cuda_kernels: bool) -> SceneRenderer:
        return SceneRenderer(
            run.scene,
            method,
            run.loader,
            config,
            device=run.device,
            model_id=run.model_id,
            occupancy_path=occupancy,
            cuda_kernels=cuda_kernels,
            hulls=run.hulls,
        )

    return Rules(prefix=prefix, renderer=made(True), plain=made(False))
