"""How a camera moves: pure functions of pose, pivot and input. Poses are T_camera_world; any unit vector may be up.

Mouse deltas are never scaled by time; motion of held keys is exact in elapsed time, so one long step equals many short ones.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float64

from im4d_core.geometry import box_corners, horizontal_axes
from im4d_core.types import MIDDLE, Camera, PrincipalPoint

Matrix = Float64[np.ndarray, "4 4"]
Vector3 = Float64[np.ndarray, "3"]

MAX_PITCH_DEG = 89.9
MAX_DT_S = 0.1
"""A stall longer than this does not throw the camera across the scene."""
FLY_TAU_S = 0.08
"""Time constant of starting and stopping."""
FOV_RANGE_DEG = (5.0, 120.0)
PRINCIPAL_RANGE = (-1.0, 1.0)
"""Of a hand at the window, in heights of the picture."""
RADIANS_PER_HEIGHT = np.pi
"""A drag over the height of the picture is half a turn."""
_DIRECTIONS: dict[str, tuple[float, float, float]] = {
    "move_right": (1.0, 0.0, 0.0),
    "move_left": (-1.0, 0.0, 0.0),
    "move_up": (0.0, 1.0, 0.0),
    "move_down": (0.0, -1.0, 0.0),
    "move_forward": (0.0, 0.0, 1.0),
    "move_back": (0.0, 0.0, -1.0),
}
_FACTORS = {"move_fast": 5.0, "move_slow": 0.2}
HOLD_CAPTURED = "hold_captured"
"""Shows the captured picture for as long as its key is down; moves nothing."""
HELD_ACTIONS = (*_DIRECTIONS, *_FACTORS, HOLD_CAPTURED)


def centre_of(T_camera_world: Matrix) -> Vector3:
    """The camera's centre in the world."""
    return -T_camera_world[:3, :3].T @ T_camera_world[:3, 3]


def posed(R_camera_world: Float64[np.ndarray, "3 3"], centre: Vector3) -> Matrix:
    """A pose from the camera's axes (rows) and centre; axes that rounding has bent are made a rotation again."""
    U, _, Vt = np.linalg.svd(R_camera_world)
    pose = np.eye(4)
    pose[:3, :3] = U @ Vt
    pose[:3, 3] = -pose[:3, :3] @ centre
    return pose


def turn(axis: Vector3, radians: float) -> Float64[np.ndarray, "3 3"]:
    """Rotation about a unit axis (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(radians) * cross + (1.0 - np.cos(radians)) * cross @ cross


def _turned(T_camera_world: Matrix, up: Vector3, yaw: float, pitch: float) -> tuple[Float64[np.ndarray, "3 3"], Float64[np.ndarray, "3 3"]]:
    """Turntable turn of the world about a point: yaw about up, then pitch upwards about the horizon, clamped; with the new camera axes.

    A roll against the horizon stays as it is.
    """
    R = T_camera_world[:3, :3]
    forward = R[2]
    side = np.cross(forward, up)
    side = R[0] if np.linalg.norm(side) < 1e-9 else side / np.linalg.norm(side)
    now = np.arcsin(np.clip(forward @ up, -1.0, 1.0))
    limit = np.radians(MAX_PITCH_DEG)
    rotation = turn(up, yaw) @ turn(side, np.clip(now + pitch, -limit, limit) - now)
    return rotation, R @ rotation.T


def orbit(T_camera_world: Matrix, pivot: Vector3, up: Vector3, dx: float, dy: float) -> Matrix:
    """Turn about the pivot, which stays where it is in the picture.

    Args:
        dx: drag to the right in picture heights; the scene follows the hand.
        dy: drag downwards.
    """
    rotation, R = _turned(T_camera_world, up, -RADIANS_PER_HEIGHT * dx, -RADIANS_PER_HEIGHT * dy)
    return posed(R, pivot + rotation @ (centre_of(T_camera_world) - pivot))


def look(T_camera_world: Matrix, pivot: Vector3, up: Vector3, fov_y_deg: float, dx: float, dy: float) -> tuple[Matrix, Vector3]:
    """Look around from where the camera stands, towards where the mouse goes. The pivot turns along, keeping its place in the picture."""
    scale = np.radians(fov_y_deg)  # a drag moves the picture's contents by as much
    rotation, R = _turned(T_camera_world, up, -scale * dx, -scale * dy)
    centre = centre_of(T_camera_world)
    return posed(R, centre), centre + rotation @ (pivot - centre)


def pan(T_camera_world: Matrix, pivot: Vector3, fov_y_deg: float, dx: float, dy: float) -> tuple[Matrix, Vector3]:
    """Shift camera and pivot, so that what lies at the pivot's depth stays under the cursor. dx, dy in picture heights."""
    R, centre = T_camera_world[:3, :3], centre_of(T_camera_world)
    depth = max(float((pivot - centre) @ R[2]), 1e-3 * float(np.linalg.norm(pivot - centre)), 1e-6)  # a pivot beside or behind still pans
    shift = -2.0 * depth * np.tan(np.radians(fov_y_deg) / 2.0) * (dx * R[0] + dy * R[1])
    return posed(R, centre + shift), pivot + shift


def dolly(T_camera_world: Matrix, pivot: Vector3, steps: float) -> Matrix:
    """Move towards the pivot by a tenth of the way per step, away for negative steps; never reaches it."""
    centre = centre_of(T_camera_world)
    distance = max(float(np.linalg.norm(centre - pivot)), 1e-9)
    wanted = float(np.clip(distance * 0.9**steps, 1e-3, 1e6))
    return posed(T_camera_world[:3, :3], pivot + (centre - pivot) * (wanted / distance))


