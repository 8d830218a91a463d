"""Materials and studio light of the synthetic figure: textures live in the rest pose, highlights move with the camera."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from im4d_core.data.figure import GROUPS
from im4d_core.data.solid import CoarseField, Surface

_MATERIALS = tuple(dict.fromkeys(group.material for group in GROUPS.values()))

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
class Shaded:
    """Linear light towards the camera, split by how it depends on it."""

    diffuse: Float[Tensor, "3 n"]
    """The same from everywhere."""
    specular: Float[Tensor, "3 n"]
    """Highlights, reflections and rims."""


@dataclass(frozen=True, kw_only=True)
class _Look:
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


def _rgb(colour: tuple[float, float, float], like: Tensor) -> Tensor:
    return torch.tensor(colour, dtype=torch.float32, device=like.device)[:, None]


def _mix(a: Tensor, b: Tensor, amount: Tensor) -> Tensor:
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
    along_x = [_mix(corners[2 * i], corners[2 * i + 1], part[0]) for i in range(4)]
    return _mix(_mix(along_x[0], along_x[1], part[1]), _mix(along_x[2], along_x[3], part[1]), part[2])


def _segment(x: Tensor, z: Tensor, a: tuple[float, float], b: tuple[float, float]) -> Tensor:
    """Distance to a line segment in a plane."""
    dx, dz = b[0] - a[0], b[1] - a[1]
    along = (((x - a[0]) * dx + (z - a[1]) * dz) / (dx * dx + dz * dz)).clamp(0.0, 1.0)
    return torch.hypot(x - a[0] - along * dx, z - a[1] - along * dz)


def _full(like: Tensor, value: float) -> Tensor:
    return torch.full_like(like, value)


def _skin(p: Tensor, fp: Tensor) -> _Look:
    x, y, z = p
    albedo = _rgb(_SKIN, p) * (0.94 + 0.12 * _noise(p, 0.02))
    face = ((-y - 0.03) * 30).clamp(0, 1) * ((z - 1.47) * 40).clamp(0, 1)
    blush = torch.exp(-(((x.abs() - 0.050) / 0.020) ** 2 + ((z - 1.567) / 0.015) ** 2)) * face
    albedo = _mix(albedo, _rgb((0.66, 0.16, 0.11), p), 0.55 * blush)
    nose = torch.exp(-((x / 0.018) ** 2 + ((z - 1.574) / 0.018) ** 2)) * face
    albedo = _mix(albedo, _rgb((0.66, 0.20, 0.13), p), 0.35 * nose)
    freckles = _step(_noise(p, 0.0045) - 0.80, fp * 60) * torch.exp(-(((x.abs() - 0.040) / 0.026) ** 2 + ((z - 1.580) / 0.012) ** 2)) * face
    albedo = _mix(albedo, _rgb((0.28, 0.10, 0.05), p), 0.5 * freckles * _fade(0.0045, fp))
    # a smile: the mouth lies between two arcs
    upper = z - (1.5335 + 5.0 * x * x)
    lower = z - (1.5160 + 14.0 * x * x)
    mouth = torch.minimum(-upper, lower)
    lips = _step(mouth + 0.0035, fp) * face
    inner = _step(mouth, fp) * face
    teeth = _step(torch.minimum(mouth - 0.0006, z - (1.5262 + 5.0 * x * x)), fp) * face
    albedo = _mix(albedo, _rgb((0.42, 0.085, 0.07), p), 0.85 * lips)
    albedo = _mix(albedo, _rgb((0.10, 0.012, 0.014), p), inner)
    albedo = _mix(albedo, _rgb((0.82, 0.80, 0.76), p), teeth)
    return _Look(albedo=albedo, roughness=_mix(_full(z, 0.46), _full(z, 0.25), lips), reflectance=_full(z, 0.035), sheen=0.12, scatter=(0.42, 0.20, 0.13), bump=None)


def _digits(x: Tensor, z: Tensor) -> Tensor:
    """Signed distance (positive inside) to the strokes of "4D"."""
    four = torch.minimum(torch.minimum(_segment(x, z, (-0.016, 0.036), (-0.052, -0.010)), _segment(x, z, (-0.052, -0.010), (-0.006, -0.010))), _segment(x, z, (-0.016, 0.036), (-0.016, -0.034)))
    bow = (torch.hypot(x - 0.018, z - 0.001) - 0.035).abs()
    bow = torch.where(x > 0.018, bow, torch.hypot(x - 0.018, (z - 0.001).abs() - 0.035))
    letter = torch.minimum(bow, _segment(x, z, (0.018, 0.036), (0.018, -0.034)))
    return 0.0072 - torch.minimum(four, letter)


def _shirt(p: Tensor, fp: Tensor) -> _Look:
    x, y, z = p
    arm = x.abs() > 0.19
    height = torch.where(arm, x.abs(), z)
    cream, coral, teal, gold, ink = (_rgb(colour, p) for colour in (_CREAM, _CORAL, _TEAL, _GOLD, _INK))
    albedo = cream.expand(3, p.shape[1])
    chest = (z > 1.17) & ~arm
    band = _step(0.062 - (height - 1.085).abs(), fp)
    zigzag = (torch.remainder(torch.atan2(x, -y) * 0.13 + (x * 0.0), 0.030) - 0.015).abs()
    torso = _mix(albedo, teal, _step(1.150 - height, fp))
    torso = _mix(torso, coral, band * _wave(height + zigzag * 0.9, 0.031, 0.5, fp))
    torso = _mix(torso, gold, _wave(height - 0.005, 0.155, 0.03, fp) * _step(1.2 - height, fp))
    yoke = _mix(cream, coral, _step(height - 1.345 - 0.25 * (x.abs() - 0.05).clamp(min=0.0), fp))
    yoke = _mix(yoke, cream, _step(0.004 - (height - 1.338 - 0.25 * (x.abs() - 0.05).clamp(min=0.0)).abs(), fp))
    collar = _step(height - 1.405, fp)
    yoke = _mix(yoke, _mix(teal, gold, _wave(torch.atan2(x, -y), 0.14, 0.5, fp * 12)), collar)
    sleeve = _mix(coral, cream, _wave(height, 0.040, 0.30, fp))
    sleeve = _mix(sleeve, teal, _step(height - 0.288, fp))
    albedo = torch.where(arm, sleeve, torch.where(chest, yoke, torso))
    sign = torch.where(y < 0.0, 1.0, -1.0)
    emblem = _digits(x * sign / 1.05, (z - 1.245) / 1.05)
    disc = 0.078 - torch.hypot(x, z - 1.245)
    badge = chest & (z < 1.345)
    albedo = torch.where(badge, _mix(albedo, teal, _step(disc, fp)), albedo)
    albedo = torch.where(badge, _mix(albedo, gold, _step(0.0022 - (disc - 0.006).abs(), fp)), albedo)
    albedo = torch.where(badge, _mix(albedo, cream, _step(emblem, fp)), albedo)
    # knit: columns of small V stitches
    around = torch.where(arm, torch.atan2(y - 0.015, z - 1.35) * 0.06, torch.atan2(x, -y) * 0.125)
    column = torch.remainder(around, 0.0080) - 0.0040
    stitch = torch.cos(6.2831853 * (height + column.abs() * 1.1) / 0.0075) * torch.cos(6.2831853 * column / 0.0080 * 0.5)
    knit = stitch * _fade(0.0075, fp)
    albedo = albedo * (0.90 + 0.16 * knit) * (0.92 + 0.16 * _noise(p, 0.035))
    return _Look(albedo=albedo, roughness=_full(z, 0.80), reflectance=_full(z, 0.03), sheen=0.55, scatter=(0.12, 0.10, 0.10), bump=_folds(p, 0.075, 0.009))


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


def _trousers(p: Tensor, fp: Tensor) -> _Look:
    x, y, z = p
    leg = torch.where(x > 0, x - 0.09, -x - 0.09)
    twill = torch.cos(6.2831853 * (z + (torch.atan2(leg, -y) * 0.07)) / 0.0065) * _fade(0.0065, fp)
    albedo = _rgb(_DENIM, p) * (0.80 + 0.45 * _noise(p, 0.06)) * (1.0 + 0.22 * twill)
    worn = torch.exp(-(((z - 0.52) / 0.07) ** 2)) * (-y * 18).clamp(0, 1)
    albedo = _mix(albedo, _rgb((0.16, 0.24, 0.40), p), 0.55 * worn * (0.4 + 0.9 * _noise(p, 0.012)))
    side = (y.abs()) * 1.0
    outer = (leg > 0.0) & (z < 0.97)
    stripe = torch.where(outer, _step(0.016 - side, fp), torch.zeros_like(z))
    piping = torch.where(outer, _step(0.0225 - side, fp), torch.zeros_like(z))
    albedo = _mix(albedo, _rgb(_CREAM, p), piping)
    albedo = _mix(albedo, _mix(_rgb(_CORAL, p), _rgb(_GOLD, p), _wave(z, 0.05, 0.5, fp)), stripe)
    seam = _step(0.0016 - ((-y - 0.030) - 0.7 * (z - 0.93)).abs(), fp) * (z > 0.86) * (x.abs() > 0.05)
    albedo = _mix(albedo, _rgb(_GOLD, p), 0.9 * seam * _wave(z, 0.009, 0.6, fp))
    cuff = _step(0.205 - z, fp)
    albedo = _mix(albedo, _rgb((0.22, 0.32, 0.47), p) * (1.0 + 0.18 * twill), cuff)
    albedo = _mix(albedo, _rgb(_GOLD, p), 0.9 * _step(0.0014 - (z - 0.198).abs(), fp))
    return _Look(albedo=albedo, roughness=_full(z, 0.75), reflectance=_full(z, 0.03), sheen=0.35, scatter=(0.08, 0.08, 0.08), bump=_folds(p, 0.085, 0.012))


def _hair(p: Tensor, fp: Tensor) -> _Look:
    x, y, z = p
    angle = torch.atan2(x, z - 1.58)
    strand = _noise(torch.stack([angle * 0.12 + 0.15 * y, y * 0.05, z * 0.05]), 0.0035)
    lock = _noise(torch.stack([angle * 0.12, y * 0.15, z * 0.1]), 0.014)
    albedo = _rgb(_HAIR, p) * (0.45 + 0.75 * strand * _fade(0.004, fp) + 0.55 * lock)
    albedo = _mix(albedo, _rgb((0.30, 0.12, 0.04), p), 0.35 * (lock - 0.55).clamp(0, 1) * 2)
    bun = torch.hypot(torch.hypot(x, y - 0.076), z - 1.712)
    albedo = _mix(albedo, _rgb(_CORAL, p), _step(0.011 - (bun - 0.018).abs(), fp) * (y > 0.06))
    return _Look(albedo=albedo, roughness=0.34 + 0.2 * strand, reflectance=_full(z, 0.045), sheen=0.2, scatter=(0.10, 0.06, 0.05), bump=None)


def _eye(p: Tensor, fp: Tensor) -> _Look:
    x, y, z = p
    dx, dz = x.abs() - 0.0350, z - 1.6055
    around = torch.hypot(dx, dz)
    albedo = _rgb((0.78, 0.76, 0.74), p).expand(3, p.shape[1])
    fibre = 0.75 + 0.5 * torch.cos(torch.atan2(dz, dx) * 22.0) * _fade(0.002, fp)
    iris = _rgb((0.10, 0.235, 0.16), p) * fibre * (0.55 + 60.0 * (0.0135 - around).clamp(0.0, 0.012))
    albedo = _mix(albedo, _rgb((0.012, 0.02, 0.02), p), _step(0.0140 - around, fp))
    albedo = _mix(albedo, iris, _step(0.0126 - around, fp))
    albedo = _mix(albedo, _rgb((0.004, 0.004, 0.005), p), _step(0.0064 - around, fp))
    glint = torch.minimum(around, torch.full_like(around, 1.0)) * 0 + torch.hypot(x - torch.sign(x) * 0.035 - 0.0042, z - 1.6105)
    albedo = _mix(albedo, _rgb((2.2, 2.2, 2.2), p), _step(0.0026 - glint, fp))
    lid = z - (1.6195 - 9.0 * (x.abs() - 0.036) ** 2)
    albedo = _mix(albedo, _rgb((0.02, 0.011, 0.009), p), _step(lid + 0.0028, fp))
    albedo = _mix(albedo, _rgb(_SKIN, p) * 0.92, _step(lid, fp))
    roughness = _mix(_full(z, 0.08), _full(z, 0.45), _step(lid + 0.0028, fp))
    return _Look(albedo=albedo, roughness=roughness, reflectance=_full(z, 0.04), sheen=0.0, scatter=(0.25, 0.18, 0.15), bump=None)


def _brow(p: Tensor, fp: Tensor) -> _Look:
    return _Look(albedo=_rgb(_HAIR, p) * (0.6 + 0.6 * _noise(p, 0.004)), roughness=_full(fp, 0.6), reflectance=_full(fp, 0.03), sheen=0.1, scatter=(0.1, 0.1, 0.1), bump=None)


def _shoe(p: Tensor, fp: Tensor) -> _Look:
    x, y, z = p
    across = x.abs() - 0.094
    albedo = _rgb(_CORAL, p).expand(3, p.shape[1])
    weave = torch.cos(6.2831853 * y / 0.006) * torch.cos(6.2831853 * z / 0.006) * _fade(0.006, fp)
    albedo = albedo * (0.92 + 0.12 * weave)
    toe = _step(-y - 0.128, fp)
    albedo = _mix(albedo, _rgb(_WHITE, p), toe)
    heel = _step(y - 0.045, fp)
    albedo = _mix(albedo, _rgb(_TEAL, p), heel)
    tongue = _step(0.022 - across.abs(), fp) * (y < -0.018) * (y > -0.105) * (z > 0.05)
    albedo = _mix(albedo, _rgb(_INK, p), tongue * (1 - toe))
    laces = tongue * _wave(y + 0.25 * across.abs(), 0.017, 0.55, fp) * (y > -0.100)
    albedo = _mix(albedo, _rgb(_WHITE, p), laces)
    swoosh = _step(0.0065 - (z - 0.045 - 0.28 * (y + 0.05)).abs(), fp) * (across.abs() > 0.026) * (y < 0.042) * (y > -0.095)
    albedo = _mix(albedo, _rgb(_CREAM, p), swoosh)
    collar = _step(z - 0.121, fp) * (y > -0.05)
    albedo = _mix(albedo, _rgb(_INK, p), collar)
    return _Look(albedo=albedo, roughness=_full(z, 0.38), reflectance=_full(z, 0.045), sheen=0.1, scatter=(0.05, 0.05, 0.05), bump=None)


def _sole(p: Tensor, fp: Tensor) -> _Look:
    x, y, z = p
    albedo = _mix(_rgb(_WHITE, p), _rgb(_CORAL, p), _step(0.0028 - (z - 0.019).abs(), fp))
    tread = torch.maximum(_wave(y, 0.018, 0.35, fp), _wave(x, 0.018, 0.35, fp)) * (z < 0.002)
    albedo = _mix(albedo, _rgb((0.25, 0.16, 0.09), p), tread)
    return _Look(albedo=albedo, roughness=_full(z, 0.45), reflectance=_full(z, 0.045), sheen=0.0, scatter=(0.1, 0.1, 0.1), bump=None)


def _sock(p: Tensor, fp: Tensor) -> _Look:
    z = p[2]
    albedo = _mix(_rgb(_CREAM, p), _rgb(_TEAL, p), _wave(z, 0.020, 0.5, fp))
    return _Look(albedo=albedo, roughness=_full(z, 0.8), reflectance=_full(z, 0.03), sheen=0.4, scatter=(0.1, 0.1, 0.1), bump=None)


def _phones(p: Tensor, fp: Tensor) -> _Look:
    x, y, z = p
    around = torch.hypot(y - 0.012, z - 1.596)
    cup = (x.abs() > 0.108) & (z < 1.642)
    albedo = _rgb((0.75, 0.74, 0.72), p).expand(3, p.shape[1])
    ring = _step(0.0035 - (around - 0.031).abs(), fp) * cup
    albedo = _mix(albedo, _rgb(_CORAL, p), _step(0.027 - around, fp) * cup)
    albedo = _mix(albedo, _rgb(_GOLD, p), ring)
    albedo = _mix(albedo, _rgb(_CREAM, p), _step(0.0030 - (around - 0.011).abs(), fp) * cup)
    return _Look(albedo=albedo, roughness=_full(z, 0.16), reflectance=0.05 + 0.45 * ring, sheen=0.0, scatter=(0.0, 0.0, 0.0), bump=None)


def _cushion(p: Tensor, fp: Tensor) -> _Look:
    return _Look(albedo=_rgb(_INK, p).expand(3, p.shape[1]), roughness=_full(fp, 0.5), reflectance=_full(fp, 0.04), sheen=0.2, scatter=(0.0, 0.0, 0.0), bump=None)


def _wristband(p: Tensor, fp: Tensor) -> _Look:
    x = p[0].abs()
    albedo = _mix(_rgb(_TEAL, p), _rgb(_GOLD, p), _wave(x - 0.590, 0.055, 0.34, fp) * _step(0.020 - (x - 0.6175).abs(), fp))
    rib = torch.cos(6.2831853 * torch.atan2(p[1] - 0.015, p[2] - 1.35) * 40 / 6.2831853) * _fade(0.006, fp)
    return _Look(albedo=albedo * (0.9 + 0.15 * rib), roughness=_full(x, 0.85), reflectance=_full(x, 0.03), sheen=0.5, scatter=(0.1, 0.1, 0.1), bump=None)


_LOOKS = {
    "skin": _skin,
    "shirt": _shirt,
    "trousers": _trousers,
    "hair": _hair,
    "eye": _eye,
    "brow": _brow,
    "shoe": _shoe,
    "sole": _sole,
    "sock": _sock,
    "phones": _phones,
    "cushion": _cushion,
    "wristband": _wristband,
}


@dataclass(frozen=True, kw_only=True)
class _Light:
    towards: tuple[float, float, float]
    colour: tuple[float, float, float]
    half_size: float
    """Half the angle under which the soft box is seen, as a sine."""


_KEY = _Light(towards=(0.52, -0.62, 0.62), colour=(3.10, 2.85, 2.50), half_size=0.26)
_FILL = _Light(towards=(-0.80, -0.60, 0.10), colour=(0.42, 0.50, 0.66), half_size=0.40)
_RIMS = (
    _Light(towards=(-0.62, 0.68, 0.42), colour=(1.55, 1.80, 2.30), half_size=0.22),
    _Light(towards=(0.80, 0.55, 0.30), colour=(1.50, 0.95, 0.62), half_size=0.22),
)
_SKY = (0.40, 0.46, 0.58)
_GROUND = (0.20, 0.155, 0.125)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=0)


def _direction(light: _Light, like: Tensor) -> Tensor:
    return torch.nn.functional.normalize(_rgb(light.towards, like), dim=0)


def _shadow(field: CoarseField, points: Tensor, normal: Tensor, towards: Tensor, softness: float) -> Tensor:
    """Share of a soft box that the points see: the narrowest cone of clear space on the way."""
    start = points + 0.022 * normal  # off the surface by a cell of the grid, or it would shadow itself
    along = torch.full_like(points[0], 0.015)
    seen = torch.ones_like(along)
    for _ in range(18):
        distance = field.distance(start + along * towards)
        seen = torch.minimum(seen, 0.5 + 0.5 * distance / (softness * along + 0.012))
        along = along + distance.clamp(0.02, 0.12)
    seen = seen.clamp(0.0, 1.0)
    return seen * seen * (3.0 - 2.0 * seen)


def _occlusion(field: CoarseField, points: Tensor, normal: Tensor) -> Tensor:
    """Ambient occlusion from five distances along the normal."""
    blocked = torch.zeros_like(points[0])
    for height, weight in ((0.025, 1.0), (0.05, 0.7), (0.10, 0.5), (0.16, 0.33), (0.24, 0.22)):
        blocked += weight * (height - field.distance(points + height * normal)).clamp(min=0.0) / height
    return (1.0 - 0.62 * blocked).clamp(0.05, 1.0)


def _highlight(normal: Tensor, view: Tensor, light: Tensor, look: _Look, roughness: Tensor) -> Tensor:
    """GGX with Schlick's Fresnel and the usual visibility approximation."""
    half = torch.nn.functional.normalize(view + light, dim=0)
    n_h, n_l, v_h = _dot(normal, half).clamp(0, 1), _dot(normal, light).clamp(0, 1), _dot(view, half).clamp(0, 1)
    a2 = roughness**4
    density = a2 / (3.14159265 * (n_h * n_h * (a2 - 1.0) + 1.0) ** 2)
    fresnel = look.reflectance + (1.0 - look.reflectance) * (1.0 - v_h) ** 5
    k = (v_h * v_h * (1.0 - a2) + a2).clamp(min=1e-3)  # 1e-3: grazing views of a mirror
    return density * fresnel / (4.0 * k) * n_l


