"""From the Camera and Scene panels: how the user's camera stands and moves."""

from __future__ import annotations

from dataclasses import dataclass

from im4d_core.types import PrincipalPoint
from viewer.state import NavigationMode, Vector


@dataclass(frozen=True, kw_only=True)
class SetNavigationMode:
    mode: NavigationMode


@dataclass(frozen=True, kw_only=True)
class SetFov:
    """Vertical field of view; the distance to the pivot stays."""

    fov_y_deg: float


@dataclass(frozen=True, kw_only=True)
class SetPrincipalPoint:
    """Where the optical axis meets the picture; clamped."""

    principal_point: PrincipalPoint


@dataclass(frozen=True, kw_only=True)
class SetFlySpeed:
    speed: float
    """World units per second."""


@dataclass(frozen=True, kw_only=True)
class SetPose:
    """The camera's centre and viewing direction, as typed by the user: the picture's top points along the scene's up."""

    centre: Vector
    yaw_deg: float
    pitch_deg: float


@dataclass(frozen=True, kw_only=True)
class JumpToCamera:
    """Look through a camera of the capture. Clamped."""

    view: int


@dataclass(frozen=True, kw_only=True)
class SelectCamera:
    """Point out a camera of the capture, without going there; None for none."""

    view: int | None


@dataclass(frozen=True, kw_only=True)
class SetRoll:
    """Turn about the viewing direction, against the horizon."""

    roll_deg: float


@dataclass(frozen=True, kw_only=True)
class SetUp:
    """This direction of the world is up from now on."""

    up: Vector


CameraEvent = SetNavigationMode | SetFov | SetPrincipalPoint | SetFlySpeed | SetPose | JumpToCamera | SelectCamera | SetRoll | SetUp
