"""The user's camera: how it moves, what it sees, where it stands, and the cameras of the capture."""

from __future__ import annotations

import numpy as np
from imgui_bundle import imgui

from im4d_core.types import MIDDLE, Scene
from viewer import attitude, bindings, controls
from viewer.actions import SPEED_RANGE
from viewer.events import Event, JumpToCamera, SetClip, SetFlySpeed, SetFov, SetNavigationMode, SetPose, SetPrincipalPoint, SetRoll, SetUp
from viewer.panels import near_far
from viewer.panels.widgets import action, button, choice, em, explained, muted, note, row, section, tooltip
from viewer.request import view_camera
from viewer.state import NavigationMode, ViewerState
from viewer.stats import Stats
from viewer.theme import palette

_MODES: tuple[NavigationMode, ...] = ("orbit", "fly")


def draw(state: ViewerState, stats: Stats) -> list[Event]:
    events: list[Event] = []
    row("Mode")
    clicked = choice("navigation", _MODES, state.navigation.mode, ("Orbit", "Fly"), (explained("navigation"),) * 2)
    if clicked is not None:
        events.append(SetNavigationMode(mode="fly" if clicked == "fly" else "orbit"))
    events += _lens(state)
    events += _clip(state, stats)
    events += _pose(state)
    half = 0.5 * (imgui.get_content_region_avail().x - imgui.get_style().item_spacing.x)
    events += action("Frame scene##frame_scene", "frame_scene", width=half, enabled=state.scene is not None)
    imgui.same_line()
    events += action("Reset##reset_view", "reset_view", width=half, enabled=state.scene is not None)
    events += action("Copy##copy_camera", "copy_camera", width=half)
    imgui.same_line()
    events += action("Paste##paste_camera", "paste_camera", width=half)
    return events + _cameras(state, stats)


def _lens(state: ViewerState) -> list[Event]:
    events: list[Event] = []
    camera = view_camera(state, state.width, state.height)
    row("Field of view")
    changed, fov = imgui.slider_float("##fov", camera.fov_y_deg, *controls.FOV_RANGE_DEG, "%.1f deg")
    tooltip(f"Vertical; {bindings.gesture('fov')} over the picture")
    if changed:
        events.append(SetFov(fov_y_deg=fov))
    row("Optical axis")
    right, down = camera.principal_point
    imgui.set_next_item_width(imgui.get_content_region_avail().x - em(4.5) - imgui.get_style().item_inner_spacing.x)
    least, most = (100.0 * limit for limit in controls.PRINCIPAL_RANGE)
    changed, (right, down) = imgui.drag_float2("##principal_point", [100.0 * right, 100.0 * down], 0.1, least, most, "%.2f %%")
    tooltip("The principal point, from the middle of the picture to the right and down, in percent of its height. Keys of the path keep it")
    imgui.same_line(0.0, imgui.get_style().item_inner_spacing.x)
    if button("Middle##principal_middle", width=em(4.5), enabled=state.scene is not None, why="Through the middle of the picture, as in most cameras"):
        events.append(SetPrincipalPoint(principal_point=MIDDLE))
    elif changed:
        events.append(SetPrincipalPoint(principal_point=(right / 100.0, down / 100.0)))
    row("Speed")
    flags = imgui.SliderFlags_.logarithmic
    changed, speed = imgui.drag_float("##fly_speed", state.navigation.speed, 0.02 * state.navigation.speed, *SPEED_RANGE, "%.3g units/s", flags)
    fast, slow = bindings.hint("move_fast"), bindings.hint("move_slow")
    moves = bindings.hints("move_forward", "move_left", "move_back", "move_right", "move_down", "move_up")
    tooltip(bindings.keyed(f"Of {moves}; {fast} is five times as fast, {slow} a fifth", "speed_down", "speed_up"))
    if changed:
        events.append(SetFlySpeed(speed=speed))
    return events


def _clip(state: ViewerState, stats: Stats) -> list[Event]:
    """Depths between which the view is rendered."""
    clip = state.clip
    row("Cut off")
    changed, on = imgui.checkbox("what is too near or too far##clip", clip is not None)
    tooltip("Only what lies between two depths along the viewing direction is rendered, also along paths")
    if changed:
        clip = near_far.of_the_box(state, stats) if on else None
    if clip is not None:
        clip = near_far.numbers("near_far", clip)
    return [] if clip == state.clip else [SetClip(clip=clip)]


def _pose(state: ViewerState) -> list[Event]:
    up = np.array(state.navigation.up)
    pose = view_camera(state, state.width, state.height).T_camera_world
    centre, (yaw, pitch) = controls.centre_of(pose).tolist(), controls.angles(pose, up)
    row("Position")
    moved, centre = imgui.drag_float3("##position", centre, 0.01 * max(state.navigation.speed, 0.01), 0.0, 0.0, "%.3f")
    tooltip("In the world: drag, or double-click to type")
    row("Direction")
    turned, (yaw, pitch) = imgui.drag_float2("##direction", [yaw, pitch], 0.25, -360.0, 360.0, "%.1f deg")
    tooltip("Yaw about up, and pitch; editing it levels the camera")
    events = _attitude(state, pose, up)
    if not (moved or turned):
        return events
    x, y, z = centre
    return [*events, SetPose(centre=(x, y, z), yaw_deg=yaw, pitch_deg=pitch)]


