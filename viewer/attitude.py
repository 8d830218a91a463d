"""Which way is up: roll, level, and the scene's own up direction. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from viewer import controls
from viewer import events as e
from viewer.changes import navigated, taken_over, vector
from viewer.controls import Matrix, Vector3
from viewer.state import Vector, ViewerState

STEP_DEG = 5.0
"""Of one press of a key."""
AXES: dict[str, Vector] = {
    "+x": (1.0, 0.0, 0.0),
    "-x": (-1.0, 0.0, 0.0),
    "+y": (0.0, 1.0, 0.0),
    "-y": (0.0, -1.0, 0.0),
    "+z": (0.0, 0.0, 1.0),
    "-z": (0.0, 0.0, -1.0),
}


def roll_deg(T_camera_world: Matrix, up: Vector3) -> float:
    """How far the camera is turned about its viewing direction, clockwise as its user feels it; 0 where it looks along up, and nothing is level."""
    right, down, forward = T_camera_world[:3, :3]
    horizon = np.cross(forward, up)
    length = float(np.linalg.norm(horizon))
    return 0.0 if length < 1e-9 else float(np.degrees(np.arctan2(horizon @ -down, horizon @ right)))


def rolled(T_camera_world: Matrix, degrees: float) -> Matrix:
    """The pose turned about its viewing direction, in place."""
    turned = controls.turn(np.array([0.0, 0.0, 1.0]), -math.radians(degrees)) @ T_camera_world[:3, :3]
    return controls.posed(turned, controls.centre_of(T_camera_world))


def with_roll(state: ViewerState, degrees: float) -> ViewerState:
    """The user's camera with this roll."""
    if state.scene is None or not math.isfinite(degrees):
        return state
    state = taken_over(state)
    nav = state.navigation
    return navigated(state, rolled(nav.T_camera_world, degrees - roll_deg(nav.T_camera_world, np.array(nav.up))), np.array(nav.pivot))


def with_up(state: ViewerState, up: Vector) -> ViewerState:
    """Another direction is up from now on, and the camera is level to it."""
    length = float(np.linalg.norm(up))
    if state.scene is None or not (math.isfinite(length) and length > 1e-6):
        return state
    state = taken_over(state)
    nav = state.navigation
    unit = np.array(up) / length
    return navigated(replace(state, navigation=replace(nav, up=vector(unit))), controls.levelled(nav.T_camera_world, unit), np.array(nav.pivot))


def _roll_by(degrees: float) -> Callable[[ViewerState], ViewerState]:
    def handler(state: ViewerState) -> ViewerState:
        state = taken_over(state)
        return with_roll(state, roll_deg(state.navigation.T_camera_world, np.array(state.navigation.up)) + degrees)

    return handler


def _up_here(state: ViewerState) -> ViewerState:
    """The top of the picture is up."""
    state = taken_over(state)
    return with_up(state, vector(-state.navigation.T_camera_world[1, :3]))


HANDLERS: dict[str, Callable[[ViewerState], ViewerState]] = {
    "roll_left": _roll_by(-STEP_DEG),
    "roll_right": _roll_by(STEP_DEG),
    "level": lambda state: with_roll(state, 0.0),
    "up_here": _up_here,
    "up_scene": lambda state: state if state.scene is None else with_up(state, vector(state.scene.up)),
}
REDUCERS: dict[type, Callable[..., ViewerState]] = {
    e.SetRoll: lambda state, event: with_roll(state, event.roll_deg),
    e.SetUp: lambda state, event: with_up(state, event.up),
}
