"""What benchmarks through the render thread begin with: a run, opened with so many source views, a size, and a camera that goes round."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from benchmarks.orbit import orbit, sides
from benchmarks.render_thread import RenderThread
from im4d_core.checkpoint import RunFolder
from im4d_core.opened_run import open_run
from im4d_core.scene_renderer import SceneRenderer
from im4d_core.types import Camera, Scene


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Options that these benchmarks share."""

    run: tyro.conf.Positional[Path]
    """Run folder or exported scene."""
    views: int = 4
    """Source views of a picture; 0 for all that the scene has."""
    size: str = "1920x1080"
    """Width x height."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""

    def thread(self) -> RenderThread:
        """A render thread with the scene open."""
        return RenderThread(self.run, device=self.device, opener=self._open)

    def renderer(self) -> SceneRenderer:
        """The scene without a thread."""
        return self._open(self.run, self.device)

    def cameras(self, scene: Scene, frame: int, count: int) -> list[Camera]:
        """On a circle around a frame."""
        return list(orbit(scene, frame, *sides(self.size), count))

    def title(self, thread: RenderThread) -> str:
        """What was measured: scene, size, source views, and what made the last picture."""
        return f"{thread.scene.name}, {self.size}, {self.views or len(thread.scene.source_views)} source views, {thread.renderer}"

    def _open(self, source: Path, device: str) -> SceneRenderer:
        renderer = open_run(source, device=device)
        count = self.views or len(renderer.scene.source_views)
        config = replace(renderer.config, views=replace(renderer.config.views, count=count))
        return SceneRenderer(
            renderer.scene,
            renderer.method,
            renderer.loader,
            config,
            device=renderer.device,
            model_id=renderer.model_id,
            occupancy_path=RunFolder(path=source).occupancy,
            hulls=renderer.hulls,
        )
