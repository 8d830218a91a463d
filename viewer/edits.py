"""What a user edits in the window, all of it under one undo: what belongs to it, when a step is made, how one goes back. Pure.

Moving about is no edit: it is all the time, and undo would lead through it for ever. Jumps of the camera are steps; going back from one leads to where it
began, whatever was moved since.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from im4d_core.camera_path import CameraPath
from im4d_core.export_settings import ExportSettings
from viewer import bindings, path_editor, playback
from viewer import events as e
from viewer.changes import n_frames
from viewer.compare import Comparison
from viewer.crop import Crop
from viewer.history import BURST_S, Gesture, History, Step, with_step
from viewer.near_far import NearFar
from viewer.opening import is_open
from viewer.state import Navigation, Overlays, Picture, Taken, ViewerState
from viewer.transport import Transport

JUMPS = frozenset(
    ("frame_selected", "frame_scene", "reset_view", "camera_previous", "camera_next", "camera_first", "camera_last", "level", "up_here", "up_scene")
    + tuple(f"camera_{number}" for number in range(10))
)
"""Actions that put the camera somewhere else at once."""
_LEADING = ("undo", "redo")
_REPEATED = frozenset(key.action for key in bindings.KEYS if key.repeats)

_WORDS: dict[type, str] = {
    e.SetKeyTime: "time of a key",
    e.CopyKey: "copy of a key",
    e.SetKeyFrame: "frame of a key",
    e.SetKeyFov: "field of view of a key",
    e.SetKeyEase: "easing of a key",
    e.SetKeyPose: "place of a key",
    e.SetPathLoop: "loop of the path",
    e.SetInterpolation: "way between the keys",
    e.SetTension: "tension of the path",
    e.SetConstantSpeed: "speed along the path",
    e.ChoosePath: "choice of the path",
    e.RenamePath: "name of the path",
    e.MotionRecorded: "recorded path",
    e.PathLoaded: "loaded path",
    e.SetFps: "rate of the scene",
    e.SetSpeed: "speed of playback",
    e.SetLoop: "end of playback",
    e.SetRange: "range that plays",
    e.SetEveryFrame: "every frame, or by the clock",
    e.SetBetween: "moments between frames",
    e.SetMode: "renderer",
    e.SetOutput: "what is shown",
    e.SetScale: "resolution",
    e.Scrolled: "resolution",
    e.SetTargetFps: "target rate",
    e.SetBackground: "background",
    e.SetQuality: "quality",
    e.SetLook: "look",
    e.SetOverlay: "what lies over the picture",
    e.SetCrop: "crop box",
    e.SetClip: "near and far",
    e.SetComparison: "comparison",
    e.SetExport: "export settings",
    e.SetTaken: "what an export takes along",
    e.JumpToCamera: "camera of the capture",
    e.TextPasted: "pasted camera",
    e.PivotPicked: "flight to a point",
    e.SetPose: "position of the camera",
    e.SetFov: "field of view",
    e.SetPrincipalPoint: "principal point",
    e.SetRoll: "roll of the camera",
    e.SetUp: "direction of up",
}
"""What is undone, by what did it."""
_ACTIONS = {
    **{key.action: key.help for key in bindings.KEYS},
    "range_clear": "range that plays",
    "up_here": "direction of up",
    "up_scene": "direction of up",
    "path_clear": "cleared path",
    "path_new": "new path",
    "path_copy": "copy of the path",
    "path_remove": "removed path",
}


@dataclass(frozen=True, kw_only=True)
class Edits:
    """All that undo leads back to, without what goes by itself: clocks, automatic scale, keys that are held."""

    path: CameraPath
    shelf: tuple[CameraPath, ...]
    selected: int | None = field(compare=False)
    transport: Transport
    picture: Picture
    overlays: Overlays
    crop: Crop
    clip: NearFar | None
    comparison: Comparison
    export: ExportSettings
    taken: Taken


@dataclass(frozen=True, kw_only=True)
class View:
    """Where the user's camera is."""

    navigation: Navigation
    dataset_camera: int | None
    last_camera: int


def jumps(state: ViewerState, event: e.Event) -> bool:
    """Whether the camera may be somewhere else at once."""
    if isinstance(event, e.PivotPicked):
        return state.navigation.mode == "fly"
    return isinstance(event, e.JumpToCamera | e.TextPasted | e.SetUp) or (isinstance(event, e.Triggered) and event.action in JUMPS)


def recorded(before: ViewerState, after: ViewerState, event: e.Event) -> ViewerState:
    """The state after an event, with a step back to the state before where the event was an edit. Another scene has another history."""
    if isinstance(event, e.SceneOpened) and is_open(before, event.source):
        return after
    if isinstance(event, e.SceneOpened | e.Restored):
        return replace(after, history=History())
    if isinstance(event, e.PathLoaded) and before.path_editor.empty and not before.history.undo:
        return after  # the path that a scene comes with
    if isinstance(event, e.Tick | e.Dragged | e.DragAbandoned) or (isinstance(event, e.Triggered) and event.action in _LEADING):
        return after  # what happens all the time is no edit
    edits, view = edits_of(before), None
    if jumps(before, event) or isinstance(event, e.SetPose | e.SetFov | e.SetPrincipalPoint | e.SetRoll):
        view = None if view_of(before) == view_of(after) else view_of(before)
    if view is None and edits == edits_of(after):
        return after
    step = Step(what=_words(event), edits=edits, view=view)
    return replace(after, history=with_step(before.history, step, _gesture(before, event)))


