"""A scene of four unequal cameras, principal points off the middle; states of the window on it, and when two views are the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from states import after

from im4d_core.geometry import intrinsics, look_at
from im4d_core.types import Camera, Scene, Sensor
from viewer import events as e
from viewer.reduce import reduce
from viewer.state import ViewerState


def make_scene(n_frames: int = 8, first: int = 10, n_cameras: int = 4) -> Scene:
    cameras = []
    for i in range(n_cameras):
        angle = 2 * np.pi * i / n_cameras + 0.3
        T = look_at(np.array([3 * np.cos(angle), 3 * np.sin(angle), 1.0]), np.array([0.0, 0.0, 0.2]), np.array([0.0, 0.0, 1.0]))
        K = intrinsics(160, 120, 40.0 + i)
        K[0, 2] += 5.0  # principal point off the middle
        cameras.append(Camera(name=f"{i:02d}", K=K, T_camera_world=T, width=160, height=120))
    sensor = Sensor(K=cameras[0].K, distortion=np.zeros(5), width=160, height=120, resized_width=160, resized_height=120)
    box = np.array([[-0.6, -0.5, -1.0], [0.6, 0.5, 1.0]])
    return Scene(
        name="test",
        root=Path("."),
        cameras=tuple(cameras),
        sensors=(sensor,) * n_cameras,
        frames=tuple(range(first, first + n_frames)),
        image_pattern="{camera}/{frame}.jpg",
        mask_pattern=None,
        source_views=(1, 2, 3),
        train_views=(1, 2, 3),
        test_views=(0,),
        bounds=box,
        boxes=np.repeat(box[None], n_frames, axis=0),
        fps=10.0,
        up=np.array([0.0, 0.0, 1.0]),
    )


def opened(first_view: int | None = None) -> ViewerState:
    state = reduce(ViewerState(), e.Tick(now_s=100.0))
    return reduce(state, e.SceneOpened(scene=make_scene(), source=Path("RUN"), first_view=first_view))


def with_path(state: ViewerState) -> ViewerState:
    """Keys at 0 and 2 s from two cameras; the second fixes frame 15."""
    state = after(state, e.JumpToCamera(view=0), e.Triggered(action="key_add"), e.JumpToCamera(view=1), e.Triggered(action="key_add"))
    return after(state, e.SetKeyFrame(key_id=2, scene_frame=15.0))


def same_view(a: Camera, b: Camera) -> bool:
    return bool(np.allclose(a.T_camera_world, b.T_camera_world, atol=1e-9) and abs(a.fov_y_deg - b.fov_y_deg) < 1e-9)
