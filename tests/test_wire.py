"""Events as JSON: what may be sent goes there and back, nothing that is sent can break the state, and what is wrong is said."""

from __future__ import annotations

import json
import random
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from states import after, opened, with_path

from im4d_core.camera_path import CameraPath
from viewer import events as e
from viewer import keymap, wire
from viewer.edited_path import OrbitSettings
from viewer.preferences import Preferences
from viewer.request import render_request
from viewer.state import ViewerState

EXAMPLES = (
    e.Triggered(action="play"),
    e.SetFrame(index=3),
    e.SetRange(first=1, last=None),
    e.SetScale(scale=None),
    e.SetScale(scale=0.5),
    e.SetBackground(colour=(0.5, 0.25, 1.0)),
    e.SetUp(up=(0.0, 1.0, 0.0)),
    e.SetKeyEase(key_id=2, ease_in=0.5, ease_out=0.25),
    e.CopyKey(key_id=1),
    e.SetInterpolation(interpolation="linear"),
    e.SetOrbit(settings=OrbitSettings(turns=2.0)),
    e.SetPreferences(preferences=Preferences(vsync=False, chords=(("play", ("G", "Ctrl+G")),), recent=("/a",))),
    e.FileChosen(purpose="open", path=Path("/runs/dancer")),
)


@pytest.mark.parametrize("event", EXAMPLES)
def test_an_event_goes_there_and_back(event: Any) -> None:
    line = json.dumps(wire.event_to_json(event)).encode()
    assert wire.event_from_json(wire.parsed(line)) == event


def _plain(kind: Any) -> bool:
    """Whether JSON has such values."""
    if kind in (bool, int, float, str, Path, type(None)):
        return True
    if hasattr(kind, "__dataclass_fields__"):
        return kind is not CameraPath and all(map(_plain, get_type_hints(kind).values()))
    return get_origin(kind) is Literal or (bool(get_args(kind)) and all(_plain(part) for part in get_args(kind) if part is not Ellipsis))


@pytest.mark.parametrize("group", [e.SceneTimeEvent, e.PictureEvent, e.CameraEvent, e.PathEvent])
def test_whatever_is_plain_values_can_be_sent(group: Any) -> None:
    assert [kind.__name__ for kind in get_args(group) if _plain(kind) and kind not in wire._KINDS] == []


def test_what_the_path_panel_does_can_be_done_from_outside() -> None:
    state = with_path(opened())
    told = wire.state_to_json(state, settled=True)
    assert told["path"]["key_ids"] == [1, 2, 3] and told["preferences"]["preset"] == "default"
    for sent in (
        e.SetKeyFov(key_id=2, fov_y_deg=33.0),
        e.SetKeyEase(key_id=2, ease_in=0.5, ease_out=0.25),
        e.SetTension(tension=0.75),
        e.SetInterpolation(interpolation="linear"),
        e.RenamePath(name="from outside"),
        e.CopyKey(key_id=3, time_s=9.0),
    ):
        event = wire.event_from_json(wire.parsed(json.dumps(wire.event_to_json(sent)).encode()))
        assert event is not None
        state = after(state, event)
    path = state.path_editor.path
    assert (path.keys[1].fov_y_deg, path.keys[1].ease_in, path.keys[1].ease_out) == (33.0, 0.5, 0.25)
    assert (path.tension, path.interpolation, path.name, len(path.keys)) == (0.75, "linear", "from outside", 4)