def _attitude(state: ViewerState, pose: controls.Matrix, up: controls.Vector3) -> list[Event]:
    """Roll, and which way is up."""
    events: list[Event] = []
    spacing = imgui.get_style().item_inner_spacing.x
    row("Roll")
    imgui.set_next_item_width(imgui.get_content_region_avail().x - em(4.5) - spacing)
    rolls, roll = imgui.drag_float("##roll", round(attitude.roll_deg(pose, up), 1) + 0.0, 0.25, -180.0, 180.0, "%.1f deg")
    tooltip(f"Against the horizon: {explained('roll_left')}, {explained('roll_right')}")
    if rolls:
        events.append(SetRoll(roll_deg=roll))
    imgui.same_line(0.0, spacing)
    events += action("Level##level", "level", width=em(4.5), enabled=state.scene is not None)
    row("Up")
    names = list(attitude.AXES)
    at = next((i for i, axis in enumerate(attitude.AXES.values()) if np.allclose(axis, up, atol=1e-6)), -1)
    changed, at = imgui.combo("##up", at, names)
    tooltip("The direction of the world that is up: orbits turn about it, and the camera stands upright to it")
    if changed:
        events.append(SetUp(up=attitude.AXES[names[at]]))
    row("")
    width = 0.5 * (imgui.get_content_region_avail().x - spacing)
    events += action("Picture's##up_here", "up_here", width=width, enabled=state.scene is not None, why="What is at the top of the picture now is up")
    imgui.same_line(0.0, spacing)
    events += action("Capture's##up_scene", "up_scene", width=width, enabled=state.scene is not None, why="The up direction that the scene came with")
    return events


def _selected(scene: Scene, state: ViewerState) -> list[Event]:
    """The camera that a click in the picture has selected."""
    view, events = state.selected_camera, list[Event]()
    row("Selected")
    if view is None:
        muted("none: click on one in the picture" if state.overlays.cameras else bindings.keyed("none: show them in the picture", "show_cameras"))
        return []
    imgui.text_unformatted(scene.cameras[view].name)
    spacing, width = imgui.get_style().item_inner_spacing.x, em(4.5)
    imgui.same_line(imgui.get_cursor_start_pos().x + imgui.get_content_region_avail().x - 2.0 * width - spacing)
    if button("Go there##selected_go", width=width, why="Look through it; a double click on it in the picture does the same"):
        events.append(JumpToCamera(view=view))
    imgui.same_line(0.0, spacing)
    return events + action("Frame##selected_frame", "frame_selected", width=width, enabled=state.overlays.cameras)


def role(scene: Scene, view: int) -> str:
    """What the pictures of a camera are for."""
    if view in scene.without_pictures:
        return "no pictures"
    return "held out" if view in scene.test_views else "source" if view in scene.source_views else "training" if view in scene.train_views else "not used"


def _cameras(state: ViewerState, stats: Stats) -> list[Event]:
    section("Cameras of the capture")
    scene, events = state.scene, []
    if scene is None or not scene.cameras:
        note("None: no scene is open.")
        return []
    third = 0.5 * (imgui.get_content_region_avail().x - imgui.get_style().item_spacing.x)
    events += action("Previous##camera_previous", "camera_previous", width=third)
    imgui.same_line()
    events += action("Next##camera_next", "camera_next", width=third)
    events += _selected(scene, state)
    line = imgui.get_text_line_height_with_spacing()
    room = imgui.get_content_region_avail().y / line  # all that the panel has left, and not less than some
    height = min(len(scene.cameras) + 0.5, max(room, 9.5)) * line
    if imgui.begin_child("##dataset_cameras", imgui.ImVec2(0.0, height), imgui.ChildFlags_.frame_style):
        for view, camera in enumerate(scene.cameras):
            used = "colours the picture" if view in stats.source_views else ""
            looking = state.dataset_camera == view
            if looking:
                imgui.push_style_color(imgui.Col_.header, imgui.ImVec4(*palette().accent[:3], 0.4))
            clicked, _ = imgui.selectable(f"{camera.name}##dataset_camera_{view}", looking or state.selected_camera == view)
            if looking:
                imgui.pop_style_color()
            imgui.same_line(em(4.0))
            imgui.text_disabled(role(scene, view))
            imgui.same_line(em(9.0))
            imgui.text_disabled(used)
            if clicked:
                events.append(JumpToCamera(view=view))
    imgui.end_child()
    return events