def _studio(direction: Tensor, blur: Tensor) -> Tensor:
    """What a reflection sees: the soft boxes before a dark gradient."""
    up = direction[2]
    light = _rgb((0.10, 0.115, 0.14), direction) * (0.35 + 0.65 * (0.5 + 0.5 * up))
    for box in (_KEY, _FILL, *_RIMS):
        towards = _direction(box, direction)
        facing = _dot(direction, towards)
        side = torch.nn.functional.normalize(torch.linalg.cross(towards, _rgb((0.0, 0.0, 1.0), direction), dim=0), dim=0)
        top = torch.linalg.cross(side, towards, dim=0)
        u, v = _dot(direction, side).abs(), _dot(direction, top).abs()
        width = 0.03 + 0.5 * blur
        edge = ((box.half_size + 0.5 * width - u) / width).clamp(0, 1) * ((1.4 * box.half_size + 0.5 * width - v) / width).clamp(0, 1)
        light = light + _rgb(box.colour, direction) * (edge * (facing > 0)) * (0.55 / (1.0 + 6.0 * blur))
    return light


def shade(surface: Surface, points: Float[Tensor, "3 n"], view: Float[Tensor, "3 n"], footprint: Float[Tensor, "n"], field: CoarseField) -> Shaded:
    """Light from points of the figure towards a camera.

    Args:
        surface: attributes of the points.
        points: in the world, metres.
        view: unit vectors towards the camera.
        footprint: size of a pixel at the points, metres; textures are filtered to it.
        field: the figure, for shadows and occlusion.
    """
    n = points.shape[1]
    diffuse, specular = points.new_zeros(3, n), points.new_zeros(3, n)
    shadow = _shadow(field, points, surface.normal, _direction(_KEY, points), _KEY.half_size)
    ambient = _occlusion(field, points, surface.normal)
    materials = torch.tensor([_MATERIALS.index(group.material) for group in GROUPS.values()], device=points.device)[surface.group]
    for i, material in enumerate(_MATERIALS):
        chosen = torch.nonzero(materials == i)[:, 0]
        if chosen.numel() == 0:
            continue
        rest, fp = surface.rest[:, chosen], footprint[chosen]
        look = _LOOKS[material](rest, fp)
        normal = surface.normal[:, chosen]
        if look.bump is not None:
            gradient = (surface.turn[:, :, chosen] * look.bump[:, None]).sum(dim=0)
            normal = torch.nn.functional.normalize(normal - gradient + normal * _dot(normal, gradient), dim=0)
        lit = _lit(look, normal, view[:, chosen], shadow[chosen], ambient[chosen])
        diffuse[:, chosen], specular[:, chosen] = lit.diffuse, lit.specular
    return Shaded(diffuse=diffuse, specular=specular)


