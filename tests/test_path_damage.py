"""Path files that somebody damaged: whatever stands in a field, reading gives a path that can be followed, or says what is wrong in which file."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from im4d_core.camera_path import MAX_TIME_S
from im4d_core.path_files import load_paths, path_from_text

_POSE = [1, 0, 0, 0.5, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
_KEY = {"id": 1, "time_s": 0.0, "T_world_camera": [_POSE[i : i + 4] for i in (0, 4, 8, 12)], "fov_y_deg": 50.0, "scene_frame": 1.0, "ease_in": 0.5}
_OWN = {
    "format": "im4d-camera-path",
    "version": 1,
    "name": "a",
    "interpolation": "smooth",
    "loop": True,
    "loop_s": 1.0,
    "keys": [_KEY, {**_KEY, "id": 2, "time_s": 1.0}],
}
_WHOLE: dict[str, dict[str, Any]] = {
    "own": {**_OWN, "others": [{**_OWN, "keys": []}]},
    "nerfstudio keys": {
        "camera_type": "perspective",
        "fps": 24,
        "seconds": 3,
        "is_cycle": True,
        "default_transition_sec": 1,
        "keyframes": [
            {"matrix": _POSE, "fov": 50, "override_transition_enabled": True, "override_transition_sec": 1, "render_time": 0.1},
            {"matrix": _POSE, "fov": 50, "override_transition_enabled": True, "override_transition_sec": 1, "properties": '[["FOV",50],["TIME",0.5]]'},
        ],
    },
    "nerfstudio pictures": {"fps": 24, "camera_path": [{"camera_to_world": _POSE, "fov": 50, "render_time": 0.1 * i} for i in range(2)]},
    "instant-ngp": {
        "loop": True,
        "duration_seconds": 3,
        "spline_order": 3,
        "path": [{"R": [0, 0, 0, 1], "T": [0, 0, i], "fov": 50, "timestamp": i + 1} for i in range(3)],
    },
}
_WRONG = (None, [], {}, "x", "\ud800", -1, 0, True, [1, 2], {"a": 1}, 1e300, -1e300, 10**400, float("nan"), float("inf"))


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every field and item, at whatever depth."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield (*at, name)
        yield from _places(part, (*at, name))


def _damaged(content: Any, place: tuple[Any, ...], wrong: Any) -> Any:
    damaged = copy.deepcopy(content)
    part = damaged
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = wrong
    return damaged


@pytest.mark.parametrize("kind", _WHOLE)
def test_any_field_may_hold_anything(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "path.json"
    file.write_text(json.dumps(_WHOLE[kind]))
    assert load_paths(file, (0, 1, 2)), "the file is good before it is damaged"
    complaints = []
    for place, wrong in itertools.product(list(_places(_WHOLE[kind])), _WRONG):
        file.write_text(json.dumps(_damaged(_WHOLE[kind], place, wrong)))
        try:
            paths = load_paths(file, (0, 1, 2))
        except ValueError as error:
            complaints.append(str(error))
            continue
        for path in paths:
            assert path.duration_s <= 2 * MAX_TIME_S, f"{place} = {wrong!r}"
            path.name.encode()  # texts are drawn
            for time_s in (0.4, 2.0):
                if path.keys:
                    camera = path.sample(time_s).camera(64, 48)
                    assert np.isfinite(camera.T_camera_world).all(), f"{place} = {wrong!r}"
    assert len(complaints) > 50, "the control: damage is seen"
    for complaint in complaints:
        assert str(file) in complaint
        assert len(complaint) < 800, "a message is to be read"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"keyframes": "\\ud800', "{", "", '{"keyframes": [{"properties": "' + "[" * 100_000 + '"}]}'])
def test_texts_that_are_no_json_are_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "path.json"
    file.write_text(text)
    with pytest.raises(ValueError, match="path.json"):
        load_paths(file)
    with pytest.raises(ValueError, match="clipboard"):
        path_from_text(text, "clipboard")