def undone(state: ViewerState) -> ViewerState:
    """One step back."""
    if not state.history.undo:
        return state
    *older, step = state.history.undo
    return replace(_at(state, step), history=History(undo=tuple(older), redo=(*state.history.redo, _back(state, step))))


def redone(state: ViewerState) -> ViewerState:
    """One step forward again."""
    if not state.history.redo:
        return state
    *later, step = state.history.redo
    return replace(_at(state, step), history=History(undo=(*state.history.undo, _back(state, step)), redo=tuple(later)))


def taken_back(state: ViewerState, before: History) -> ViewerState:
    """Without what the drag under way edited: no step leads there any more, neither back nor forward.

    Args:
        before: the history as it was when the drag began.
    """
    if not state.drag_edited:
        return state
    *older, step = state.history.undo
    return replace(_at(state, step), history=before if tuple(older) == before.undo else History(undo=tuple(older)))


def edits_of(state: ViewerState) -> Edits:
    editor, now, picture = state.path_editor, state.transport, state.picture
    return Edits(
        path=editor.path,
        shelf=editor.shelf,
        selected=editor.selected,
        transport=Transport(fps=now.fps, speed=now.speed, loop=now.loop, first=now.first, last=now.last, every_frame=now.every_frame, between=now.between),
        picture=replace(picture, scale=1.0 if picture.automatic_scale else picture.scale, recent_ms=()),
        overlays=state.overlays,
        crop=state.crop,
        clip=state.clip,
        comparison=replace(state.comparison, holds_captured=False),
        export=state.export.settings,
        taken=state.export.taken,
    )


def view_of(state: ViewerState) -> View:
    now = state.navigation
    navigation = Navigation(T_camera_world=now.T_camera_world, pivot=now.pivot, up=now.up, fov_y_deg=now.fov_y_deg, principal_point=now.principal_point)
    return View(navigation=navigation, dataset_camera=state.dataset_camera, last_camera=state.last_camera)


def _back(state: ViewerState, step: Step) -> Step:
    """The step in the other direction."""
    return Step(what=step.what, edits=edits_of(state), view=None if step.view is None else view_of(state))


def _at(state: ViewerState, step: Step) -> ViewerState:
    """The state at the other end of a step; what is the same there stays as it is."""
    edits, now = step.edits, edits_of(state)
    if (edits.path, edits.shelf) != (now.path, now.shelf):
        state = replace(state, path_editor=path_editor.returned(state.path_editor, edits.path, edits.shelf, edits.selected))
    if edits.transport != now.transport:
        state = replace(state, transport=_set_up(state.transport, edits.transport, n_frames(state), state.now_s))
    if edits.picture != now.picture:
        scale = state.picture.scale if edits.picture.automatic_scale else edits.picture.scale
        state = replace(state, picture=replace(edits.picture, scale=scale))
    comparison = replace(edits.comparison, holds_captured=state.comparison.holds_captured)
    export = replace(state.export, settings=edits.export, taken=edits.taken)
    state = replace(state, overlays=edits.overlays, crop=edits.crop, clip=edits.clip, comparison=comparison, export=export)
    return state if step.view is None else _seen_from(state, step.view)


def _set_up(transport: Transport, wanted: Transport, n: int, now_s: float) -> Transport:
    """The transport with other settings, without a jump in time."""
    transport = playback.set_rate(transport, n, now_s, wanted.fps, wanted.speed)
    transport = playback.set_loop(transport, n, now_s, wanted.loop)
    transport = playback.set_every_frame(transport, n, now_s, wanted.every_frame)
    transport = playback.set_between(transport, n, now_s, wanted.between)
    return playback.set_range(transport, n, now_s, wanted.first, wanted.last)


def _seen_from(state: ViewerState, view: View) -> ViewerState:
    wanted = view.navigation
    lens = replace(state.navigation, fov_y_deg=wanted.fov_y_deg, principal_point=wanted.principal_point)
    navigation = replace(lens, T_camera_world=wanted.T_camera_world, pivot=wanted.pivot, up=wanted.up, velocity=(0.0, 0.0, 0.0))
    editor = path_editor.stop(state.path_editor)
    return replace(state, navigation=navigation, path_editor=editor, dataset_camera=view.dataset_camera, last_camera=view.last_camera, flight=None)


def _words(event: e.Event) -> str:
    if isinstance(event, e.Triggered):
        return _ACTIONS.get(event.action, "path")
    return _WORDS.get(type(event), "export settings" if isinstance(event, e.FileChosen) else "path")


def _gesture(state: ViewerState, event: e.Event) -> Gesture | None:
    """The drag, the turning of the wheel or the repeated key that an edit is a part of."""
    if isinstance(event, e.Scrolled) or (isinstance(event, e.Triggered) and event.action in _REPEATED):
        return Gesture(name=event.action, at_s=state.now_s, within_s=BURST_S)
    if isinstance(event, e.Triggered) or not state.gesture:
        return None
    return Gesture(name=str(state.gesture), at_s=state.now_s, within_s=math.inf)
