"""What the window's statistics tell of a renderer. Used by the render thread; importing it imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from viewer.memory_use import memory_use
from viewer.messages import Facts

if TYPE_CHECKING:
    from im4d_core.scene_renderer import SceneRenderer


def facts_of(renderer: SceneRenderer) -> Facts:
    """As of now."""
    frames, decoded = renderer.scene.frames, renderer.decoded_frames()
    return Facts(
        device=_device_name(str(renderer.device)),
        model=_model_name(renderer),
        memory=tuple(renderer.memory().items()),
        in_use=memory_use(str(renderer.device)),
        occupied=tuple(renderer.has_occupancy(frame) for frame in frames),
        decoded=tuple(frame in decoded for frame in frames),
        ready=tuple(renderer.is_ready(frame) for frame in frames),
        sampling=renderer.config.sampling,
        fast=renderer.config.fast,
    )


def _device_name(device: str) -> str:
    import torch

    if device.startswith("cuda"):
        return f"{device} {torch.cuda.get_device_name(device)}"
    return f"{device}, {torch.get_num_threads()} threads"


def _model_name(renderer: SceneRenderer) -> str:
    field = renderer.config.method.field
    return f"planes {'/'.join(map(str, field.spatial))}, {field.channels} channels, trained {renderer.config.train.steps} steps"
