"""The choice of source views while a camera moves: steady on a border, never far from the best, and without memory where none is given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from stand_in import stand_in_scene

from im4d_core.config import ViewsConfig
from im4d_core.geometry import look_at
from im4d_core.methods.source_views import choose_views
from im4d_core.types import Camera

SCENE = stand_in_scene(cameras=12)
CONFIG = ViewsConfig(count=3)


def camera(turn_deg: float, radius: float = 3.0, height: float = 1.2) -> Camera:
    angle = np.radians(turn_deg)
    centre = np.array([radius * np.cos(angle), radius * np.sin(angle), height])
    return replace(SCENE.cameras[0], T_camera_world=look_at(centre, np.zeros(3), np.array([0.0, 0.0, 1.0])))


def test_without_a_past_the_nearest_are_chosen() -> None:
    at = camera(100.0)
    distances = {view: np.linalg.norm(SCENE.cameras[view].centre - at.centre) for view in SCENE.source_views}
    assert set(choose_views(SCENE, at, CONFIG)) == set(sorted(distances, key=distances.__getitem__)[:3])


def test_going_back_and_forth_over_a_border_changes_nothing() -> None:
    """Without a past the same movement changes the choice every time: the control."""
    turns = [105.0 + 2.0 * (-1) ** i for i in range(20)]  # half-way between two cameras of a ring with one every 30 degrees
    steady, chosen = set(), choose_views(SCENE, camera(turns[0]), CONFIG)
    for turn in turns:
        chosen = choose_views(SCENE, camera(turn), CONFIG, previous=chosen)
        steady.add(chosen)
    assert len(steady) == 1
    assert len({choose_views(SCENE, camera(turn), CONFIG) for turn in turns}) == 2


def test_views_in_use_are_never_much_farther_than_the_best() -> None:
    random = np.random.default_rng(3)
    chosen = ()
    for _ in range(300):
        at = camera(random.uniform(0, 360), random.uniform(1.0, 5.0), random.uniform(-1.0, 3.0))
        chosen = choose_views(SCENE, at, CONFIG, previous=chosen)
        assert len(set(chosen)) == 3
        distance = {view: float(np.linalg.norm(SCENE.cameras[view].centre - at.centre)) for view in SCENE.source_views}
        unused = min(distance[view] for view in SCENE.source_views if view not in chosen)
        assert max(distance[view] for view in chosen) <= 1.15 * unused + 1e-9  # the margin itself, up to rounding
        assert choose_views(SCENE, at, CONFIG, previous=chosen) == chosen, "a camera that stands still changes nothing"


def test_a_view_that_stays_keeps_its_place() -> None:
    before = choose_views(SCENE, camera(90.0), CONFIG)
    after = choose_views(SCENE, camera(115.0), CONFIG, previous=before)
    assert before != after
    assert all(after[i] == view for i, view in enumerate(before) if view in after)


def test_a_hidden_view_is_dropped_whatever_was_in_use() -> None:
    before = choose_views(SCENE, SCENE.cameras[4], CONFIG)
    assert 4 in before
    hidden = choose_views(SCENE, SCENE.cameras[4], CONFIG, 4, before)
    assert 4 not in hidden and len(set(hidden)) == 3


def test_a_past_of_other_scenes_or_counts_does_no_harm() -> None:
    assert len(choose_views(SCENE, camera(10.0), CONFIG, previous=(99, 5, 5, 0))) == 3
    assert len(choose_views(SCENE, camera(10.0), replace(CONFIG, count=5), previous=(5, 6))) == 5
    assert len(choose_views(SCENE, camera(10.0), replace(CONFIG, count=2), previous=(1, 2, 3, 4, 5))) == 2