def _lit(look: _Look, normal: Tensor, view: Tensor, shadow: Tensor, ambient: Tensor) -> Shaded:
    scatter = _rgb(look.scatter, normal)
    facing = _dot(normal, view).clamp(0.0, 1.0)
    key = _direction(_KEY, normal)
    wrapped = ((_dot(normal, key) + scatter) / (1.0 + scatter)).clamp(min=0.0)
    soft_shadow = torch.pow(shadow.clamp(min=1e-4), 1.0 / (1.0 + 1.5 * scatter))  # light bleeds into shadows by colour; 1e-4: pow(0, x) has no gradient to give
    diffuse = _rgb(_KEY.colour, normal) * wrapped * soft_shadow
    specular = _rgb(_KEY.colour, normal) * (_highlight(normal, view, key, look, look.roughness) * shadow)
    fill = _direction(_FILL, normal)
    diffuse = diffuse + _rgb(_FILL.colour, normal) * (0.5 + 0.5 * _dot(normal, fill)) * ambient
    for rim in _RIMS:
        towards = _direction(rim, normal)
        diffuse = diffuse + _rgb(rim.colour, normal) * (0.55 * _dot(normal, towards).clamp(min=0.0) * ambient.sqrt())
        specular = specular + _rgb(rim.colour, normal) * (_highlight(normal, view, towards, look, look.roughness) * ambient)
    sky = _mix(_rgb(_GROUND, normal), _rgb(_SKY, normal), 0.5 + 0.5 * normal[2])
    tinted = torch.pow(ambient, 1.0 - 0.35 * look.albedo.clamp(0, 1))  # light between bright surfaces bounces more than once
    diffuse = look.albedo / 3.14159265 * (diffuse + 3.0 * sky * tinted)
    mirrored = 2.0 * _dot(normal, view) * normal - view
    fresnel = look.reflectance + (1.0 - look.roughness) * (1.0 - look.reflectance) * (1.0 - facing) ** 5
    specular = specular + _studio(mirrored, look.roughness) * (fresnel * ambient)
    if look.sheen > 0.0:
        fuzz = (1.0 - facing) ** 3 * look.sheen * ambient
        specular = specular + (0.35 * look.albedo + 0.05) * fuzz * (sky * 2.0 + _rgb(_KEY.colour, normal) * 0.25 * wrapped.mean(dim=0) * shadow)
    return Shaded(diffuse=diffuse, specular=specular)


def display(linear: Float[Tensor, "3 n"]) -> Float[Tensor, "3 n"]:
    """Filmic tone curve and sRGB encoding. Source: K. Narkowicz, "ACES Filmic Tone Mapping Curve" (2015)."""
    x = linear * 1.05
    mapped = (x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)).clamp(0.0, 1.0)
    return torch.where(mapped <= 0.0031308, 12.92 * mapped, 1.055 * mapped.clamp(min=1e-6) ** (1 / 2.4) - 0.055)


def to_bytes(value: Tensor) -> UInt8[Tensor, "*n"]:
    """[0, 1] → 0 … 255, rounded."""
    return (value.clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8)
