"""The line of a path over the picture: the curve at many times at once, and in no time."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from im4d_core.camera_path import CameraPath, Keyframe
from im4d_core.path_generators import orbit
from im4d_core.pose_curve import INTERPOLATIONS, Interpolation
from viewer.overlays import path_lines


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("constant_speed", [False, True])
def test_many_positions_at_once_are_those_of_the_samples(interpolation: Interpolation, loop: bool, constant_speed: bool) -> None:
    places = ((0.0, 0.0, 0.0), (1.0, 0.2, 0.0), (1.0, 0.2, 0.0), (1.5, 2.0, -1.0), (-1.0, 0.5, 0.3))  # one stands still
    keys = tuple(
        Keyframe(id=i, time_s=0.7 * i**1.3, position=place, rotation=(1.0, 0.0, 0.0, 0.0), fov_y_deg=50.0, ease_in=0.3 * (i % 3), ease_out=0.2 * (i % 2))
        for i, place in enumerate(places)
    )
    path = CameraPath(keys=keys, loop=loop, interpolation=interpolation, constant_speed=constant_speed, tension=0.25)
    times = np.linspace(path.start_s, path.start_s + (path.duration_s if not loop else 0.999 * path.duration_s), 301)
    sampled = np.stack([path.sample(time_s).T_world_camera[:3, 3] for time_s in times.tolist()])
    # 1e-12: rounding. Even motion is read from a table of 256 chords a segment, linearly: along the curve it is off by their bend.
    np.testing.assert_allclose(path.positions(times), sampled, atol=1e-4 if constant_speed and interpolation == "smooth" else 1e-12)


def test_one_key_is_everywhere() -> None:
    path = CameraPath(keys=(Keyframe(id=1, time_s=2.0, position=(1.0, 2.0, 3.0), rotation=(1.0, 0.0, 0.0, 0.0), fov_y_deg=50.0),))
    np.testing.assert_array_equal(path.positions(np.array([2.0, 2.0])), [[1.0, 2.0, 3.0]] * 2)
    with pytest.raises(ValueError, match="no keys"):
        CameraPath().positions(np.array([0.0]))


def test_a_path_under_edit_is_drawn_anew_within_a_frame() -> None:
    """240 samples of the whole pose took 0.1 to 0.2 s; their positions take a fiftieth of that, so that 40 ms hold on a slow machine too."""
    path = orbit(centre=(0.0, 0.0, 0.0), radius=3.0, up=(0.0, 0.0, 1.0), n_keys=16, duration_s=6.0)
    path_lines(path, None, 0.1, 1.5)
    began = time.process_time()
    for i in range(10):
        path_lines(replace(path, tension=0.05 * i), None, 0.1, 1.5)
    assert (time.process_time() - began) / 10 < 0.04
