"""What each action of `viewer.bindings` does to the state: the handlers of `Triggered`. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from im4d_core.camera_path import CameraPath, keyframe
from im4d_core.path_files import path_from_text, path_to_json
from viewer import attitude, consent, controls, path_actions, path_editor, playback
from viewer.changes import asked, first_view, frame_scene, frame_selected, looking_through, middle, n_frames, notified, taken_over, vector
from viewer.comparing import compare_next
from viewer.consent import wanted
from viewer.edits import redone, undone
from viewer.events import (
    ArrangePanels,
    BuildOccupancy,
    CancelExport,
    CancelOccupancy,
    CancelPicture,
    ChooseFile,
    CopyText,
    Effect,
    FocusPanel,
    OpenScene,
    PasteText,
    Quit,
    SavePictureOf,
    StartExport,
    StartLive,
    StopLive,
    TakeScreenshot,
    ToggleFullscreen,
)
from viewer.export_queue import pending
from viewer.exporting import export_problem, export_settings
from viewer.look import Output
from viewer.request import goal_camera, render_request
from viewer.state import Mode, Navigation, ViewerState, placed, scene_timing
from viewer.transport import LOOPS, Transport

SPEED_RANGE = (1e-3, 1e4)

# ---- groups of actions --------------------------------------------------------------------------------------------------------------------------

Handler = Callable[[ViewerState], ViewerState]


def _transport(change: Callable[[Transport, int, float], Transport]) -> Handler:
    """An action on scene time; a path preview ends."""

    def handler(state: ViewerState) -> ViewerState:
        if state.scene is None:
            return state
        state = taken_over(state) if state.path_editor.previewing else state
        return replace(state, transport=change(state.transport, n_frames(state), state.now_s))

    return handler


def _play(transport: Transport, n: int, now_s: float) -> Transport:
    return playback.pause(transport) if transport.playing else playback.play(transport, n, now_s)


def _next_loop(transport: Transport, n: int, now_s: float) -> Transport:
    return playback.set_loop(transport, n, now_s, LOOPS[(LOOPS.index(transport.loop) + 1) % len(LOOPS)])


def _step(by: int) -> Handler:
    return _transport(lambda transport, n, now_s: playback.step(transport, n, by, now_s))


def set_mode(state: ViewerState, mode: Mode) -> ViewerState:
    return replace(state, picture=replace(state.picture, mode=mode, recent_ms=()))


def _output(output: Output) -> Handler:
    return lambda state: replace(state, picture=replace(state.picture, output=output))


def _overlay(name: str) -> Handler:
    return lambda state: replace(state, overlays=replace(state.overlays, **{name: not getattr(state.overlays, name)}))


def _layout(name: str) -> Handler:
    return lambda state: replace(state, layout=replace(state.layout, **{name: not getattr(state.layout, name)}))


def _effect(effect: Effect) -> Handler:
    return lambda state: asked(state, effect)


def set_fly_speed(state: ViewerState, speed: float) -> ViewerState:
    return replace(state, navigation=replace(state.navigation, speed=float(np.clip(speed, *SPEED_RANGE))))


def _speed(factor: float) -> Handler:
    return lambda state: set_fly_speed(state, state.navigation.speed * factor)


def _navigation_mode(state: ViewerState) -> ViewerState:
    navigation: Navigation = replace(state.navigation, mode="fly" if state.navigation.mode == "orbit" else "orbit")
    return replace(state, navigation=navigation)


def _camera(view: Callable[[int, int], int]) -> Handler:
    """Look through another camera, from the last one and the number of cameras."""
    return lambda state: state if state.scene is None else looking_through(state, view(state.last_camera, len(state.scene.cameras)))


def _numbered_camera(number: int) -> Handler:
    def handler(state: ViewerState) -> ViewerState:
        if state.scene is None:
            return state
        if number >= len(state.scene.cameras):
            return notified(state, "warning", f"There is no camera {number}: the capture has {len(state.scene.cameras)}")
        return looking_through(state, number)

    return handler


# ---- camera as text: a path of one key ----------------------------------------------------------------------------------------------------------


def camera_text(state: ViewerState) -> str:
    camera = goal_camera(state, state.width, state.height)
    frame = float(state.frame) if state.scene is not None else None
    key = keyframe(1, 0.0, np.linalg.inv(camera.T_camera_world), camera.fov_y_deg, frame, camera.principal_point)
    return json.dumps(path_to_json(CameraPath(keys=(key,))))


def camera_pasted(state: ViewerState, text: str, origin: str) -> ViewerState:
    """The first camera of a path's text becomes the user's."""
    try:
        path = path_from_text(text, origin)
    except ValueError as error:
        return notified(state, "warning", f"There is no camera in {error}")
    if not path.keys:
        return notified(state, "warning", f"There is no camera in {origin}: the path has no keys")
    key = path.keys[0]
    state = taken_over(state)
    if state.scene is not None and key.scene_frame is not None:
        index = int(np.argmin(np.abs(np.asarray(state.scene.frames) - key.scene_frame)))
        state = replace(state, transport=playback.seek(state.transport, n_frames(state), index, state.now_s))
    fov = float(np.clip(key.fov_y_deg, *controls.FOV_RANGE_DEG))
    sample = path.sample(key.time_s)
    pose, pivot = controls.through(sample.camera(state.width, state.height), middle(state))
    lens = replace(state.navigation, fov_y_deg=fov, principal_point=key.principal_point)
    navigation = replace(lens, T_camera_world=pose, pivot=vector(pivot), velocity=(0.0, 0.0, 0.0))
    return replace(state, navigation=navigation)


# ---- jobs and the window ------------------------------------------------------------------------------------------------------------------------


def _export_start(state: ViewerState) -> ViewerState:
    if state.scene is None:
        return state
    problem = export_problem(state)
    if problem:
        return notified(state, "warning", f"Nothing is exported: {problem}")
    settings, number = export_settings(state), state.export.next_number
    settings = replace(settings, file=str(placed(state, settings.file)))
    state = replace(state, export=replace(state.export, next_number=number + 1))
    return asked(state, StartExport(number=number, path=state.path_editor.path, timing=scene_timing(state), settings=settings))


def _export_cancel(state: ViewerState) -> ViewerState:
    """The export that runs, or else is next."""
    waiting = pending(state.export.queue)
    return asked(state, CancelExport(number=waiting[0].number)) if waiting else state


def _occupancy_build(state: ViewerState) -> ViewerState:
    return state if state.occupancy_job is not None or state.scene is None else asked(state, BuildOccupancy())


def _cancel(state: ViewerState) -> ViewerState:
    """Escape: the innermost thing that can be left."""
    if state.asks is not None:
        return replace(state, asks=None)
    if state.layout.help:
        return replace(state, layout=replace(state.layout, help=False))
    if state.path_editor.previewing:
        return replace(state, path_editor=path_editor.stop(state.path_editor))
    if state.export.job is not None:
        return _export_cancel(state)
    if state.picture_job is not None:
        return asked(state, CancelPicture())
    if state.occupancy_job is not None:
        return asked(state, CancelOccupancy())
    return state


def _picture_save(state: ViewerState) -> ViewerState:
    """A picture of the view at the size of the export, whatever size the window has."""
    if state.picture_job is not None:
        return state
    settings = state.export.settings
    still = replace(state, now_s=state.now_s + 1.0, picture=replace(state.picture, automatic_scale=True, mode=settings.mode))
    request = render_request(still, settings.width, settings.height)
    if request is None:
        return state
    request = replace(request, moving=False, steady=False)
    return asked(state, SavePictureOf(request=request, size_name=f"{settings.width}x{settings.height}"))


def _live(state: ViewerState) -> ViewerState:
    if state.scene is None:
        return state
    if state.live_since_s is not None:
        return asked(state, StopLive())
    return asked(replace(state, live_since_s=state.now_s), StartLive())


def _arranged(state: ViewerState) -> ViewerState:
    return asked(replace(state, layout=replace(state.layout, panels=True)), ArrangePanels())


def _timing(state: ViewerState) -> ViewerState:
    """They stand with the figures, which come along."""
    shown = not (state.layout.stats and state.layout.timing)
    return replace(state, layout=replace(state.layout, stats=state.layout.stats or shown, timing=shown))


def _export_panel(state: ViewerState) -> ViewerState:
    return asked(replace(state, layout=replace(state.layout, panels=True)), FocusPanel(name="Export"))


HANDLERS: dict[str, Handler] = {
    **attitude.HANDLERS,
    "play": _transport(_play),
    "frame_back": _step(-1),
    "frame_forward": _step(1),
    "frames_back": _step(-10),
    "frames_forward": _step(10),
    "frame_first": _transport(playback.first),
    "frame_last": _transport(playback.last),
    "range_in": _transport(lambda transport, n, now_s: playback.set_range(transport, n, now_s, transport.index, transport.last)),
    "range_out": _transport(lambda transport, n, now_s: playback.set_range(transport, n, now_s, transport.first, transport.index)),
    "range_clear": _transport(lambda transport, n, now_s: playback.set_range(transport, n, now_s, 0, None)),
    "loop_next": _transport(_next_loop),
    "between": _transport(lambda transport, n, now_s: playback.set_between(transport, n, now_s, not transport.between)),
    "speed_down": _speed(1 / 1.25),
    "speed_up": _speed(1.25),
    "navigation": _navigation_mode,
    "frame_selected": frame_selected,
    "frame_scene": frame_scene,
    "reset_view": first_view,
    "camera_previous": _camera(lambda last, n: (last - 1) % n),
    "camera_next": _camera(lambda last, n: (last + 1) % n),
    "camera_first": _camera(lambda last, n: 0),
    "camera_last": _camera(lambda last, n: n - 1),
    **{f"camera_{number}": _numbered_camera(number) for number in range(10)},
    "copy_camera": lambda state: notified(asked(state, CopyText(text=camera_text(state))), "info", "Camera copied as text"),
    "paste_camera": _effect(PasteText()),
    "mode": lambda state: set_mode(state, "full" if state.picture.mode == "fast" else "fast"),
    "mode_auto": lambda state: set_mode(state, "auto"),
    "output_colour": _output("colour"),
    "output_depth": _output("depth"),
    "output_opacity": _output("opacity"),
    "output_cost": _output("cost"),
    "output_normals": _output("normals"),
    "compare_next": compare_next,
    "show_cameras": _overlay("cameras"),
    "show_box": _overlay("box"),
    "show_axes": _overlay("axes"),
    "show_grid": _overlay("grid"),
    "show_cells": _overlay("cells"),
    "show_sources": _overlay("sources"),
    "show_thumbnails": _overlay("thumbnails"),
    "screenshot": _effect(TakeScreenshot()),
    "screenshot_window": _effect(TakeScreenshot(window=True)),
    "reload": lambda state: state if state.source is None else wanted(state, OpenScene(source=state.source)),
    **path_actions.HANDLERS,
    "undo": undone,
    "redo": redone,
    "open": _effect(ChooseFile(purpose="open")),
    "export_panel": _export_panel,
    "export_start": _export_start,
    "picture_save": _picture_save,
    "live": _live,
    "export_cancel": _export_cancel,
    "picture_cancel": _effect(CancelPicture()),
    "occupancy_build": _occupancy_build,
    "occupancy_cancel": _effect(CancelOccupancy()),
    "panels": _layout("panels"),
    "panels_arrange": _arranged,
    "stats": _layout("stats"),
    "timing": _timing,
    "help": _layout("help"),
    "fullscreen": _effect(ToggleFullscreen()),
    "cancel": _cancel,
    "quit": lambda state: wanted(state, Quit()),
    **consent.HANDLERS,
}
