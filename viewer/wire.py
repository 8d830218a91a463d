"""Events and the state as JSON, for programs that steer the window from outside. Pure.

An event is told by the name of its class and its fields: ``{"event": "SetFrame", "values": {"index": 3}}``.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from im4d_core.config import config_from_json
from viewer import events as e
from viewer.actions import HANDLERS, camera_text
from viewer.consent import asked_of_user
from viewer.progress import Progress
from viewer.state import Overlays, ViewerState, shown_index, shown_onward

LONGEST = 1 << 16
"""Bytes of a message."""
_LARGEST = 1e12  # no number that means anything here is larger; its square is still a number

_KINDS = (
    *(e.Triggered, e.Dragged, e.Scrolled, e.FileChosen, e.TextPasted),
    *(e.SetFrame, e.SetSpeed, e.SetFps, e.SetLoop, e.SetRange, e.SetEveryFrame, e.SetBetween),
    *(e.SetMode, e.SetOutput, e.SetScale, e.SetTargetFps, e.SetBackground, e.SetOverlay, e.SetQuality, e.SetLook, e.SetCrop, e.SetClip, e.SetComparison),
    *(e.SetNavigationMode, e.SetFov, e.SetPrincipalPoint, e.SetFlySpeed, e.SetPose, e.JumpToCamera, e.SelectCamera, e.SetRoll, e.SetUp),
    *(e.SelectKey, e.SetKeyTime, e.SetKeyFrame, e.SetKeyFov, e.SetKeyEase, e.CopyKey, e.SetPathTime, e.SetRecordsSceneTime),
    *(e.SetPathLoop, e.SetInterpolation, e.SetTension, e.SetConstantSpeed, e.SetOrbit, e.ChoosePath, e.RenamePath, e.SetPathFile, e.SetPathForm),
    *(e.SetPreferences, e.SetTaken, e.SetExport, e.RemoveExport, e.ClearExports, e.DismissNotice, e.TakeScreenshot, e.LoadPath, e.OpenScene, e.FocusPanel),
)
"""What may be sent: what a hand at the window could do, as far as it is plain values. What the window tells itself, such as `RenderFinished`, may not;
whole paths go by `LoadPath`, which checks them."""
_BY_NAME = {kind.__name__: kind for kind in _KINDS}
_EFFECTS = (e.TakeScreenshot, e.LoadPath, e.OpenScene, e.FocusPanel)

Sendable = e.Event | e.TakeScreenshot | e.LoadPath | e.OpenScene | e.FocusPanel
"""An event of the window, or one of the effects that panels ask for directly."""


def event_to_json(event: Sendable) -> dict[str, Any]:
    """The message that means an event.

    Raises:
        ValueError: it is not one that may be sent.
    """
    name = type(event).__name__
    if name not in _BY_NAME:
        raise ValueError(f"{name} cannot be sent to the viewer; expected one of {', '.join(_BY_NAME)}")
    values = {field: str(value) if isinstance(value, Path) else value for field, value in asdict(event).items()}
    return {"event": name, "values": values}


def event_from_json(message: dict[str, Any]) -> e.Event | None:
    """The event of a message; None for a message that only asks for the state.

    Raises:
        ValueError: an unknown event, field or action, or a value of another type.
    """
    unknown = set(message) - {"event", "values"}
    if unknown:
        raise ValueError(f"a message has 'event' and 'values', found {', '.join(map(repr, sorted(unknown)))}")
    if not message:
        return None
    name, values = message.get("event"), message.get("values", {})
    kind = _BY_NAME.get(name) if isinstance(name, str) else None
    if kind is None or not isinstance(values, dict):
        raise ValueError(f"event {name!r} with values {values!r}: expected one of {', '.join(_BY_NAME)}, with an object of its fields")
    event: Any = config_from_json(kind, values, kind.__name__)
    relative = next((value for value in vars(event).values() if isinstance(value, Path) and not value.is_absolute()), None)
    if relative is not None:
        raise ValueError(f"{kind.__name__}: {relative} must be an absolute path; the window has a working folder of its own")
    if isinstance(event, e.Triggered) and event.action not in HANDLERS:
        raise ValueError(f"Triggered: unknown action {event.action!r}; expected one of {', '.join(sorted(HANDLERS))}")
    names = [field.name for field in fields(Overlays)]
    if isinstance(event, e.SetOverlay) and event.name not in names:
        raise ValueError(f"SetOverlay: unknown overlay {event.name!r}; expected one of {', '.join(names)}")
    return e.AskedFor(effect=event) if isinstance(event, _EFFECTS) else event


def parsed(line: bytes) -> dict[str, Any]:
    """A line as a JSON object of finite numbers.

    Raises:
        ValueError: it is none.
    """
    try:
        message = json.loads(line.decode("utf-8"), parse_float=_finite, parse_int=_whole, parse_constant=_finite)
    except RecursionError:
        raise ValueError("the message is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"not a line of JSON: {error}") from error
    if not isinstance(message, dict):
        raise ValueError(f"expected a JSON object, found {type(message).__name__}")
    return message


def state_to_json(state: ViewerState, *, settled: bool) -> dict[str, Any]:
    """What the window shows and does now.

    Args:
        settled: whether the picture on the screen is the best one of what is asked for, and nothing moves.
    """
    scene, transport, picture, editor, export = state.scene, state.transport, state.picture, state.path_editor, state.export
    view = None if scene is None or state.dataset_camera is None else scene.cameras[state.dataset_camera].name
    return {
        "settled": settled,
        "scene": None if scene is None else scene.name,
        "source": None if state.source is None else str(state.source.absolute()),
        "frames": [] if scene is None else list(scene.frames),
        "cameras": [] if scene is None else [camera.name for camera in scene.cameras],
        "index": shown_index(state),
        "frame": None if scene is None else state.frame,
        "onward": shown_onward(state),
        "displayed_frame": state.displayed_frame,
        "playing": transport.playing,
        "fps": transport.fps,
        "speed": transport.speed,
        "loop": transport.loop,
        "between": transport.between,
        "mode": picture.mode,
        "output": picture.output,
        "size": [state.width, state.height],
        "camera": json.loads(camera_text(state)),
        "dataset_camera": view,
        "selected_camera": None if scene is None or state.selected_camera is None else scene.cameras[state.selected_camera].name,
        "overlays": asdict(state.overlays),
        "preferences": asdict(state.preferences),
        "path": {
            "name": editor.path.name,
            "keys": len(editor.path.keys),
            "key_ids": [key.id for key in editor.path.keys],
            "time_s": editor.time_s,
            "previewing": editor.previewing,
            "playing": editor.playing,
            "unsaved": editor.unsaved,
            "file": editor.file,
        },
        "export": {
            **asdict(export.settings),
            "job": _progress(export.job),
            "queue": [
                {"number": made.number, "file": str(made.file), "state": made.state, **_counts(made.progress), "error": made.error} for made in export.queue
            ],
            "finished": None if export.finished is None else str(export.finished),
        },
        "jobs": {"picture": _progress(state.picture_job), "occupancy": _progress(state.occupancy_job)},
        "question": asked_of_user(state),
        "notices": [
            {"id": notice.id, "count": notice.count, "level": notice.level, "text": notice.text, "file": None if notice.path is None else str(notice.path)}
            for notice in state.notices
        ],
    }


def _progress(progress: Progress | None) -> dict[str, int] | None:
    return None if progress is None else _counts(progress)


def _counts(progress: Progress) -> dict[str, int]:
    """A total of 0 means that it has not begun."""
    return {"done": progress.done, "total": progress.total}


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or abs(number) > _LARGEST:
        raise ValueError(f"{text[:40]} is not a number that makes sense here")
    return number


def _whole(text: str) -> int:
    if len(text) > 12:
        raise ValueError(f"{text[:40]} is not a number that makes sense here")
    return int(text)