def advance(T_camera_world: Matrix, pivot: Vector3, distance: float) -> tuple[Matrix, Vector3]:
    """Move camera and pivot along the viewing direction."""
    shift = T_camera_world[2, :3] * distance
    return posed(T_camera_world[:3, :3], centre_of(T_camera_world) + shift), pivot + shift


def wish(actions: Iterable[str]) -> Vector3:
    """Where held keys want to go, in multiples of the fly speed along (camera right, world up, camera forward)."""
    held = set(actions)
    direction = sum((np.array(_DIRECTIONS[action]) for action in held if action in _DIRECTIONS), np.zeros(3))
    length = np.linalg.norm(direction)
    if length == 0.0:
        return np.zeros(3)
    factor = np.prod([_FACTORS[action] for action in held if action in _FACTORS])
    return direction / length * factor


def fly(T_camera_world: Matrix, pivot: Vector3, up: Vector3, velocity: Vector3, wanted: Vector3, speed: float, dt_s: float) -> tuple[Matrix, Vector3, Vector3]:
    """Move for an elapsed time while the velocity approaches the wanted one exponentially; the integral is exact, so step lengths do not matter.

    Args:
        velocity: in the units and axes of `wish`.
        wanted: from `wish`.

    Returns:
        Pose, pivot (moved along) and velocity afterwards.
    """
    dt_s = min(max(dt_s, 0.0), MAX_DT_S)
    fade = np.exp(-dt_s / FLY_TAU_S)
    moved = (wanted * dt_s + (velocity - wanted) * FLY_TAU_S * (1.0 - fade)) * speed
    after = wanted + (velocity - wanted) * fade
    if not wanted.any() and np.linalg.norm(after) < 1e-3:  # at rest: nothing is rendered for a creep nobody sees
        after = np.zeros(3)
    R = T_camera_world[:3, :3]
    shift = moved[0] * R[0] + moved[1] * up + moved[2] * R[2]
    return posed(R, centre_of(T_camera_world) + shift), pivot + shift, after


def zoomed(fov_y_deg: float, steps: float) -> float:
    """Field of view after steps of the wheel: each makes things a tenth larger. The distance to the pivot does not change."""
    half = np.tan(np.radians(fov_y_deg) / 2.0) * 0.9**steps
    return float(np.clip(np.degrees(2.0 * np.arctan(half)), *FOV_RANGE_DEG))


def framed(
    T_camera_world: Matrix,
    box: Float64[np.ndarray, "2 3"],
    fov_y_deg: float,
    aspect: float,
    principal_point: PrincipalPoint = MIDDLE,
    margin: float = 1.05,
) -> tuple[Matrix, Vector3]:
    """The nearest pose with the same viewing direction that sees a whole box, its middle in the centre of the picture; the middle becomes the pivot."""
    R, middle = T_camera_world[:3, :3], box.mean(axis=0)
    tan_y = np.tan(np.radians(fov_y_deg) / 2.0)
    right, down = (-2.0 * tan_y * part for part in principal_point)  # per depth, where the ray through the centre of the picture goes
    tan_y /= margin
    x, y, z = (R @ (box_corners(box) - middle).T).tolist()
    needed = [max(abs(a - right * c) / (tan_y * aspect), abs(b - down * c) / tan_y) - c for a, b, c in zip(x, y, z)]
    return posed(R, middle - (right * R[0] + down * R[1] + R[2]) * max(max(needed), 1e-3)), middle


def through(camera: Camera, middle: Vector3) -> tuple[Matrix, Vector3]:
    """Look through a camera; the pivot is the point of its axis nearest to the middle of the scene."""
    forward = camera.R[2]
    distance = float((middle - camera.centre) @ forward)
    if distance <= 1e-3:  # it looks away from the scene
        distance = max(float(np.linalg.norm(middle - camera.centre)), 1e-3)
    return posed(camera.R, camera.centre), camera.centre + forward * distance


def angles(T_camera_world: Matrix, up: Vector3) -> tuple[float, float]:
    """Yaw (counter-clockwise about up) and pitch (upwards) of the viewing direction, in degrees."""
    forward = T_camera_world[2, :3]
    east, north = horizontal_axes(up)
    yaw = np.degrees(np.arctan2(forward @ north, forward @ east))
    return float(yaw), float(np.degrees(np.arcsin(np.clip(forward @ up, -1.0, 1.0))))


def aimed(centre: Vector3, up: Vector3, yaw_deg: float, pitch_deg: float) -> Matrix:
    """A level pose from its centre and `angles`; pitch is clamped."""
    east, north = horizontal_axes(up)
    yaw, pitch = np.radians(yaw_deg), np.radians(np.clip(pitch_deg, -MAX_PITCH_DEG, MAX_PITCH_DEG))
    right = np.sin(yaw) * east - np.cos(yaw) * north
    forward = np.cos(pitch) * (np.cos(yaw) * east + np.sin(yaw) * north) + np.sin(pitch) * up
    return posed(np.stack([right, np.cross(forward, right), forward]), centre)


def levelled(T_camera_world: Matrix, up: Vector3) -> Matrix:
    """The same view without roll."""
    return aimed(centre_of(T_camera_world), up, *angles(T_camera_world, up))
