"""Projection and camera changes, by their laws."""

from __future__ import annotations

import numpy as np
import pytest
from analytic import BOX, camera

from im4d_core.geometry import (
    box_depth_range,
    box_union,
    cropped,
    fitted,
    look_at,
    nearest_views,
    project,
    projected_box,
    ray_box,
    resized,
    unproject,
)

EXACT = 1e-9  # float64 through a matrix inverse


def test_unproject_inverts_project() -> None:
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (50, 3))
    uv, depth = project(camera(), points)
    assert np.allclose(unproject(camera(), uv, depth), points, atol=EXACT)
    assert (depth > 0).all()


def test_the_centre_is_at_depth_zero_and_the_target_in_the_middle() -> None:
    seen = camera(64)
    uv, depth = project(seen, np.zeros(3))
    assert np.allclose(uv, [32.0, 32.0], atol=EXACT)
    assert np.isclose(depth, 2.0, atol=EXACT)


def test_look_at_keeps_up_up_and_is_a_rotation() -> None:
    for centre in ([1.0, 2.0, 0.5], [0.0, 0.0, 3.0]):  # the second looks along up
        T = look_at(np.array(centre), np.zeros(3), np.array([0.0, 0.0, 1.0]))
        assert np.allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=EXACT)
        assert np.isclose(np.linalg.det(T[:3, :3]), 1.0)
    assert look_at(np.array([1.0, 2.0, 0.5]), np.zeros(3), np.array([0.0, 0.0, 1.0]))[1, 2] < 0  # world up goes towards the picture's top


def test_look_at_refuses_its_own_centre() -> None:
    with pytest.raises(ValueError, match="own centre"):
        look_at(np.zeros(3), np.zeros(3), np.array([0.0, 0.0, 1.0]))


def test_resizing_scales_pixels_and_cropping_shifts_them() -> None:
    points = np.random.default_rng(1).uniform(-0.5, 0.5, (20, 3))
    uv, _ = project(camera(32), points)
    assert np.allclose(project(resized(camera(32), 96, 16), points)[0], uv * [3.0, 0.5], atol=EXACT)
    assert np.allclose(project(cropped(camera(32), 5, -3, 10, 10), points)[0], uv - [5.0, -3.0], atol=EXACT)


def test_fitting_keeps_everything_visible_and_pixels_square() -> None:
    wide = fitted(camera(32), 100, 40)
    assert np.isclose(wide.K[0, 0], wide.K[1, 1])
    corners = unproject(camera(32), np.array([[0.0, 0.0], [32.0, 32.0]]), np.ones(2))
    uv, _ = project(wide, corners)
    assert np.allclose(uv, [[30.0, 0.0], [70.0, 40.0]], atol=EXACT)


def test_rays_cross_a_box_where_a_fine_walk_finds_it() -> None:
    seen = camera(8)
    near, far = ray_box(seen, BOX)
    depths = np.linspace(0.0, 5.0, 20001)
    for row, column in ((0, 0), (3, 4), (7, 2), (4, 4)):
        walk = unproject(seen, np.broadcast_to([column + 0.5, row + 0.5], (len(depths), 2)), depths)
        inside = ((walk >= BOX[0]) & (walk <= BOX[1])).all(axis=1)
        assert inside.any() == (far[row, column] > near[row, column])
        if inside.any():
            step = depths[1]
            assert abs(depths[inside][0] - near[row, column]) <= step
            assert abs(depths[inside][-1] - far[row, column]) <= step


def test_the_projected_box_covers_the_projected_points_of_the_box() -> None:
    seen = camera(64)
    points = np.random.default_rng(2).uniform(BOX[0], BOX[1], (500, 3))
    uv, depth = project(seen, points)
    low, high = box_depth_range(seen, BOX)
    assert depth.min() >= low and depth.max() <= high
    columns, rows = np.floor(uv).astype(int).T
    shown = (columns >= 0) & (columns < 64) & (rows >= 0) & (rows < 64)
    hit = projected_box(seen, BOX)
    grown = hit | np.roll(hit, 1, 0) | np.roll(hit, -1, 0) | np.roll(hit, 1, 1) | np.roll(hit, -1, 1)  # a point's pixel may graze the outline
    assert grown[rows[shown], columns[shown]].all()


def test_union_holds_every_box() -> None:
    boxes = np.array([BOX, BOX + 0.3, BOX * 0.5])
    union = box_union(boxes)
    assert (union[0] <= boxes[:, 0]).all() and (union[1] >= boxes[:, 1]).all()
    assert np.allclose(union, [BOX[0], BOX[1] + 0.3])


def test_nearest_views_are_sorted_by_distance() -> None:
    cameras = tuple(camera(distance=d) for d in (3.0, 1.0, 2.0, 1.0))
    assert nearest_views(cameras, np.zeros(3), (0, 1, 2, 3)) == (1, 3, 2, 0)
    assert nearest_views(cameras, np.zeros(3), (0, 2)) == (2, 0)
