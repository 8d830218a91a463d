"""A curve of camera poses through keys, as arrays: position, rotation, field of view and scene frame as functions of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from im4d_core import curves
from im4d_core.types import PrincipalPoint

Interpolation = Literal["smooth", "linear", "hold"]
_CHORDS = 256
INTERPOLATIONS: tuple[Interpolation, ...] = ("smooth", "linear", "hold")


@dataclass(frozen=True, kw_only=True)
class PosePoint:
    """The curve at one time."""

    position: Float64[np.ndarray, "3"]
    rotation: Float64[np.ndarray, "4"]
    fov_y_deg: float
    principal_point: PrincipalPoint
    scene_frame: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseCurve:
    """Keys with their slopes; a closed curve's first key stands at its end again."""

    interpolation: Interpolation
    times: Float64[np.ndarray, "n"]
    eases: Float64[np.ndarray, "n 2"]
    """How gently the camera arrives at each key and leaves it: 0 not at all, 1 from and to rest."""
    knots: Float64[np.ndarray, "n"]
    """Parameter of the spline through the positions."""
    knot_slopes: Float64[np.ndarray, "n"]
    points: Float64[np.ndarray, "n 3"]
    tangents: Float64[np.ndarray, "n 3"]
    """Derivatives of position by the parameter."""
    rotations: Float64[np.ndarray, "n 4"]
    velocities: Float64[np.ndarray, "n 3"]
    fovs: Float64[np.ndarray, "n"]
    fov_slopes: Float64[np.ndarray, "n"]
    principal_points: Float64[np.ndarray, "n 2"]
    principal_slopes: Float64[np.ndarray, "n 2"]
    frames: Float64[np.ndarray, "n"]
    """NaN where a key says no frame."""
    frame_slopes: Float64[np.ndarray, "n"]
    constant_speed: bool
    """Positions move evenly within each segment."""
    arcs: Float64[np.ndarray, "segments samples"]
    """Length of the way from a segment's start to evenly spaced parameters within it."""

    @property
    def lengths(self) -> Float64[np.ndarray, "segments"]:
        """How long the way is from each key to the next."""
        return self.arcs[:, -1]

    def at(self, time_s: float) -> PosePoint:
        """The pose at a time within the curve's; keys are met exactly."""
        if len(self.times) == 1:
            return self._key(0)
        met = np.searchsorted(self.times, time_s + 1e-9, side="right") - 1  # 1e-9 s: a time rounded to just before a key is at the key
        i = int(np.clip(met, 0, len(self.times) - 2))
        width = float(self.times[i + 1] - self.times[i])
        u = float(np.clip((time_s - self.times[i]) / width, 0.0, 1.0))
        if u == 1.0:
            return self._key(i + 1)
        if u == 0.0 or self.interpolation == "hold":
            return self._key(i)
        u = curves.eased(u, float(self.eases[i, 1]), float(self.eases[i + 1, 0]))
        if self.interpolation == "linear":
            lines = ((1.0 - u) * values[i] + u * values[i + 1] for values in (self.points, self.fovs, self.principal_points, self.frames))
            point, fov, principal, frame = lines
            return _point(point, curves.slerp(self.rotations[i], self.rotations[i + 1], u), fov, principal, frame)
        q = curves.rotation_bezier(u, width, self.rotations[i], self.rotations[i + 1], self.velocities[i], self.velocities[i + 1])
        fov = _cubic(self.fovs, self.fov_slopes, i, u, width)
        principal = _cubic(self.principal_points, self.principal_slopes, i, u, width)
        frame = _cubic(self.frames, self.frame_slopes, i, u, width)
        return _point(self._position(i, u, width), q, fov, principal, frame)

    def positions(self, times_s: Float64[np.ndarray, "m"]) -> Float64[np.ndarray, "m 3"]:
        """The positions at many times at once, as `at` has them. Where the camera moves evenly the times are met within a chord's bend."""
        if len(self.times) == 1:
            return np.repeat(self.points, len(times_s), axis=0)
        i = np.clip(np.searchsorted(self.times, times_s + 1e-9, side="right") - 1, 0, len(self.times) - 2)  # 1e-9 s: as in `at`
        width = self.times[i + 1] - self.times[i]
        u = np.clip((times_s - self.times[i]) / width, 0.0, 1.0)
        if self.interpolation == "hold":
            return self.points[np.where(u == 1.0, i + 1, i)]
        u = curves.eased(u, self.eases[i, 1], self.eases[i + 1, 0])
        if self.interpolation == "linear":
            return self.points[i] + u[:, None] * (self.points[i + 1] - self.points[i])
        length = self.knots[i + 1] - self.knots[i]
        along = curves.hermite(u, width, self.knots[i], self.knots[i + 1], self.knot_slopes[i], self.knot_slopes[i + 1]) - self.knots[i]
        v = np.divide(along, length, out=np.zeros_like(u), where=length > 0.0)
        if self.constant_speed:
            for segment in np.flatnonzero(self.lengths > 0.0):
                there = i == segment
                v[there] = np.interp(u[there] * self.lengths[segment], self.arcs[segment], np.linspace(0.0, 1.0, _CHORDS + 1))
        v, length = v[:, None], length[:, None]
        return curves.hermite(v, length, self.points[i], self.points[i + 1], self.tangents[i], self.tangents[i + 1])

    def _key(self, i: int) -> PosePoint:
        return _point(self.points[i], self.rotations[i], self.fovs[i], self.principal_points[i], self.frames[i])

    def _position(self, i: int, u: float, width: float) -> Float64[np.ndarray, "3"]:
        """How far along the spline is a monotone function of time, so that unequal key spacing changes speed, never shape."""
        length = float(self.knots[i + 1] - self.knots[i])
        if length == 0.0:
            return self.points[i]
        if self.constant_speed and self.lengths[i] > 0.0:
            return _cubic(self.points, self.tangents, i, self._parameter(i, u * float(self.lengths[i])), length)
        v = float((_cubic(self.knots, self.knot_slopes, i, u, width) - self.knots[i]) / length)
        return _cubic(self.points, self.tangents, i, v, length)

    def _parameter(self, i: int, way: float) -> float:
        """The parameter within a segment after a length of way: the table the other way round, smooth between its entries."""
        arcs = self.arcs[i]
        cell = int(np.clip(np.searchsorted(arcs, way, side="right") - 1, 0, len(arcs) - 2))
        width = float(arcs[cell + 1] - arcs[cell])
        if width == 0.0:
            return cell / _CHORDS
        around = slice(max(cell - 1, 0), cell + 3)
        parameters = np.arange(len(arcs))[around] / _CHORDS
        slopes = curves.monotone_slopes(arcs[around], parameters) if (np.diff(arcs[around]) > 0.0).all() else np.full(len(parameters), 1.0 / (_CHORDS * width))
        return float(_cubic(parameters, slopes, cell - around.start, (way - float(arcs[cell])) / width, width))