@pytest.mark.parametrize("effect", [e.TakeScreenshot(file=Path("/tmp/a.png")), e.FocusPanel(name="Path")])
def test_an_effect_is_asked_for_like_a_panel_does(effect: wire.Sendable) -> None:
    assert wire.event_from_json(wire.event_to_json(effect)) == e.AskedFor(effect=effect)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"GET / HTTP/1.1", "not a line of JSON"),
        (b"\xff\xfe", "not a line of JSON"),
        (b"[1, 2]", "expected a JSON object, found list"),
        (b"[" * 20000, "nested too deeply"),
        (b'{"event": "SetFrame", "values": {"index": NaN}}', "not a number that makes sense"),
        (b'{"event": "SetFov", "values": {"fov_y_deg": 1e999}}', "not a number that makes sense"),
        (b'{"event": "SetFrame", "values": {"index": 1' + b"0" * 400 + b"}}", "not a number that makes sense"),
        (b'{"event": "SetFrame", "values": {"index": "3"}}', "SetFrame: index must be int"),
        (b'{"event": "SetFrame", "values": {"frame": 3}}', "unknown key 'frame'"),
        (b'{"event": "SetFrame", "values": {}}', "SetFrame: the file is incomplete"),
        (b'{"event": "SetFrame", "values": [3]}', "with an object of its fields"),
        (b'{"event": "SetFrames"}', "expected one of Triggered"),
        (b'{"event": ["SetFrame"]}', "expected one of Triggered"),
        (b'{"event": "RenderFinished", "values": {}}', "expected one of Triggered"),
        (b'{"event": "Triggered", "values": {"action": "explode"}}', "unknown action 'explode'"),
        (b'{"event": "SetOverlay", "values": {"name": "halo", "shown": true}}', "unknown overlay 'halo'"),
        (b'{"event": "SetMode", "values": {"mode": "turbo"}}', "one of 'fast'"),
        (b'{"event": "LoadPath", "values": {"file": "path.json"}}', "must be an absolute path"),
        (b'{"do": "play"}', "found 'do'"),
    ],
)
def test_what_is_wrong_is_said(line: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        wire.event_from_json(wire.parsed(line))


def _values(kind: Any, chance: random.Random) -> Any:
    """Some value of a type, often an extreme one."""
    options = [option for option in get_args(kind) if option is not type(None)]
    if kind is bool:
        return chance.random() < 0.5
    if kind is int:
        return chance.choice([0, 1, -1, 7, 99999999999, -99999999999])
    if kind is float:
        return chance.choice([0.0, 1.0, -1.0, 0.3, 1e12, -1e12, 1e-300])
    if kind is str:
        return chance.choice(["", "x", "../..", "\0", "12"])
    if kind is Path:
        return chance.choice(["/", "/nowhere/path.json", "/a.txt"])
    if get_origin(kind) is tuple:
        return [_values(options[0], chance) for _ in range(3)] if options[-1] is Ellipsis else [_values(option, chance) for option in options]
    if hasattr(kind, "__dataclass_fields__"):
        hints = get_type_hints(kind)
        return {field.name: _values(hints[field.name], chance) for field in fields(kind)}
    if all(isinstance(option, str | int) for option in options):
        return chance.choice(options)  # a Literal
    return None if type(None) in get_args(kind) and chance.random() < 0.3 else _values(options[0], chance)


@pytest.mark.parametrize("kind", wire._KINDS, ids=lambda kind: kind.__name__)
def test_no_value_breaks_the_state(kind: type) -> None:
    chance = random.Random(kind.__name__)
    hints, understood = get_type_hints(kind), 0
    state: ViewerState = opened()
    for _ in range(60):
        message = {"event": kind.__name__, "values": {name: _values(hints[name], chance) for name in hints}}
        if kind is e.Triggered:
            message["values"] = {"action": chance.choice([name for name in wire.HANDLERS if not name.startswith("quit")])}
        try:
            event = wire.event_from_json(wire.parsed(json.dumps(message).encode()))
        except ValueError:
            continue
        assert event is not None
        understood += 1
        state = after(state, event, e.Tick(now_s=state.now_s + 0.1))
        state = after(state, e.EffectsTaken(count=len(state.effects)))
        assert np.isfinite(state.navigation.T_camera_world).all()
        request = render_request(state, 80, 60)
        assert request is not None
        assert np.isfinite(request.camera.K).all()
        keymap.table(state.preferences)
        json.dumps(wire.state_to_json(state, settled=True), allow_nan=False)
    assert understood > 10 or kind in (e.SetOverlay,), "the values were all refused: nothing was tested"
