"""A jump of the camera that takes a moment, so that one sees where one goes. Pure.

The state is at its goal at once; only the camera that is shown is still on its way. Whatever the user does meanwhile goes on from what is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from im4d_core.curves import quaternion, rotation, slerp
from im4d_core.geometry import fitted
from im4d_core.types import Camera

FLIGHT_S = 0.35


@dataclass(frozen=True, kw_only=True, eq=False)
class Flight:
    """From where, and since when."""

    start: Camera
    began_s: float

    def is_over(self, now_s: float) -> bool:
        return now_s - self.began_s >= FLIGHT_S


def underway(flight: Flight, goal: Camera, pivot: Float64[np.ndarray, "3"], now_s: float) -> Camera:
    """The camera between start and goal: it turns evenly, and keeps on an arc about the pivot of the goal.

    Args:
        goal: with the size of the picture that is wanted.
        pivot: the point that the user's camera turns about at the goal.
    """
    u = min(max((now_s - flight.began_s) / FLIGHT_S, 0.0), 1.0)
    u = u * u * (3.0 - 2.0 * u)  # starts and stops gently
    start = fitted(flight.start, goal.width, goal.height)
    R = rotation(slerp(quaternion(start.R), quaternion(goal.R), u))
    in_start, in_goal = (camera.R @ (pivot - camera.centre) for camera in (start, goal))
    T = np.eye(4)
    T[:3, :3] = R
    T[:3, 3] = (1.0 - u) * in_start + u * in_goal - R @ pivot
    return Camera(name=goal.name, K=(1.0 - u) * start.K + u * goal.K, T_camera_world=T, width=goal.width, height=goal.height)
