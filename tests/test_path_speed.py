"""How fast the camera goes along a path: easing at keys, constant speed, tension. Speeds are measured from samples, not from the curve's own lengths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from im4d_core import curves
from im4d_core.camera_path import CameraPath, evened, keyframe
from im4d_core.geometry import look_at
from im4d_core.path_files import path_from_json, path_to_json
from im4d_core.path_generators import orbit

RNG = np.random.default_rng(3)


def uneven_path(loop: bool = False, **changes: object) -> CameraPath:
    """Keys at wildly different distances and times."""
    places = np.array([[0, 0, 0], [1, 0.2, 0], [1.3, 2, 0.5], [4, 2.2, 1], [4.2, 2.3, 3]], dtype=float)
    times = (0.5, 1.0, 4.0, 4.4, 9.0)
    keys = tuple(
        keyframe(i, time_s, np.linalg.inv(look_at(place, np.array([2.0, 8.0, 1.0]), np.array([0.0, 0.0, 1.0]))), 50.0)
        for i, (place, time_s) in enumerate(zip(places, times))
    )
    return CameraPath(keys=keys, loop=loop, loop_s=2.0, **changes)  # type: ignore[arg-type]


def speeds(path: CameraPath, start_s: float, stop_s: float, n: int = 1200) -> np.ndarray:
    """World units per second over small steps of time."""
    times = np.linspace(start_s, stop_s, n)
    return np.linalg.norm(np.diff(path.positions(times), axis=0), axis=1) / (times[1] - times[0])


def whole(path: CameraPath, n: int = 1200) -> np.ndarray:
    return speeds(path, path.start_s, path.start_s + path.duration_s, n)


@pytest.mark.parametrize("interpolation", ["smooth", "linear"])
@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("tension", [0.0, 0.4])
def test_constant_speed_is_constant(interpolation: str, loop: bool, tension: float) -> None:
    path = evened(uneven_path(loop, interpolation=interpolation, tension=tension, constant_speed=True))
    measured = whole(path)
    mean = float(np.mean(measured))
    # 2 %: what the eye does not see; steps across a key are shorter than the way, which touches a few of the 1200 samples.
    inner = np.sort(np.abs(measured / mean - 1.0))[: -len(path.keys) - 1]
    assert inner.max() < 0.02


def test_the_measure_of_constant_speed_can_fail() -> None:
    for path in (uneven_path(constant_speed=True), evened(uneven_path()), uneven_path()):
        measured = whole(path)
        assert np.sort(np.abs(measured / measured.mean() - 1.0))[:-6].max() > 0.1


@pytest.mark.parametrize("loop", [False, True])
def test_evening_keeps_start_end_and_places(loop: bool) -> None:
    path = uneven_path(loop, constant_speed=True)
    even = evened(path)
    assert even.start_s == path.start_s
    assert even.duration_s == pytest.approx(path.duration_s)
    for before, after in zip(path.keys, even.keys):
        assert replace(after, time_s=before.time_s) == before
        np.testing.assert_allclose(even.sample(after.time_s).T_world_camera, before.T_world_camera, atol=1e-12)
    again = evened(even)
    np.testing.assert_allclose([key.time_s for key in again.keys], [key.time_s for key in even.keys], atol=1e-9)


def test_a_rest_stays_as_long_as_it_was() -> None:
    path = uneven_path(constant_speed=True)
    resting = replace(path.keys[2], id=9, time_s=3.0)  # from 3 to 4 s at the third key's place
    even = evened(replace(path, keys=(*path.keys[:2], resting, *path.keys[2:])))
    assert even.keys[3].time_s - even.keys[2].time_s == pytest.approx(1.0)
    nowhere = CameraPath(keys=tuple(keyframe(i, float(i), np.eye(4), 50.0) for i in range(3)))
    assert evened(nowhere) == nowhere
    assert evened(CameraPath()) == CameraPath()


def test_lengths_are_those_of_the_way() -> None:
    ring = orbit(centre=(0.0, 0.0, 0.0), radius=2.0, up=(0.0, 0.0, 1.0), pitch_deg=0.0)
    assert sum(ring.lengths) == pytest.approx(4 * np.pi, rel=2e-3)  # 16 keys follow the circle within 0.1 %
    straight = uneven_path(interpolation="linear")
    expected = [np.linalg.norm(np.subtract(b.position, a.position)) for a, b in zip(straight.keys, straight.keys[1:])]
    assert straight.lengths == pytest.approx(expected)
    assert uneven_path(interpolation="hold").lengths == (0.0,) * 4
    assert len(uneven_path(loop=True).lengths) == 5


def test_easing_comes_to_rest_and_leaves_from_rest() -> None:
    path = uneven_path(interpolation="linear")
    keys = tuple(replace(key, ease_in=1.0) if key.id == 2 else key for key in path.keys)
    eased = replace(path, keys=keys)
    before, after = speeds(eased, 3.99, 4.0 - 1e-9, 3), speeds(eased, 4.0 + 1e-6, 4.01, 3)
    usual = speeds(path, 3.99, 4.0 - 1e-9, 3)
    assert before.max() < 0.02 * usual.min()  # 10 ms of 3 s before the key
    np.testing.assert_allclose(after, speeds(path, 4.0 + 1e-6, 4.01, 3))  # leaving is not touched
    assert eased.sample(1.0).T_world_camera == pytest.approx(path.sample(1.0).T_world_camera)
    assert eased.sample(4.0).T_world_camera == pytest.approx(path.sample(4.0).T_world_camera)


def test_easing_is_monotone_and_none_is_none() -> None:
    u = np.linspace(0.0, 1.0, 500)
    np.testing.assert_allclose([curves.eased(x, 0.0, 0.0) for x in u], u, atol=1e-12)
    for leaving, arriving in RNG.uniform(0.0, 1.0, (50, 2)):
        eased = np.array([curves.eased(float(x), leaving, arriving) for x in u])
        assert (eased[0], eased[-1]) == (0.0, pytest.approx(1.0))
        assert (np.diff(eased) > -1e-12).all()
        assert (eased[1] - eased[0]) / (u[1] - u[0]) == pytest.approx(1.0 - leaving, abs=0.01)  # the slope over a small step
        assert (eased[-1] - eased[-2]) / (u[1] - u[0]) == pytest.approx(1.0 - arriving, abs=0.01)


def test_tension_makes_the_way_straight() -> None:
    lengths = [sum(uneven_path(tension=tension).lengths) for tension in (0.0, 0.5, 1.0)]
    assert lengths[0] > lengths[1] > lengths[2]
    assert lengths[2] == pytest.approx(sum(uneven_path(interpolation="linear").lengths))
    with pytest.raises(ValueError, match="tension must be 0 to 1"):
        uneven_path(tension=1.5)
    with pytest.raises(ValueError, match="easing must be 0 to 1"):
        CameraPath(keys=(replace(uneven_path().keys[0], ease_in=-0.1),))


def test_all_of_it_is_kept_in_files_and_older_files_have_none_of_it() -> None:
    path = uneven_path(True, tension=0.3, constant_speed=True, name="round the corner")
    path = replace(path, keys=(replace(path.keys[0], ease_in=0.25, ease_out=0.75), *path.keys[1:]))
    content = path_to_json(path)
    read = path_from_json(content, "file")
    assert (read.tension, read.constant_speed, read.name) == (0.3, True, "round the corner")
    assert (read.keys[0].ease_in, read.keys[0].ease_out, read.keys[1].ease_in) == (0.25, 0.75, 0.0)
    assert read.extra == {}
    assert read.keys[0].extra == {}
    for name in ("tension", "constant_speed", "name"):
        del content[name]
    for key in content["keys"]:
        del key["ease_in"], key["ease_out"]
    old = path_from_json(content, "file")
    assert (old.tension, old.constant_speed, old.name, old.keys[0].ease_in) == (0.0, False, "", 0.0)
    for field, value, complaint in (("tension", 2, "tension must be"), ("constant_speed", "yes", "true or false"), ("name", 7, "a text")):
        with pytest.raises(ValueError, match=complaint):
            path_from_json({**path_to_json(path), field: value}, "file")
