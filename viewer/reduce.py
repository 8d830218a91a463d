"""`reduce`: how each event changes the state. Pure and total: an event that makes no sense now changes nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np

from im4d_core.geometry import unproject
from im4d_core.path_files import CAMERA_FILES
from viewer import attitude, choices, controls, job_reduce, path_editor, path_recording, path_reduce, playback, resolution
from viewer import events as e
from viewer.actions import HANDLERS, camera_pasted, set_fly_speed, set_mode
from viewer.changes import asked, exporting_as, looking_through, n_frames, navigated, notified, taken_over, vector
from viewer.compare import place_in_picture
from viewer.comparing import compared, holding_captured
from viewer.consent import wanted
from viewer.crop import limited
from viewer.dragging import abandoned, held
from viewer.edits import jumps, recorded
from viewer.flight import Flight
from viewer.near_far import limited as limited_depths
from viewer.opening import scene_opened
from viewer.request import view_camera
from viewer.state import SCALES, TARGETS, Navigation, Overlays, Picture, ViewerState, placed
from viewer.transport import Transport

MAX_STEPS = 50.0
"""Of the wheel at once."""
_APPROACH = math.log(0.25, 0.9)  # steps of the wheel: a double-click in flight leaves a quarter of the way
NOTICE_S = {"info": 6.0, "warning": math.inf, "error": math.inf}
"""How long a notice stays: what may need doing until it was read."""


def reduce(state: ViewerState, event: e.Event) -> ViewerState:
    """The state after an event."""
    after = _one_selected(state, recorded(state, _REDUCERS[type(event)](state, event), event), event)
    if jumps(state, event) or (isinstance(event, e.Triggered) and event.action in ("undo", "redo")):
        after = _flying(state, after)
    return after if _view(after) == _view(state) else replace(after, moved_s=after.now_s)


def _one_selected(before: ViewerState, after: ViewerState, event: e.Event) -> ViewerState:
    """A key of the path is selected, so no camera of the capture is any more: what was selected last is meant."""
    key = after.path_editor.selected
    chosen = isinstance(event, e.SelectKey) or key != before.path_editor.selected
    return replace(after, selected_camera=None) if after.selected_camera is not None and key is not None and chosen else after


def _select_camera(state: ViewerState, event: e.SelectCamera) -> ViewerState:
    known = event.view is not None and state.scene is not None and 0 <= event.view < len(state.scene.cameras)
    return replace(state, selected_camera=event.view if known else None)


def _flying(before: ViewerState, after: ViewerState) -> ViewerState:
    """The camera is somewhere else, and is to be seen going there."""
    here, there = ((state.navigation, state.dataset_camera, state.path_editor.previewing) for state in (before, after))
    if after.scene is None or not after.preferences.animated or here == there:
        return after
    return replace(after, flight=Flight(start=view_camera(before, before.width, before.height), began_s=after.now_s))


def _view(state: ViewerState) -> tuple[object, ...]:
    """What moves the picture."""
    editor = state.path_editor
    preview = (editor.path, editor.time_s) if editor.previewing else None
    on_its_way = (state.flight, state.now_s) if state.flight is not None else None
    scene_time = (state.transport.index, state.transport.onward)
    return (state.navigation, state.dataset_camera, scene_time, preview, state.width, state.height, on_its_way, state.crop, state.clip)


# ---- input --------------------------------------------------------------------------------------------------------------------------------------


def _tick(state: ViewerState, event: e.Tick) -> ViewerState:
    dt_s = event.now_s - state.now_s
    state = held(replace(state, now_s=event.now_s), event.gesture)
    transport = playback.tick(state.transport, n_frames(state), event.now_s, shown=state.scene is None or state.displayed_frame == state.frame)
    editor = path_editor.tick(state.path_editor, event.now_s)
    notices = tuple(notice for notice in state.notices if event.now_s - notice.raised_s < NOTICE_S[notice.level])
    notices = state.notices if len(notices) == len(state.notices) else notices
    if transport is not state.transport or editor is not state.path_editor or notices is not state.notices:
        state = replace(state, transport=transport, path_editor=editor, notices=notices)
    state = path_recording.noted(state)
    state = holding_captured(state, controls.HOLD_CAPTURED in event.held)
    if state.flight is not None and state.flight.is_over(event.now_s):
        state = replace(state, flight=None)
    wanted, velocity = controls.wish(event.held), np.array(state.navigation.velocity)
    if state.scene is None or not (wanted.any() or velocity.any()):
        return state
    state = taken_over(state)
    nav = replace(state.navigation, mode="fly") if state.preferences.keys_fly and wanted.any() else state.navigation
    pose, pivot, velocity = controls.fly(nav.T_camera_world, np.array(nav.pivot), np.array(nav.up), velocity, wanted, nav.speed, dt_s)
    return replace(state, navigation=replace(nav, T_camera_world=pose, pivot=vector(pivot), velocity=vector(velocity)))


def _triggered(state: ViewerState, event: e.Triggered) -> ViewerState:
    handler = HANDLERS.get(event.action)
    return state if handler is None else handler(state)


def _dragged(state: ViewerState, event: e.Dragged) -> ViewerState:
    drag = DRAGS.get(event.action)
    if drag is None or state.scene is None or event.height_px <= 0:
        return state
    state = taken_over(state)
    return drag(state, event.dx_px / event.height_px, event.dy_px / event.height_px)


def _orbit(state: ViewerState, dx: float, dy: float) -> ViewerState:
    nav = state.navigation
    pivot = np.array(nav.pivot)
    return navigated(state, controls.orbit(nav.T_camera_world, pivot, np.array(nav.up), dx, dy), pivot)


def _look(state: ViewerState, dx: float, dy: float) -> ViewerState:
    nav = state.navigation
    return navigated(state, *controls.look(nav.T_camera_world, np.array(nav.pivot), np.array(nav.up), nav.fov_y_deg, dx, dy))


def _pan(state: ViewerState, dx: float, dy: float) -> ViewerState:
    nav = state.navigation
    return navigated(state, *controls.pan(nav.T_camera_world, np.array(nav.pivot), nav.fov_y_deg, dx, dy))


def _scrolled(state: ViewerState, event: e.Scrolled) -> ViewerState:
    scroll = SCROLLS.get(event.action)
    if scroll is None or state.scene is None or not math.isfinite(event.steps):
        return state
    return scroll(state, min(max(event.steps, -MAX_STEPS), MAX_STEPS), event.at)


def _dolly(state: ViewerState, steps: float, at: tuple[float, float] | None) -> ViewerState:
    state = taken_over(state)
    nav = state.navigation
    pivot = np.array(nav.pivot)
    if nav.mode == "fly":
        return navigated(state, *controls.advance(nav.T_camera_world, pivot, 0.2 * nav.speed * steps))
    towards = pivot if at is None or not state.preferences.wheel_to_mouse else _under(state, at, pivot)
    return navigated(state, controls.dolly(nav.T_camera_world, towards, steps), pivot)


def _under(state: ViewerState, at: tuple[float, float], pivot: np.ndarray) -> np.ndarray:
    """The point under the mouse, as deep as the pivot; the pivot where that lies behind."""
    camera = view_camera(state, state.width, state.height)
    depth = float((camera.T_camera_world[:3, :3] @ pivot + camera.T_camera_world[:3, 3])[2])
    x = place_in_picture(state.comparison.shown_layout, at[0])
    return unproject(camera, np.array([[x * camera.width, at[1] * camera.height]]), np.array([depth]))[0] if depth > 0.0 else pivot


def _zoom(state: ViewerState, steps: float, at: tuple[float, float] | None) -> ViewerState:
    state = taken_over(state)
    return _with_navigation(state, replace(state.navigation, fov_y_deg=controls.zoomed(state.navigation.fov_y_deg, steps)))


DRAGS: dict[str, Callable[[ViewerState, float, float], ViewerState]] = {"orbit": _orbit, "look": _look, "pan": _pan}
SCROLLS: dict[str, Callable[[ViewerState, float, tuple[float, float] | None], ViewerState]] = {
    "dolly": _dolly,
    "fov": _zoom,
    "fly_speed": lambda state, steps, at: set_fly_speed(state, state.navigation.speed * 1.25**steps),
    "scale": lambda state, steps, at: _with_scale(state, state.picture.scale * 1.1**steps),
}


def _pivot_picked(state: ViewerState, event: e.PivotPicked) -> ViewerState:
    if not all(map(math.isfinite, event.point)):
        return state
    state = taken_over(state)
    nav, point = state.navigation, np.array(event.point)
    return navigated(state, controls.dolly(nav.T_camera_world, point, _APPROACH) if nav.mode == "fly" else nav.T_camera_world, point)


def _file_chosen(state: ViewerState, event: e.FileChosen) -> ViewerState:
    file = event.path
    if event.purpose == "export":
        return replace(state, export=replace(state.export, settings=replace(state.export.settings, file=str(file))))
    if event.purpose == "output":
        return choices.with_preferences(state, replace(state.preferences, output=str(file.absolute())))
    if event.purpose == "save_path":
        return asked(_with_path_file(state, str(file)), e.SavePath(path=state.path_editor.path, others=state.path_editor.shelf, file=placed(state, str(file))))
    if event.purpose == "open" and file.suffix.lower() == ".txt" and file.name not in CAMERA_FILES:
        return asked(state, e.ReadText(file=file))
    if event.purpose == "open_path" or file.name in CAMERA_FILES or (file.suffix.lower() == ".json" and file.name != "config.json"):
        return asked(state, e.LoadPath(file=placed(state, str(file))))
    return wanted(state, e.OpenScene(source=file.parent if file.name == "config.json" else file))


# ---- panels -------------------------------------------------------------------------------------------------------------------------------------


def _set_frame(state: ViewerState, event: e.SetFrame) -> ViewerState:
    state = taken_over(state) if state.path_editor.previewing else state
    return _with_transport(state, playback.seek(state.transport, n_frames(state), event.index, state.now_s, event.onward))


def _set_rate(state: ViewerState, fps: float, speed: float) -> ViewerState:
    if not (math.isfinite(fps) and math.isfinite(speed)):
        return state
    return _with_transport(state, playback.set_rate(state.transport, n_frames(state), state.now_s, fps, speed))


def _set_loop(state: ViewerState, event: e.SetLoop) -> ViewerState:
    return _with_transport(state, playback.set_loop(state.transport, n_frames(state), state.now_s, event.loop))


def _set_range(state: ViewerState, event: e.SetRange) -> ViewerState:
    return _with_transport(state, playback.set_range(state.transport, n_frames(state), state.now_s, event.first, event.last))


def _set_every_frame(state: ViewerState, event: e.SetEveryFrame) -> ViewerState:
    return _with_transport(state, playback.set_every_frame(state.transport, n_frames(state), state.now_s, event.on))


def _set_scale(state: ViewerState, event: e.SetScale) -> ViewerState:
    if event.scale is None:
        return _with_picture(state, replace(state.picture, automatic_scale=True, recent_ms=()))
    return _with_scale(state, event.scale)


def _set_target_fps(state: ViewerState, event: e.SetTargetFps) -> ViewerState:
    if not math.isfinite(event.fps):
        return state
    return _with_picture(state, replace(state.picture, target_fps=min(max(event.fps, TARGETS[0]), TARGETS[1]), recent_ms=()))


def _set_fov(state: ViewerState, event: e.SetFov) -> ViewerState:
    if not math.isfinite(event.fov_y_deg):
        return state
    state = taken_over(state)
    return _with_navigation(state, replace(state.navigation, fov_y_deg=float(np.clip(event.fov_y_deg, *controls.FOV_RANGE_DEG))))


def _set_principal_point(state: ViewerState, event: e.SetPrincipalPoint) -> ViewerState:
    if not all(map(math.isfinite, event.principal_point)):
        return state
    right, down = (float(np.clip(part, *controls.PRINCIPAL_RANGE)) for part in event.principal_point)
    state = taken_over(state)
    return _with_navigation(state, replace(state.navigation, principal_point=(right, down)))


def _set_pose(state: ViewerState, event: e.SetPose) -> ViewerState:
    if not all(map(math.isfinite, (*event.centre, event.yaw_deg, event.pitch_deg))):
        return state
    state = taken_over(state)
    nav = state.navigation
    distance = float(np.linalg.norm(np.array(nav.pivot) - controls.centre_of(nav.T_camera_world)))
    pose = controls.aimed(np.array(event.centre), np.array(nav.up), event.yaw_deg, event.pitch_deg)
    return navigated(state, pose, np.array(event.centre) + pose[2, :3] * distance)


def _set_overlay(state: ViewerState, event: e.SetOverlay) -> ViewerState:
    if event.name not in {field.name for field in fields(Overlays)}:
        return state
    return replace(state, overlays=replace(state.overlays, **{event.name: event.shown}))


def _live_ended(state: ViewerState, event: e.LiveEnded) -> ViewerState:
    state = replace(state, live_since_s=None)
    if event.file is None:
        return state
    left_out = f"; the encoder had no time for {event.left_out} pictures" if event.left_out else ""
    return notified(state, "info", f"Saved {event.file}{left_out}", event.file)


def _dismiss(state: ViewerState, event: e.DismissNotice) -> ViewerState:
    return replace(state, notices=tuple(notice for notice in state.notices if notice.id != event.notice_id))


# ---- the window's jobs --------------------------------------------------------------------------------------------------------------------------


def _render_finished(state: ViewerState, event: e.RenderFinished) -> ViewerState:
    if event.shown and event.request.frame != state.displayed_frame:
        state = replace(state, displayed_frame=event.request.frame)
    picture = resolution.rescaled(state.picture, event.request, event.render_ms, event.steady)
    return state if picture is state.picture else _with_picture(state, picture)


# ---- parts --------------------------------------------------------------------------------------------------------------------------------------


def _with_navigation(state: ViewerState, navigation: Navigation) -> ViewerState:
    return replace(state, navigation=navigation)


def _with_transport(state: ViewerState, transport: Transport) -> ViewerState:
    return replace(state, transport=transport)


def _with_picture(state: ViewerState, picture: Picture) -> ViewerState:
    return replace(state, picture=picture)


def _with_path_file(state: ViewerState, file: str) -> ViewerState:
    return replace(state, path_editor=replace(state.path_editor, file=file))


def _with_scale(state: ViewerState, scale: float) -> ViewerState:
    """Manual from now on."""
    if not math.isfinite(scale):
        return state
    return _with_picture(state, replace(state.picture, automatic_scale=False, scale=min(max(scale, SCALES[0]), SCALES[1]), recent_ms=()))


_REDUCERS: dict[type, Callable[..., ViewerState]] = {
    e.Tick: _tick,
    e.Triggered: _triggered,
    e.Dragged: _dragged,
    e.DragAbandoned: lambda state, event: abandoned(state),
    e.Scrolled: _scrolled,
    e.PivotPicked: _pivot_picked,
    e.Resized: lambda state, event: replace(state, width=max(event.width, 1), height=max(event.height, 1)),
    e.FileChosen: _file_chosen,
    e.SetFrame: _set_frame,
    e.SetSpeed: lambda state, event: _set_rate(state, state.transport.fps, event.speed),
    e.SetFps: lambda state, event: _set_rate(state, event.fps, state.transport.speed),
    e.SetLoop: _set_loop,
    e.SetRange: _set_range,
    e.SetEveryFrame: _set_every_frame,
    e.SetBetween: lambda state, event: _with_transport(state, playback.set_between(state.transport, n_frames(state), state.now_s, event.on)),
    e.SetMode: lambda state, event: set_mode(state, event.mode),
    e.SetOutput: lambda state, event: _with_picture(state, replace(state.picture, output=event.output)),
    e.SetScale: _set_scale,
    e.SetTargetFps: _set_target_fps,
    e.SetBackground: lambda state, event: _with_picture(state, replace(state.picture, background=event.colour)),
    e.SetComparison: lambda state, event: compared(state, event.comparison),
    e.SetCrop: lambda state, event: state if state.scene is None else replace(state, crop=limited(event.crop, state.scene.bounds)),
    e.SetClip: lambda state, event: replace(state, clip=limited_depths(event.clip)),
    e.SetLook: lambda state, event: _with_picture(state, replace(state.picture, look=event.look.limited)),
    e.SetQuality: lambda state, event: _with_picture(state, replace(state.picture, quality=event.quality.limited, recent_ms=())),
    e.SetNavigationMode: lambda state, event: _with_navigation(state, replace(state.navigation, mode=event.mode)),
    e.SetFov: _set_fov,
    e.SetPrincipalPoint: _set_principal_point,
    e.SetFlySpeed: lambda state, event: set_fly_speed(state, event.speed) if math.isfinite(event.speed) else state,
    e.SetPose: _set_pose,
    e.JumpToCamera: lambda state, event: looking_through(state, event.view),
    e.SelectCamera: _select_camera,
    e.SetOverlay: _set_overlay,
    e.SetExport: lambda state, event: exporting_as(state, event.settings),
    e.SetTaken: lambda state, event: replace(state, export=replace(state.export, taken=event.taken)),
    e.EncoderProbed: lambda state, event: replace(state, export=replace(state.export, encoders=(*state.export.encoders, event.report))),
    e.DismissNotice: _dismiss,
    e.AskedFor: lambda state, event: wanted(state, event.effect),
    e.WouldReplace: lambda state, event: replace(state, asks=event.effect),
    e.SceneOpened: scene_opened,
    e.RenderFinished: _render_finished,
    e.Notified: lambda state, event: notified(state, event.level, event.text, event.path),
    e.TextPasted: lambda state, event: camera_pasted(state, event.text, event.origin),
    e.LiveEnded: _live_ended,
    **path_reduce.REDUCERS,
    **job_reduce.REDUCERS,
    e.EffectsTaken: lambda state, event: replace(state, effects=state.effects[event.count :]),
    **choices.REDUCERS,
    **attitude.REDUCERS,
}
