"""What a GPU prepares of a frame is enqueued and left to it: a host that waits for the device keeps it from its next work."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from captures import write_capture

from im4d_core.config import DataConfig, FastConfig, FieldConfig, MethodConfig, OccupancyConfig, RunConfig, ViewsConfig
from im4d_core.data import open_scene
from im4d_core.data.frames import FrameLoader
from im4d_core.methods.im4d import Im4D
from im4d_core.scene_renderer import SceneRenderer
from im4d_core.side_stream import SideStream
from im4d_core.types import TimeRange

_FIELD = FieldConfig(spatial=(16, 48), temporal=(3, 3), channels=8, width=32, depth=2, skip=False)
_LONG = 2_000_000_000  # cycles: about a second, a hundred times what is enqueued meanwhile takes


@pytest.mark.gpu
def test_a_new_frame_waits_for_nothing_that_is_queued(tmp_path: Path) -> None:
    write_capture(tmp_path / "capture")
    data = DataConfig(path=str(tmp_path / "capture"))
    scene, device = open_scene(data), torch.device("cuda")
    x, y, z, *high = scene.bounds.reshape(-1).tolist()
    config = RunConfig(
        data=data,
        method=MethodConfig(field=_FIELD, proposal=_FIELD, bounds=(x, y, z, *high), times=TimeRange(first=0, last=2)),
        views=ViewsConfig(count=3),
        occupancy=OccupancyConfig(resolution=(24,), min_alpha=0.0),
        fast=FastConfig(steps=200, density="baked"),
    )
    views = (0, 1, 2)
    with FrameLoader(scene, data) as loader:
        renderer = SceneRenderer(scene, Im4D(config.method).to(device).eval(), loader, config, device=device, occupancy_path=tmp_path / "occupancy.npz")
        renderer.bake_occupancy()
        for _ in range(3):  # kernels compile, passes are captured, memory is taken
            for frame in scene.frames:
                loader.get(frame, views)
                renderer.make_ready([frame], views, "fast", wanted=lambda: True)
                renderer.forget_frames()
        torch.cuda.synchronize()
        torch.cuda._sleep(_LONG)  # pyright: ignore[reportPrivateUsage]
        slept = torch.cuda.Event()
        slept.record()
        renderer.make_ready(scene.frames[:2], views, "fast", wanted=lambda: True)
        waited = slept.query()
        ready = renderer.is_ready(scene.frames[1])
        torch.cuda.synchronize()
        renderer.close()
    assert ready and not waited


@pytest.mark.gpu
def test_what_is_made_beside_is_there_when_it_is_used() -> None:
    side = SideStream(torch.device("cuda"))
    with side.beside() as hand_over:
        torch.cuda._sleep(_LONG // 10)  # pyright: ignore[reportPrivateUsage]
        made = torch.full((1 << 20,), 7, device="cuda")
        hand_over(made)
    assert int(made.sum()) == 7 << 20


@pytest.mark.gpu
def test_work_beside_can_follow_what_is_queued() -> None:
    side = SideStream(torch.device("cuda"))
    torch.cuda._sleep(_LONG // 10)  # pyright: ignore[reportPrivateUsage]
    made = torch.full((1 << 20,), 7, device="cuda")
    side.follow()
    with side.beside():
        assert int(made.sum()) == 7 << 20


def test_without_a_gpu_nothing_is_beside() -> None:
    with SideStream(torch.device("cpu")).beside() as hand_over:
        made = torch.ones(3)
        hand_over(made)
    assert int(made.sum()) == 3
