"""The dancer of the synthetic capture: a skeleton, its looping motion and the rounded solids that hang on the bones. NumPy only.

At rest the figure stands in a T pose, looks along -y, and its left side is at +x. Every bone's rest frame is the world's, so a bone is a joint and
its pose is the rigid motion that carries rest points to the world.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float64

_JOINTS: dict[str, tuple[str | None, tuple[float, float, float]]] = {
    "pelvis": (None, (0.0, 0.0, 0.93)),
    "spine": ("pelvis", (0.0, 0.01, 1.03)),
    "chest": ("spine", (0.0, 0.015, 1.16)),
    "neck": ("chest", (0.0, 0.018, 1.40)),
    "head": ("neck", (0.0, 0.012, 1.485)),
    "upper_arm_l": ("chest", (0.165, 0.015, 1.35)),
    "forearm_l": ("upper_arm_l", (0.425, 0.015, 1.35)),
    "hand_l": ("forearm_l", (0.655, 0.015, 1.35)),
    "upper_arm_r": ("chest", (-0.165, 0.015, 1.35)),
    "forearm_r": ("upper_arm_r", (-0.425, 0.015, 1.35)),
    "hand_r": ("forearm_r", (-0.655, 0.015, 1.35)),
    "thigh_l": ("pelvis", (0.09, 0.0, 0.90)),
    "shin_l": ("thigh_l", (0.09, 0.0, 0.495)),
    "foot_l": ("shin_l", (0.09, 0.01, 0.095)),
    "thigh_r": ("pelvis", (-0.09, 0.0, 0.90)),
    "shin_r": ("thigh_r", (-0.09, 0.0, 0.495)),
    "foot_r": ("shin_r", (-0.09, 0.01, 0.095)),
}
BONES = tuple(_JOINTS)
HEAD_SCALE = 1.10
_REST = {name: np.array(position) for name, (_, position) in _JOINTS.items()}
HEAD_JOINT = _JOINTS["head"][1]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Parts that melt into each other and share a material."""

    blend: float
    """Width of the smooth union in metres."""
    material: str


