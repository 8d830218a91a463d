"""Materials of the synthetic figure: procedural textures that live in the rest pose, filtered to the size of a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from im4d_core.data.figure import HEAD_JOINT, HEAD_SCALE

# Palette, linear light.
_CREAM = (0.80, 0.70, 0.54)
_CORAL = (0.80, 0.13, 0.07)
_TEAL = (0.025, 0.24, 0.26)
_INK = (0.022, 0.028, 0.060)
_DENIM = (0.045, 0.085, 0.19)
_GOLD = (0.83, 0.46, 0.09)
_WHITE = (0.80, 0.79, 0.76)
_SKIN = (0.62, 0.31, 0.185)
_HAIR = (0.085, 0.034, 0.018)


@dataclass(frozen=True, kw_only=True)
class Look:
    """Material of points: what the textures return."""

    albedo: Float[Tensor, "3 n"]
    roughness: Float[Tensor, "n"]
    reflectance: Float[Tensor, "n"]
    """Fresnel reflectance at normal incidence."""
    sheen: float
    """Strength of the soft rim that fibres give cloth."""
    scatter: tuple[float, float, float]
    """How far light wraps around, by colour channel: skin is red where light ends."""
    bump: Float[Tensor, "3 n"] | None
    """Gradient of a height field in rest space."""


def colour_of(colour: tuple[float, float, float], like: Tensor) -> Float[Tensor, "3 1"]:
    """Three numbers as a column beside `like`."""
    return torch.tensor(colour, dtype=torch.float32, device=like.device)[:, None]


def mixed(a: Tensor, b: Tensor, amount: Tensor) -> Tensor:
    """From a to b by an amount in [0, 1]."""
    return a + (b - a) * amount


def _step(distance: Tensor, footprint: Tensor) -> Tensor:
    """1 where the signed distance is positive, with an edge as wide as a pixel."""
    return (distance / footprint + 0.5).clamp(0.0, 1.0)


def _wave(position: Tensor, period: float, duty: float, footprint: Tensor) -> Tensor:
    """Stripes: 1 over the share `duty` of each period; fades to its mean where pixels are wider than the stripes."""
    phase = torch.remainder(position, period)
    inside = duty * period / 2 - (phase - duty * period / 2).abs()
    lines = _step(inside, footprint)
    fade = ((footprint / period - 0.35) * 3.0).clamp(0.0, 1.0)
    return lines + (duty - lines) * fade


def _fade(period: float, footprint: Tensor) -> Tensor:
    """1 where a pattern of this period is well resolved, 0 where it would alias."""
    return ((0.55 - footprint / period) * 4.0).clamp(0.0, 1.0)


def _noise(points: Tensor, period: float) -> Tensor:
    """Smooth value noise in [0, 1]."""
    cell = points / period
    base = torch.floor(cell)
    part = cell - base
    part = part * part * (3.0 - 2.0 * part)
    corners = []
    for dz in (0, 1):
        for dy in (0, 1):
            for dx in (0, 1):
                seed = (base[0] + dx) * 127.1 + (base[1] + dy) * 311.7 + (base[2] + dz) * 74.7
                corners.append(torch.frac(torch.sin(torch.remainder(seed, 6.2831853)) * 4375.85453).abs())
    along_x = [mixed(corners[2 * i], corners[2 * i + 1], part[0]) for i in range(4)]
    return mixed(mixed(along_x[0], along_x[1], part[1]), mixed(along_x[2], along_x[3], part[1]), part[2])


def _segment(x: Tensor, z: Tensor, a: tuple[float, float], b: tuple[float, float]) -> Tensor:
    """Distance to a line segment in a plane."""
    dx, dz = b[0] - a[0], b[1] - a[1]
    along = (((x - a[0]) * dx + (z - a[1]) * dz) / (dx * dx + dz * dz)).clamp(0.0, 1.0)
    return torch.hypot(x - a[0] - along * dx, z - a[1] - along * dz)


def _full(like: Tensor, value: float) -> Tensor:
    return torch.full_like(like, value)


def _skin(p: Tensor, fp: Tensor) -> Look:
    joint = colour_of(HEAD_JOINT, p)
    x, y, z = joint + (p - joint) / HEAD_SCALE
    albedo = colour_of(_SKIN, p) * (0.94 + 0.12 * _noise(p, 0.02))
    face = ((-y - 0.03) * 30).clamp(0, 1) * ((z - 1.47) * 40).clamp(0, 1)
    blush = torch.exp(-(((x.abs() - 0.050) / 0.020) ** 2 + ((z - 1.567) / 0.015) ** 2)) * face
    albedo = mixed(albedo, colour_of((0.66, 0.16, 0.11), p), 0.55 * blush)
    nose = torch.exp(-((x / 0.018) ** 2 + ((z - 1.574) / 0.018) ** 2)) * face
    albedo = mixed(albedo, colour_of((0.66, 0.20, 0.13), p), 0.35 * nose)
    u = (x.abs() - 0.036) / 0.023
    brow = 0.0062 * (1.0 - 0.35 * u) * (1.0 - u**4) - (z - (1.6560 - 0.0045 * u * u)).abs()
    hairs = 0.0016 * (_noise(torch.stack([x * 2.2 - z, z * 0.5, y * 0.2]), 0.0028) - 0.5)
    brows = _step(brow + hairs, fp) * face
    albedo = mixed(albedo, colour_of(_HAIR, p) * (0.7 + 200.0 * hairs), 0.95 * brows)
    # a smile: the mouth lies between two arcs
    upper = z - (1.5335 + 5.0 * x * x)
    lower = z - (1.5160 + 14.0 * x * x)
    mouth = torch.minimum(-upper, lower)
    lips = _step(mouth + 0.0035, fp) * face
    inner = _step(mouth, fp) * face
    teeth = _step(torch.minimum(mouth - 0.0006, z - (1.5262 + 5.0 * x * x)), fp) * face
    albedo = mixed(albedo, colour_of((0.42, 0.085, 0.07), p), 0.85 * lips)
    albedo = mixed(albedo, colour_of((0.10, 0.012, 0.014), p), inner)
    albedo = mixed(albedo, colour_of((0.82, 0.80, 0.76), p), teeth)
    return Look(albedo=albedo, roughness=0.46 - 0.21 * lips, reflectance=_full(z, 0.035), sheen=0.12, scatter=(0.42, 0.20, 0.13), bump=None)


def _digits(x: Tensor, z: Tensor) -> Tensor:
    """Signed distance (positive inside) to the strokes of "4D"."""
    slope, bar = _segment(x, z, (-0.016, 0.036), (-0.052, -0.010)), _segment(x, z, (-0.052, -0.010), (-0.006, -0.010))
    four = torch.minimum(torch.minimum(slope, bar), _segment(x, z, (-0.016, 0.036), (-0.016, -0.034)))
    bow = (torch.hypot(x - 0.018, z - 0.001) - 0.035).abs()
    bow = torch.where(x > 0.018, bow, torch.hypot(x - 0.018, (z - 0.001).abs() - 0.035))
    letter = torch.minimum(bow, _segment(x, z, (0.018, 0.036), (0.018, -0.034)))
    return 0.0072 - torch.minimum(four, letter)


def _shirt(p: Tensor, fp: Tensor) -> Look:
    x, y, z = p
    arm = x.abs() > 0.19
    height = torch.where(arm, x.abs(), z)
    cream, coral, teal, gold = (colour_of(colour, p) for colour in (_CREAM, _CORAL, _TEAL, _GOLD))
    albedo = cream.expand(3, p.shape[1])
    chest = (z > 1.17) & ~arm
    band = _step(0.062 - (height - 1.085).abs(), fp)
    zigzag = (torch.remainder(torch.atan2(x, -y) * 0.13, 0.030) - 0.015).abs()
    torso = mixed(albedo, teal, _step(1.150 - height, fp))
    torso = mixed(torso, coral, band * _wave(height + zigzag * 0.9, 0.031, 0.5, fp))
    torso = mixed(torso, gold, _wave(height - 0.005, 0.155, 0.03, fp) * _step(1.2 - height, fp))
    yoke = mixed(cream, coral, _step(height - 1.345 - 0.25 * (x.abs() - 0.05).clamp(min=0.0), fp))
    yoke = mixed(yoke, cream, _step(0.004 - (height - 1.338 - 0.25 * (x.abs() - 0.05).clamp(min=0.0)).abs(), fp))
    collar = _step(height - 1.405, fp) * (torch.hypot(x, y - 0.02) < 0.098)
    yoke = mixed(yoke, mixed(teal, gold, _wave(torch.atan2(x, -y), 0.14, 0.5, fp * 12)), collar)
    sleeve = mixed(coral, cream, _wave(height, 0.040, 0.30, fp))
    sleeve = mixed(sleeve, teal, _step(height - 0.288, fp))
    albedo = torch.where(arm, sleeve, torch.where(chest, yoke, torso))
    sign = torch.where(y < 0.0, 1.0, -1.0)
    emblem = _digits(x * sign / 1.05, (z - 1.245) / 1.05)
    disc = 0.078 - torch.hypot(x, z - 1.245)
    badge = chest & (z < 1.345)
    albedo = torch.where(badge, mixed(albedo, teal, _step(disc, fp)), albedo)
    albedo = torch.where(badge, mixed(albedo, gold, _step(0.0022 - (disc - 0.006).abs(), fp)), albedo)
    albedo = torch.where(badge, mixed(albedo, cream, _step(emblem, fp)), albedo)
    # knit: columns of small V stitches
    around = torch.where(arm, torch.atan2(y - 0.015, z - 1.35) * 0.06, torch.atan2(x, -y) * 0.125)
    column = torch.remainder(around, 0.0080) - 0.0040
    stitch = torch.cos(6.2831853 * (height + column.abs() * 1.1) / 0.0075) * torch.cos(6.2831853 * column / 0.0080 * 0.5)
    knit = stitch * _fade(0.0075, fp)
    albedo = albedo * (0.90 + 0.16 * knit) * (0.92 + 0.16 * _noise(p, 0.035))
    return Look(albedo=albedo, roughness=_full(z, 0.80), reflectance=_full(z, 0.03), sheen=0.55, scatter=(0.12, 0.10, 0.10), bump=_folds(p, 0.060, 0.014))


def _folds(p: Tensor, period: float, height: float) -> Tensor:
    """Gradient of a noise height field: soft creases of cloth."""
    delta = 0.15 * period
    centre = _noise(p, period)
    gradient = []
    for axis in range(3):
        moved = p.clone()
        moved[axis] += delta
        gradient.append((_noise(moved, period) - centre) * (height / delta))
    return torch.stack(gradient)


def _trousers(p: Tensor, fp: Tensor) -> Look:
    x, y, z = p
    leg = x.abs() - 0.09
    around = torch.atan2(leg, -y)
    twill = torch.cos(6.2831853 * (z + 0.07 * around) / 0.0065) * _fade(0.0065, fp)
    wash = _noise(p, 0.016) * 0.5 + _noise(p * torch.tensor([[1.0], [1.0], [0.35]], device=p.device), 0.011) * 0.5
    albedo = colour_of(_DENIM, p) * (0.55 + 0.45 * _noise(p, 0.07) + 0.75 * wash) * (1.0 + 0.12 * twill)
    worn = torch.exp(-(((z - 0.66) / 0.11) ** 2)) * (-y * 16 - 0.3).clamp(0, 1)
    albedo = mixed(albedo, colour_of((0.17, 0.25, 0.40), p), 0.6 * worn * (0.2 + 1.1 * wash))
    gold, cream, coral = colour_of(_GOLD, p), colour_of(_CREAM, p), colour_of(_CORAL, p)
    outer = ((leg > 0.0) & (z < 0.99)).float()
    albedo = mixed(albedo, cream, outer * _step(0.0235 - y.abs(), fp))
    albedo = mixed(albedo, mixed(coral, gold, _wave(z, 0.05, 0.5, fp)), outer * _step(0.0165 - y.abs(), fp))
    # a patch on the left knee, sewn on
    px, pz = (x - 0.09) * 1.0, z - 0.50
    patch = 0.040 - torch.maximum(px.abs(), pz.abs())
    on_knee = ((y < 0.0) & (x > 0)).float()
    check = _wave(px, 0.027, 0.5, fp)
    check = check + _wave(pz, 0.027, 0.5, fp) - 2 * check * _wave(pz, 0.027, 0.5, fp)
    albedo = mixed(albedo, mixed(colour_of(_TEAL, p), cream, check), on_knee * _step(patch, fp))
    albedo = mixed(albedo, coral, on_knee * _step(0.003 - (patch - 0.003).abs(), fp))
    # pockets, back pockets, fly, cuffs
    pocket = (-y - 0.030) - 0.7 * (z - 0.93)
    threads = _step(0.0018 - pocket.abs(), fp) * (z > 0.86) * (y < 0.02)
    back = torch.maximum((x.abs() - 0.070).abs() - 0.038, (z - 0.895).abs() - 0.044)
    threads = torch.maximum(threads, _step(0.0018 - back.abs(), fp) * (y > 0.03))
    threads = torch.maximum(threads, _step(0.0016 - (x - 0.022).abs(), fp) * (y < 0.0) * (z > 0.875))
    albedo = mixed(albedo, gold, 0.85 * threads)
    albedo = mixed(albedo, colour_of((0.24, 0.35, 0.50), p) * (0.8 + 0.4 * wash), _step(0.205 - z, fp))
    albedo = mixed(albedo, gold, 0.9 * _step(0.0018 - (z - 0.198).abs(), fp))
    return Look(albedo=albedo, roughness=_full(z, 0.75), reflectance=_full(z, 0.03), sheen=0.35, scatter=(0.08, 0.08, 0.08), bump=_folds(p, 0.060, 0.018))


def _hair(p: Tensor, fp: Tensor) -> Look:
    x, y, z = p
    angle = torch.atan2(x, z - 1.58)
    strand = _noise(torch.stack([angle * 0.12 + 0.15 * y, y * 0.05, z * 0.05]), 0.0035)
    lock = _noise(torch.stack([angle * 0.12, y * 0.15, z * 0.1]), 0.014)
    albedo = colour_of(_HAIR, p) * (0.45 + 0.75 * strand * _fade(0.004, fp) + 0.55 * lock)
    albedo = mixed(albedo, colour_of((0.30, 0.12, 0.04), p), 0.35 * (lock - 0.55).clamp(0, 1) * 2)
    bun = torch.hypot(torch.hypot(x, y - 0.076), z - 1.712)
    albedo = mixed(albedo, colour_of(_CORAL, p), _step(0.011 - (bun - 0.018).abs(), fp) * (y > 0.06))
    return Look(albedo=albedo, roughness=0.34 + 0.2 * strand, reflectance=_full(z, 0.045), sheen=0.2, scatter=(0.10, 0.06, 0.05), bump=None)


def _eye(p: Tensor, fp: Tensor) -> Look:
    x, _, z = p
    dx, dz = x.abs() - 0.0375, z - 1.6060
    around = torch.hypot(dx, dz)
    fibre = 0.75 + 0.5 * torch.cos(torch.atan2(dz, dx) * 22.0) * _fade(0.002, fp)
    iris = colour_of((0.11, 0.25, 0.17), p) * fibre * (0.55 + 60.0 * (0.0135 - around).clamp(0.0, 0.012))
    albedo = mixed(colour_of((0.78, 0.76, 0.74), p), colour_of((0.012, 0.02, 0.02), p), _step(0.0146 - around, fp))
    albedo = mixed(albedo, iris, _step(0.0130 - around, fp))
    albedo = mixed(albedo, colour_of((0.004, 0.004, 0.005), p), _step(0.0068 - around, fp))
    glint = torch.hypot(x - torch.sign(x) * 0.0375 - 0.0045, z - 1.6112)
    albedo = mixed(albedo, colour_of((2.2, 2.2, 2.2), p), _step(0.0030 - glint, fp))
    lid = z - (1.6250 - 15.0 * dx * dx)
    lash = _step(lid + 0.0036, fp)
    albedo = mixed(albedo, colour_of((0.02, 0.011, 0.009), p), lash)
    albedo = mixed(albedo, colour_of(_SKIN, p) * 0.92, _step(lid, fp))
    return Look(albedo=albedo, roughness=0.08 + 0.37 * lash, reflectance=_full(z, 0.04), sheen=0.0, scatter=(0.25, 0.18, 0.15), bump=None)


def _shoe(p: Tensor, fp: Tensor) -> Look:
    x, y, z = p
    across = x.abs() - 0.094
    albedo = colour_of(_CORAL, p).expand(3, p.shape[1])
    weave = torch.cos(6.2831853 * y / 0.006) * torch.cos(6.2831853 * z / 0.006) * _fade(0.006, fp)
    albedo = albedo * (0.92 + 0.12 * weave)
    toe = _step(-y - 0.128, fp)
    albedo = mixed(albedo, colour_of(_WHITE, p), toe)
    heel = _step(y - 0.045, fp)
    albedo = mixed(albedo, colour_of(_TEAL, p), heel)
    tongue = _step(0.022 - across.abs(), fp) * (y < -0.018) * (y > -0.105) * (z > 0.05)
    albedo = mixed(albedo, colour_of(_INK, p), tongue * (1 - toe))
    laces = tongue * _wave(y + 0.25 * across.abs(), 0.017, 0.55, fp) * (y > -0.100)
    albedo = mixed(albedo, colour_of(_WHITE, p), laces)
    swoosh = _step(0.0065 - (z - 0.045 - 0.28 * (y + 0.05)).abs(), fp) * (across.abs() > 0.026) * (y < 0.042) * (y > -0.095)
    albedo = mixed(albedo, colour_of(_CREAM, p), swoosh)
    collar = _step(z - 0.121, fp) * (y > -0.05)
    albedo = mixed(albedo, colour_of(_INK, p), collar)
    return Look(albedo=albedo, roughness=_full(z, 0.38), reflectance=_full(z, 0.045), sheen=0.1, scatter=(0.05, 0.05, 0.05), bump=None)


def _sole(p: Tensor, fp: Tensor) -> Look:
    x, y, z = p
    albedo = mixed(colour_of(_WHITE, p), colour_of(_CORAL, p), _step(0.0028 - (z - 0.019).abs(), fp))
    tread = torch.maximum(_wave(y, 0.018, 0.35, fp), _wave(x, 0.018, 0.35, fp)) * (z < 0.002)
    albedo = mixed(albedo, colour_of((0.25, 0.16, 0.09), p), tread)
    return Look(albedo=albedo, roughness=_full(z, 0.45), reflectance=_full(z, 0.045), sheen=0.0, scatter=(0.1, 0.1, 0.1), bump=None)


def _sock(p: Tensor, fp: Tensor) -> Look:
    z = p[2]
    albedo = mixed(colour_of(_CREAM, p), colour_of(_TEAL, p), _wave(z, 0.020, 0.5, fp))
    return Look(albedo=albedo, roughness=_full(z, 0.8), reflectance=_full(z, 0.03), sheen=0.4, scatter=(0.1, 0.1, 0.1), bump=None)


def _phones(p: Tensor, fp: Tensor) -> Look:
    x, y, z = p
    around = torch.hypot(y - 0.016, z - 1.596)
    cup = (x.abs() > 0.104) & (z < 1.640)
    albedo = colour_of((0.75, 0.74, 0.72), p).expand(3, p.shape[1])
    ring = _step(0.0035 - (around - 0.031).abs(), fp) * cup
    albedo = mixed(albedo, colour_of(_CORAL, p), _step(0.027 - around, fp) * cup)
    albedo = mixed(albedo, colour_of(_GOLD, p), ring)
    albedo = mixed(albedo, colour_of(_CREAM, p), _step(0.0030 - (around - 0.011).abs(), fp) * cup)
    return Look(albedo=albedo, roughness=_full(z, 0.16), reflectance=0.05 + 0.45 * ring, sheen=0.0, scatter=(0.0, 0.0, 0.0), bump=None)


def _cushion(p: Tensor, fp: Tensor) -> Look:
    albedo = colour_of(_INK, p).expand(3, p.shape[1])
    return Look(albedo=albedo, roughness=_full(fp, 0.5), reflectance=_full(fp, 0.04), sheen=0.2, scatter=(0.0, 0.0, 0.0), bump=None)


def _wristband(p: Tensor, fp: Tensor) -> Look:
    x = p[0].abs()
    albedo = mixed(colour_of(_TEAL, p), colour_of(_GOLD, p), _wave(x - 0.590, 0.055, 0.34, fp) * _step(0.020 - (x - 0.6175).abs(), fp))
    rib = torch.cos(6.2831853 * torch.atan2(p[1] - 0.015, p[2] - 1.35) * 40 / 6.2831853) * _fade(0.006, fp)
    return Look(albedo=albedo * (0.9 + 0.15 * rib), roughness=_full(x, 0.85), reflectance=_full(x, 0.03), sheen=0.5, scatter=(0.1, 0.1, 0.1), bump=None)


_LOOKS = {
    "skin": _skin,
    "shirt": _shirt,
    "trousers": _trousers,
    "hair": _hair,
    "eye": _eye,
    "shoe": _shoe,
    "sole": _sole,
    "sock": _sock,
    "phones": _phones,
    "cushion": _cushion,
    "wristband": _wristband,
}


_ON_HEAD = ("hair", "eye", "phones", "cushion")


def look_of(material: str, rest: Float[Tensor, "3 n"], footprint: Float[Tensor, "n"]) -> Look:
    """The material at points of the rest pose; `footprint` is the width of a pixel there."""
    if material in _ON_HEAD:
        joint = colour_of(HEAD_JOINT, rest)
        rest = joint + (rest - joint) / HEAD_SCALE
    return _LOOKS[material](rest, footprint)
