"""Curves through keys: monotone times, centripetal splines, rotations. Pure NumPy functions of small arrays."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from jaxtyping import Float64

_TINY = 1e-12  # lengths and angles below this count as none: far below any real move, far above rounding


def quaternion(R: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, "4"]:
    """Rotation matrix → unit quaternion (w, x, y, z) with w >= 0, by the largest of its four components (Shepperd)."""
    trace = np.trace(R)
    squares = np.array([trace, R[0, 0], R[1, 1], R[2, 2]])
    largest = int(np.argmax(squares))
    differences = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    if largest == 0:
        q = np.concatenate([[1.0 + trace], differences])
    else:
        i = largest - 1
        q = np.empty(4)
        q[0] = differences[i]
        q[1:] = R[i] + R[:, i]
        q[1 + i] = 1.0 + 2.0 * R[i, i] - trace
    q /= np.linalg.norm(q)
    return -q if q[0] < 0 else q


def rotation(q: Float64[np.ndarray, "4"]) -> Float64[np.ndarray, "3 3"]:
    """Unit quaternion (w, x, y, z) → rotation matrix."""
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def multiply(a: Float64[np.ndarray, "4"], b: Float64[np.ndarray, "4"]) -> Float64[np.ndarray, "4"]:
    """Hamilton product: first b, then a."""
    aw, ax, ay, az = a.tolist()  # numbers: at this size they are many times as fast as arrays
    bw, bx, by, bz = b.tolist()
    return np.array(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + bw * ax + ay * bz - az * by,
            aw * by + bw * ay + az * bx - ax * bz,
            aw * bz + bw * az + ax * by - ay * bx,
        ]
    )


def exponential(v: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "4"]:
    """Rotation vector (axis times radians) → unit quaternion."""
    angle = np.linalg.norm(v)
    scale = 0.5 if angle < _TINY else np.sin(0.5 * angle) / angle
    return np.concatenate([[np.cos(0.5 * angle)], scale * v])


def logarithm(q: Float64[np.ndarray, "4"]) -> Float64[np.ndarray, "3"]:
    """Unit quaternion → rotation vector of at most pi radians: the shorter way round."""
    q = -q if q[0] < 0 else q
    sine = np.linalg.norm(q[1:])
    return 2.0 * q[1:] if sine < _TINY else 2.0 * np.arctan2(sine, q[0]) * q[1:] / sine


def slerp(a: Float64[np.ndarray, "4"], b: Float64[np.ndarray, "4"], u: float) -> Float64[np.ndarray, "4"]:
    """From rotation a (u = 0) to b (u = 1) at constant speed, the shorter way round; half turns take one of their two ways."""
    conjugate = a * np.array([1.0, -1.0, -1.0, -1.0])
    return multiply(a, exponential(u * logarithm(multiply(conjugate, b))))


def monotone_slopes(x: Float64[np.ndarray, "n"], y: Float64[np.ndarray, "n"], period: float | None = None) -> Float64[np.ndarray, "n"]:
    """Slopes at the knots of a C1 piecewise cubic that never overshoots.

    Args:
        x: increasing strictly.
        period: the first and the last knot are the same moment of a loop, so their slopes agree. Its value is the loop's x length; y may wind on.

    Source: Fritsch & Butland, "A method for constructing local monotone piecewise cubic interpolants", 1984.
    """
    if len(x) < 2:
        return np.zeros(len(x))
    width = np.diff(x)
    secant = np.diff(y) / width
    if period is not None:
        width, secant = np.concatenate([width[-1:], width, width[:1]]), np.concatenate([secant[-1:], secant, secant[:1]])
    before, after, left, right = secant[:-1], secant[1:], width[:-1], width[1:]
    agree = before * after > 0
    weights = 3.0 * (left + right)
    with np.errstate(divide="ignore", invalid="ignore"):  # where the secants disagree the quotient is thrown away
        inner = weights / ((2.0 * right + left) / before + (right + 2.0 * left) / after)
    inner = np.where(agree, inner, 0.0)
    return inner if period is not None else np.concatenate([secant[:1], inner, secant[-1:]])


def hermite(u: float | np.ndarray, width: float | np.ndarray, y0: np.ndarray, y1: np.ndarray, slope0: np.ndarray, slope1: np.ndarray) -> np.ndarray:
    """Cubic from y0 to y1 with given slopes at both ends of an interval; u in [0, 1]."""
    u2, u3 = u * u, u * u * u
    return (2 * u3 - 3 * u2 + 1) * y0 + (u3 - 2 * u2 + u) * width * slope0 + (3 * u2 - 2 * u3) * y1 + (u3 - u2) * width * slope1


def eased(u: Any, leaving: Any, arriving: Any) -> Any:
    """How far along the way at a share u of its time: 0 leaves and arrives at full speed, 1 from and to rest. Monotone, since no end slope exceeds 1."""
    return (1.0 - leaving) * (u**3 - 2 * u**2 + u) + (3 * u**2 - 2 * u**3) + (1.0 - arriving) * (u**3 - u**2)


def centripetal_knots(points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n"]:
    """Parameter of each point: square roots of the distances, summed. Equal neighbours share one parameter."""
    steps = np.sqrt(np.linalg.norm(np.diff(points, axis=0), axis=1))
    return np.concatenate([[0.0], np.cumsum(np.where(steps < np.sqrt(_TINY), 0.0, steps))])


def spline_tangents(knots: Float64[np.ndarray, "n"], points: Float64[np.ndarray, "n 3"], closed: bool) -> Float64[np.ndarray, "n 3"]:
    """Derivatives by the knot parameter of the Catmull-Rom spline through distinct points; a closed curve's first point stands at its end again.

    Source: Barry & Goldman 1988 (non-uniform Catmull-Rom); Yuksel et al. 2011: with centripetal knots it has neither cusps nor loops in a segment.
    """
    if len(points) < 2:
        return np.zeros_like(points)
    width = np.diff(knots)[:, None]
    secant = np.diff(points, axis=0) / width
    if closed:
        width, secant = np.concatenate([width[-1:], width, width[:1]]), np.concatenate([secant[-1:], secant, secant[:1]])
    left, right = width[:-1], width[1:]
    inner = (secant[:-1] * right + secant[1:] * left) / (left + right)
    if closed:
        return inner
    first = 2.0 * secant[:1] - inner[:1] if len(inner) else secant[:1]  # a parabola at each open end
    last = 2.0 * secant[-1:] - inner[-1:] if len(inner) else secant[-1:]
    return np.concatenate([first, inner, last])


def angular_velocities(times: Float64[np.ndarray, "n"], rotations: Float64[np.ndarray, "n 4"], closed: bool) -> Float64[np.ndarray, "n 3"]:
    """Velocity (rotation vector per second, in the turning frame) at each key: the mean of its two segments', the nearer one counting more.

    It is limited to three times the slower segment's speed, so that a key at which the camera rests really is at rest.
    """
    if len(rotations) < 2:
        return np.zeros((len(rotations), 3))
    conjugate = rotations[:-1] * np.array([1.0, -1.0, -1.0, -1.0])
    width = np.diff(times)[:, None]
    rates = np.stack([logarithm(multiply(a, b)) for a, b in zip(conjugate, rotations[1:])]) / width
    if closed:
        width, rates = np.concatenate([width[-1:], width, width[:1]]), np.concatenate([rates[-1:], rates, rates[:1]])
    left, right = width[:-1], width[1:]
    inner = (rates[:-1] * right + rates[1:] * left) / (left + right)
    speed = np.linalg.norm(inner, axis=1, keepdims=True)
    slower = np.linalg.norm(np.stack([rates[:-1], rates[1:]]), axis=2).min(axis=0)[:, None]
    inner = inner * np.minimum(1.0, 3.0 * slower / np.maximum(speed, _TINY))
    return inner if closed else np.concatenate([rates[:1], inner, rates[-1:]])


def rotation_bezier(
    u: float, width: float, q0: Float64[np.ndarray, "4"], q1: Float64[np.ndarray, "4"], w0: Float64[np.ndarray, "3"], w1: Float64[np.ndarray, "3"]
) -> Float64[np.ndarray, "4"]:
    """Rotation between two keys with given angular velocities at both; u in [0, 1].

    Source: Shoemake, "Animating rotation with quaternion curves", 1985: de Casteljau's construction with slerp.
    """
    control: list[np.ndarray] = [q0, multiply(q0, exponential(w0 * width / 3.0)), multiply(q1, exponential(-w1 * width / 3.0)), q1]
    while len(control) > 1:
        control = [slerp(a, b, u) for a, b in itertools.pairwise(control)]
    return control[0]