GROUPS: dict[str, Group] = {
    "head": Group(blend=0.014, material="skin"),
    "arm_l": Group(blend=0.007, material="skin"),
    "arm_r": Group(blend=0.007, material="skin"),
    "shirt": Group(blend=0.018, material="shirt"),
    "trousers": Group(blend=0.016, material="trousers"),
    "hair": Group(blend=0.010, material="hair"),
    "eyes": Group(blend=0.002, material="eye"),
    "shoe_l": Group(blend=0.012, material="shoe"),
    "shoe_r": Group(blend=0.012, material="shoe"),
    "sole_l": Group(blend=0.010, material="sole"),
    "sole_r": Group(blend=0.010, material="sole"),
    "socks": Group(blend=0.004, material="sock"),
    "phones": Group(blend=0.001, material="phones"),
    "cushions": Group(blend=0.004, material="cushion"),
    "wristbands": Group(blend=0.004, material="wristband"),
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A rounded cone from `start` to `end` (rest positions) with end radii, stretched across its axes and optionally cut flat."""

    bone: str
    group: str
    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radii: tuple[float, float]
    stretch: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Factors along the part's side, front and axis; the part's own axes are the world's where start is end."""
    cut: tuple[float, float] | None = None
    """Keep what lies between these positions on the axis, in metres from `start`."""


def _ball(bone: str, group: str, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Part:
    return Part(bone=bone, group=group, start=centre, end=centre, radii=(1.0, 1.0), stretch=radii)


def _cone(
    bone: str,
    group: str,
    start: tuple[float, float, float],
    end: tuple[float, float, float],
    ra: float,
    rb: float,
    stretch: tuple[float, float] = (1.0, 1.0),
    cut: tuple[float, float] | None = None,
) -> Part:
    return Part(bone=bone, group=group, start=start, end=end, radii=(ra, rb), stretch=(*stretch, 1.0), cut=cut)


def _slab(bone: str, group: str, centre: tuple[float, float], radii: tuple[float, float], low: float, high: float) -> Part:
    """An upright elliptic cylinder."""
    x, y = centre
    middle = (low + high) / 2
    return _cone(bone, group, (x, y, middle - 0.3), (x, y, middle + 0.3), 1.0, 1.0, radii, (0.3 - (high - low) / 2, 0.3 + (high - low) / 2))


def _bow(bone: str, group: str, pieces: int) -> tuple[Part, ...]:
    """The headphones' bow over the left half of the head: a flat band bent along a half ellipse."""
    angles = np.linspace(0.0, 0.5 * np.pi, pieces + 1)
    points = [(0.118 * float(np.sin(a)), 0.016, 1.625 + 0.142 * float(np.cos(a))) for a in angles]
    return tuple(_cone(bone, group, a, b, 0.0065, 0.0065, (1.0, 2.6)) for a, b in pairwise(points))


_MIDDLE = (
    # shirt
    _cone("spine", "shirt", (0.0, 0.005, 1.00), (0.0, 0.01, 1.16), 0.118, 0.110, (1.18, 0.88), (-0.075, 0.6)),
    _cone("chest", "shirt", (0.0, 0.012, 1.16), (0.0, 0.012, 1.29), 0.108, 0.116, (1.22, 0.90)),
    _cone("chest", "shirt", (-0.12, 0.02, 1.345), (0.12, 0.02, 1.345), 0.062, 0.062),
    _cone("chest", "shirt", (0.0, 0.022, 1.34), (0.0, 0.022, 1.42), 0.085, 0.056, (1.1, 0.95), (-0.2, 0.085)),
    # trousers
    _ball("pelvis", "trousers", (0.0, 0.008, 0.925), (0.150, 0.112, 0.105)),
    # head: neck, skull, cheeks, chin, nose
    _cone("neck", "head", (0.0, 0.024, 1.37), (0.0, 0.020, 1.50), 0.050, 0.047),
    _ball("head", "head", (0.0, 0.010, 1.630), (0.092, 0.104, 0.106)),
    _ball("head", "head", (0.0, -0.022, 1.566), (0.076, 0.074, 0.062)),
    _ball("head", "head", (0.0, -0.052, 1.524), (0.034, 0.034, 0.024)),
    _cone("head", "head", (0.0, -0.092, 1.598), (0.0, -0.108, 1.574), 0.008, 0.0130),
    # hair: cap, sides, nape, quiff, bun
    _ball("head", "hair", (0.0, 0.026, 1.650), (0.102, 0.104, 0.104)),
    _ball("head", "hair", (0.0, 0.062, 1.585), (0.082, 0.060, 0.082)),
    _cone("head", "hair", (0.045, -0.055, 1.715), (-0.040, -0.085, 1.722), 0.034, 0.026),
    _cone("head", "hair", (-0.030, -0.080, 1.722), (-0.088, -0.056, 1.690), 0.026, 0.012),
    _cone("head", "hair", (0.050, -0.050, 1.715), (0.088, -0.042, 1.675), 0.026, 0.012),
    _ball("head", "hair", (0.0, 0.105, 1.735), (0.046, 0.046, 0.044)),
)

_LEFT = (
    _cone("upper_arm_l", "shirt", (0.150, 0.015, 1.350), (0.330, 0.015, 1.350), 0.061, 0.060, (1.0, 1.0), (-0.3, 0.155)),
    _cone("upper_arm_l", "arm_l", (0.200, 0.015, 1.350), (0.418, 0.015, 1.350), 0.042, 0.033),
    _cone("forearm_l", "arm_l", (0.440, 0.015, 1.350), (0.655, 0.015, 1.350), 0.036, 0.025),
    _cone("forearm_l", "wristbands", (0.560, 0.015, 1.350), (0.680, 0.015, 1.350), 0.0415, 0.0345, (1.0, 1.0), (0.030, 0.085)),
    _cone("hand_l", "arm_l", (0.668, 0.015, 1.350), (0.735, 0.012, 1.350), 0.026, 0.033, (0.62, 1.0)),
    _cone("hand_l", "arm_l", (0.745, -0.016, 1.350), (0.806, -0.026, 1.340), 0.0125, 0.0095),
    _cone("hand_l", "arm_l", (0.752, 0.004, 1.352), (0.818, 0.002, 1.340), 0.0130, 0.0098),
    _cone("hand_l", "arm_l", (0.750, 0.024, 1.351), (0.810, 0.028, 1.338), 0.0125, 0.0095),
    _cone("hand_l", "arm_l", (0.742, 0.041, 1.349), (0.788, 0.051, 1.336), 0.0110, 0.0085),
    _cone("hand_l", "arm_l", (0.690, -0.010, 1.346), (0.738, -0.052, 1.336), 0.0150, 0.0110),
    # leg
    _cone("thigh_l", "trousers", (0.085, 0.004, 0.885), (0.090, 0.0, 0.505), 0.090, 0.056),
    _cone("shin_l", "trousers", (0.090, 0.0, 0.50), (0.090, 0.008, 0.14), 0.057, 0.056, (1.0, 1.0), (-0.3, 0.31)),
    _cone("shin_l", "socks", (0.090, 0.006, 0.28), (0.090, 0.010, 0.09), 0.042, 0.037),
    # shoe
    _cone("foot_l", "shoe_l", (0.090, 0.028, 0.060), (0.090, 0.012, 0.128), 0.046, 0.045, (1.0, 1.12), (-0.3, 0.072)),
    _cone("foot_l", "shoe_l", (0.090, 0.010, 0.068), (0.094, -0.110, 0.045), 0.044, 0.034, (1.0, 1.0)),
    _ball("foot_l", "shoe_l", (0.096, -0.120, 0.040), (0.047, 0.058, 0.034)),
    _slab("foot_l", "sole_l", (0.090, 0.022), (0.046, 0.058), 0.0, 0.030),
    _slab("foot_l", "sole_l", (0.096, -0.105), (0.054, 0.080), 0.0, 0.030),
    # face and headphones
    _ball("head", "head", (0.095, 0.016, 1.590), (0.016, 0.024, 0.034)),
    Part(bone="head", group="eyes", start=(0.0335, -0.0790, 1.606), end=(0.0338, -0.0799, 1.606), radii=(1.0, 1.0), stretch=(0.0285, 0.0300, 0.0210)),
    _cone("head", "cushions", (0.000, 0.016, 1.596), (0.200, 0.016, 1.596), 0.046, 0.046, (1.0, 1.0), (0.088, 0.110)),
    _cone("head", "phones", (0.000, 0.016, 1.596), (0.200, 0.016, 1.596), 0.041, 0.041, (1.0, 1.0), (0.106, 0.128)),
    *_bow("head", "phones", 7),
)


def _enlarged(part: Part) -> Part:
    """The head is drawn at natural size and enlarged about its joint."""
    if part.bone != "head":
        return part
    start, end = (tuple((_REST["head"] + HEAD_SCALE * (np.array(p) - _REST["head"])).tolist()) for p in (part.start, part.end))
    cut = None if part.cut is None else (part.cut[0] * HEAD_SCALE, part.cut[1] * HEAD_SCALE)
    ball = part.radii == (1.0, 1.0)  # then the stretch has the radii
    radii = part.radii if ball else (part.radii[0] * HEAD_SCALE, part.radii[1] * HEAD_SCALE)
    x, y, z = part.stretch
    stretch = (x * HEAD_SCALE, y * HEAD_SCALE, z * HEAD_SCALE) if ball else part.stretch
    return replace(part, start=start, end=end, radii=radii, stretch=stretch, cut=cut)


def _mirrored(part: Part) -> Part:
    def other(name: str) -> str:
        return name[:-2] + "_r" if name.endswith("_l") else name

    flip = np.array([-1.0, 1.0, 1.0])
    start, end = (tuple((flip * np.array(p)).tolist()) for p in (part.start, part.end))
    return replace(part, bone=other(part.bone), group=other(part.group), start=start, end=end)


PARTS: tuple[Part, ...] = tuple(_enlarged(part) for part in (*_MIDDLE, *_LEFT, *(_mirrored(part) for part in _LEFT)))


def _rotation(axis: str, angle: float) -> Float64[np.ndarray, "3 3"]:
    c, s = np.cos(angle), np.sin(angle)
    i = "xyz".index(axis)
    j, k = (i + 1) % 3, (i + 2) % 3
    matrix = np.eye(3)
    matrix[j, j], matrix[j, k], matrix[k, j], matrix[k, k] = c, -s, s, c
    return matrix


def _frame(direction: np.ndarray, normal: np.ndarray) -> Float64[np.ndarray, "3 3"]:
    direction = direction / np.linalg.norm(direction)
    normal = normal - (normal @ direction) * direction
    normal = normal / np.linalg.norm(normal)
    return np.stack([direction, normal, np.cross(direction, normal)], axis=1)


@dataclass(frozen=True, kw_only=True)
class _Limb:
    """Rotations of a limb's two bones, and where its end comes to lie."""

    upper: np.ndarray
    lower: np.ndarray
    middle: np.ndarray
    end: np.ndarray


def _reach(root: np.ndarray, target: np.ndarray, pole: np.ndarray, bones: tuple[str, str, str], rest_pole: np.ndarray) -> _Limb:
    """Two-bone inverse kinematics: the middle joint points towards `pole`; targets out of reach are approached as far as it goes."""
    rest_root, rest_middle, rest_end = (_REST[bone] for bone in bones)
    upper, lower = float(np.linalg.norm(rest_middle - rest_root)), float(np.linalg.norm(rest_end - rest_middle))
    to_target = target - root
    span = float(np.linalg.norm(to_target))
    to_target = to_target / span
    most, soft = 0.985 * (upper + lower), 0.02 * (upper + lower)
    span = -soft * float(np.logaddexp(-span / soft, -most / soft))  # a smooth minimum: a limb that snaps straight jerks its elbow
    along = (upper**2 - lower**2 + span**2) / (2 * span)
    sideways = pole - (pole @ to_target) * to_target
    sideways = sideways / np.linalg.norm(sideways)
    middle = root + along * to_target + np.sqrt(upper**2 - along**2) * sideways
    end = root + span * to_target
    normal, rest_normal = np.cross(to_target, sideways), np.cross(rest_end - rest_root, rest_pole)
    return _Limb(
        upper=_frame(middle - root, normal) @ _frame(rest_middle - rest_root, rest_normal).T,
        lower=_frame(end - middle, normal) @ _frame(rest_end - rest_middle, rest_normal).T,
        middle=middle,
        end=end,
    )


def pose(time: float) -> Float64[np.ndarray, "n_bones 4 4"]:
    """The motion that carries each bone from rest to its place; the dance repeats when `time` grows by 1."""
    phase = 2 * np.pi * time
    s, c = np.sin(phase), np.cos(phase)
    beat = np.cos(2 * phase)
    rotations: dict[str, np.ndarray] = {}
    joints: dict[str, np.ndarray] = {}

    def place(bone: str, parent: str | None, turn: np.ndarray) -> None:
        if parent is None:
            joints[bone], rotations[bone] = _REST[bone] + np.array([0.055 * s, 0.015 * beat, -0.052 - 0.026 * beat]), turn
        else:
            joints[bone] = joints[parent] + rotations[parent] @ (_REST[bone] - _REST[parent])
            rotations[bone] = rotations[parent] @ turn

    place("pelvis", None, _rotation("z", 0.24 * s) @ _rotation("y", 0.09 * s) @ _rotation("x", 0.05))
    place("spine", "pelvis", _rotation("z", -0.18 * s) @ _rotation("y", -0.13 * np.sin(phase + 0.3)) @ _rotation("x", 0.04 * beat))
    place("chest", "spine", _rotation("z", -0.30 * np.sin(phase - 0.2)) @ _rotation("y", -0.10 * s) @ _rotation("x", -0.02 + 0.05 * beat))
    place("neck", "chest", _rotation("z", 0.14 * s) @ _rotation("y", 0.07 * s) @ _rotation("x", 0.03))
    nod = _rotation("x", 0.07 * np.cos(2 * phase + 0.6))
    place("head", "neck", _rotation("z", 0.16 * np.sin(phase - 0.4)) @ _rotation("y", 0.13 * np.sin(phase + 0.5)) @ nod)

    up_l, up_r = (0.5 + 0.5 * np.sin(phase - 0.25)), (0.5 - 0.5 * np.sin(phase - 0.25))
    hands = {
        "l": np.array([0.16 + 0.13 * up_l + 0.04 * c, -0.30 + 0.20 * up_l + 0.05 * c, -0.14 + 0.52 * up_l]),
        "r": np.array([-0.13 - 0.28 * up_r - 0.03 * c, -0.33 + 0.24 * up_r + 0.04 * c, -0.08 + 0.30 * up_r]),
    }
    for side, sign in (("l", 1.0), ("r", -1.0)):
        bones = (f"upper_arm_{side}", f"forearm_{side}", f"hand_{side}")
        chest = rotations["chest"]
        shoulder = joints["chest"] + chest @ (_REST[bones[0]] - _REST["chest"])
        pole = chest @ np.array([sign * 0.75, 0.45, -0.75])
        limb = _reach(shoulder, shoulder + chest @ hands[side], pole, bones, np.array([0.0, 1.0, 0.0]))
        for bone, joint, turn in zip(bones, (shoulder, limb.middle, limb.end), (limb.upper, limb.lower, limb.lower), strict=True):
            joints[bone], rotations[bone] = joint, turn
        rotations[bones[2]] = limb.lower @ _rotation("y", sign * (0.15 + 0.30 * np.sin(phase - 0.9))) @ _rotation("z", 0.12 * c)

    lift_r, lift_l = max(0.0, s) ** 2, max(0.0, -s) ** 2
    feet = {
        "l": (np.array([0.125 + 0.17 * lift_l, 0.01 - 0.06 * lift_l, 0.095 + 0.13 * lift_l]), 0.45 * lift_l, 0.22),
        "r": (np.array([-0.125 + 0.02 * lift_r, 0.01 - 0.13 * lift_r, 0.095 + 0.30 * lift_r]), 0.55 * lift_r, -0.22),
    }
    for side, (ankle, toes_down, turn_out) in feet.items():
        bones = (f"thigh_{side}", f"shin_{side}", f"foot_{side}")
        hip = joints["pelvis"] + rotations["pelvis"] @ (_REST[bones[0]] - _REST["pelvis"])
        limb = _reach(hip, ankle, np.array([np.sin(1.4 * turn_out), -1.0, 0.0]), bones, np.array([0.0, -1.0, 0.0]))
        for bone, joint, turn in zip(bones, (hip, limb.middle, limb.end), (limb.upper, limb.lower, limb.lower), strict=True):
            joints[bone], rotations[bone] = joint, turn
        rotations[bones[2]] = _rotation("z", turn_out) @ _rotation("x", toes_down)

    motions = np.tile(np.eye(4), (len(BONES), 1, 1))
    for i, bone in enumerate(BONES):
        motions[i, :3, :3] = rotations[bone]
        motions[i, :3, 3] = joints[bone] - rotations[bone] @ _REST[bone]
    return motions