def pose_curve(
    times: Float64[np.ndarray, "n"],
    points: Float64[np.ndarray, "n 3"],
    rotations: Float64[np.ndarray, "n 4"],
    fovs: Float64[np.ndarray, "n"],
    frames: Float64[np.ndarray, "n"],
    interpolation: Interpolation,
    closed: bool,
    *,
    principal_points: Float64[np.ndarray, "n 2"],
    eases: Float64[np.ndarray, "n 2"],
    tension: float = 0.0,
    constant_speed: bool = False,
) -> PoseCurve:
    """The curve through keys at increasing times; a closed one's last key is its first again.

    Args:
        tension: 0 for the roundest curve, 1 for straight ways from key to key.

    Rotations are unit quaternions of any sign, frames NaN where a key says none.
    """
    period = float(times[-1] - times[0]) if closed else None
    knots = curves.centripetal_knots(points)
    distinct = np.concatenate([[True], np.diff(knots) > 0.0])
    tangents = np.zeros_like(points)
    if np.count_nonzero(distinct) > 1:
        tangents = (1.0 - tension) * curves.spline_tangents(knots[distinct], points[distinct], closed)[np.cumsum(distinct) - 1]
    aligned = [rotations[0]]
    for q in rotations[1:]:
        aligned.append(q if q @ aligned[-1] >= 0 else -q)
    return PoseCurve(
        interpolation=interpolation,
        times=times,
        eases=eases,
        knots=knots,
        knot_slopes=curves.monotone_slopes(times, knots, period),
        points=points,
        tangents=tangents,
        rotations=np.stack(aligned),
        velocities=curves.angular_velocities(times, np.stack(aligned), closed),
        fovs=fovs,
        fov_slopes=curves.monotone_slopes(times, fovs, period),
        principal_points=principal_points,
        principal_slopes=np.stack([curves.monotone_slopes(times, principal_points[:, axis], period) for axis in (0, 1)], axis=1),
        frames=frames,
        frame_slopes=_frame_slopes(times, frames),
        constant_speed=constant_speed,
        arcs=_arcs(points, tangents, knots) if interpolation == "smooth" else _chords(points, moves=interpolation == "linear"),
    )


def _arcs(points: Float64[np.ndarray, "n 3"], tangents: Float64[np.ndarray, "n 3"], knots: Float64[np.ndarray, "n"]) -> Float64[np.ndarray, "segments samples"]:
    """Lengths along each segment of the spline, by chords: 256 of them follow even sharp bends within a thousandth."""
    v = np.linspace(0.0, 1.0, _CHORDS + 1)[:, None, None]
    width = np.diff(knots)[:, None]
    way = curves.hermite(v, width, points[:-1], points[1:], tangents[:-1], tangents[1:])
    steps = np.linalg.norm(np.diff(way, axis=0), axis=2) * (width[:, 0] > 0.0)  # no way at all where the camera rests, not even rounding
    return np.concatenate([np.zeros((1, len(points) - 1)), np.cumsum(steps, axis=0)]).T


def _chords(points: Float64[np.ndarray, "n 3"], *, moves: bool) -> Float64[np.ndarray, "segments samples"]:
    """Straight ways; none where the camera jumps."""
    return np.linalg.norm(np.diff(points, axis=0), axis=1)[:, None] * np.linspace(0.0, float(moves), _CHORDS + 1)


def _frame_slopes(times: Float64[np.ndarray, "n"], frames: Float64[np.ndarray, "n"]) -> Float64[np.ndarray, "n"]:
    """Monotone slopes within each run of keys that say a frame: scene time turns back at keys only."""
    slopes = np.zeros(len(frames))
    known = np.flatnonzero(~np.isnan(frames))
    for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
        slopes[run] = curves.monotone_slopes(times[run], frames[run])
    return slopes


def _cubic(values: np.ndarray, slopes: np.ndarray, i: int, u: float, width: float) -> Any:
    """Segment i of the cubic through values; an array or a number, as one value is."""
    return curves.hermite(u, width, values[i : i + 1], values[i + 1 : i + 2], slopes[i : i + 1], slopes[i + 1 : i + 2])[0]


def _point(position: np.ndarray, rotation: np.ndarray, fov: float, principal: np.ndarray, frame: float) -> PosePoint:
    right, down = principal.tolist()
    shown = None if np.isnan(frame) else float(frame)
    return PosePoint(position=position, rotation=rotation, fov_y_deg=float(fov), principal_point=(right, down), scene_frame=shown)
