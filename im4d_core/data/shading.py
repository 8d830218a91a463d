"""Studio light on the synthetic figure: soft shadows, ambient occlusion, and highlights that move with the camera."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from im4d_core.data.figure import GROUPS
from im4d_core.data.materials import Look, colour_of, look_of, mixed
from im4d_core.data.solid import CoarseField, Surface

_MATERIALS = tuple(dict.fromkeys(group.material for group in GROUPS.values()))


@dataclass(frozen=True, kw_only=True)
class Shaded:
    """Linear light towards the camera, split by how it depends on it."""

    diffuse: Float[Tensor, "3 n"]
    """The same from everywhere."""
    specular: Float[Tensor, "3 n"]
    """Highlights, reflections and rims."""


@dataclass(frozen=True, kw_only=True)
class _Light:
    towards: tuple[float, float, float]
    colour: tuple[float, float, float]
    half_size: float
    """Half the angle under which the soft box is seen, as a sine."""


_KEY = _Light(towards=(0.52, -0.62, 0.62), colour=(3.10, 2.85, 2.50), half_size=0.26)
_FILL = _Light(towards=(-0.80, -0.60, 0.10), colour=(0.42, 0.50, 0.66), half_size=0.40)
_RIMS = (
    _Light(towards=(-0.62, 0.68, 0.42), colour=(2.30, 2.70, 3.40), half_size=0.22),
    _Light(towards=(0.80, 0.55, 0.30), colour=(2.60, 1.65, 1.05), half_size=0.22),
)
_SKY = (0.40, 0.46, 0.58)
_GROUND = (0.20, 0.155, 0.125)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=0)


def _direction(light: _Light, like: Tensor) -> Tensor:
    return torch.nn.functional.normalize(colour_of(light.towards, like), dim=0)


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


def _highlight(normal: Tensor, view: Tensor, light: Tensor, look: Look, roughness: Tensor) -> Tensor:
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
    light = colour_of((0.10, 0.115, 0.14), direction) * (0.35 + 0.65 * (0.5 + 0.5 * up))
    for box in (_KEY, _FILL, *_RIMS):
        towards = _direction(box, direction)
        facing = _dot(direction, towards)
        side = torch.nn.functional.normalize(torch.linalg.cross(towards, colour_of((0.0, 0.0, 1.0), direction), dim=0), dim=0)
        top = torch.linalg.cross(side, towards, dim=0)
        u, v = _dot(direction, side).abs(), _dot(direction, top).abs()
        width = 0.03 + 0.5 * blur
        edge = ((box.half_size + 0.5 * width - u) / width).clamp(0, 1) * ((1.4 * box.half_size + 0.5 * width - v) / width).clamp(0, 1)
        light = light + colour_of(box.colour, direction) * (edge * (facing > 0)) * (0.55 / (1.0 + 6.0 * blur))
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
    slant = _dot(surface.normal, view).clamp(0.4, 1.0)  # slanted pixels cover more; beyond 0.4 blur would show
    materials = torch.tensor([_MATERIALS.index(group.material) for group in GROUPS.values()], device=points.device)[surface.group]
    for i, material in enumerate(_MATERIALS):
        chosen = torch.nonzero(materials == i)[:, 0]
        if chosen.numel() == 0:
            continue
        look = look_of(material, surface.rest[:, chosen], footprint[chosen] / slant[chosen])
        normal = surface.normal[:, chosen]
        if look.bump is not None:
            gradient = (surface.turn[:, :, chosen] * look.bump[:, None]).sum(dim=0)
            normal = torch.nn.functional.normalize(normal - gradient + normal * _dot(normal, gradient), dim=0)
        lit = _lit(look, normal, view[:, chosen], shadow[chosen], ambient[chosen])
        diffuse[:, chosen], specular[:, chosen] = lit.diffuse, lit.specular
    return Shaded(diffuse=diffuse, specular=specular)


def _lit(look: Look, normal: Tensor, view: Tensor, shadow: Tensor, ambient: Tensor) -> Shaded:
    scatter = colour_of(look.scatter, normal)
    facing = _dot(normal, view).clamp(0.0, 1.0)
    key = _direction(_KEY, normal)
    wrapped = ((_dot(normal, key) + scatter) / (1.0 + scatter)).clamp(min=0.0)
    soft_shadow = torch.pow(shadow.clamp(min=1e-4), 1.0 / (1.0 + 1.5 * scatter))  # light bleeds into shadows by colour; 1e-4: pow(0, x) has no gradient to give
    diffuse = colour_of(_KEY.colour, normal) * wrapped * soft_shadow
    specular = colour_of(_KEY.colour, normal) * (_highlight(normal, view, key, look, look.roughness) * shadow)
    fill = _direction(_FILL, normal)
    diffuse = diffuse + colour_of(_FILL.colour, normal) * (0.5 + 0.5 * _dot(normal, fill)) * ambient
    for rim in _RIMS:
        towards = _direction(rim, normal)
        diffuse = diffuse + colour_of(rim.colour, normal) * (0.8 * _dot(normal, towards).clamp(min=0.0) * ambient.sqrt())
        specular = specular + colour_of(rim.colour, normal) * (_highlight(normal, view, towards, look, look.roughness) * ambient)
    sky = mixed(colour_of(_GROUND, normal), colour_of(_SKY, normal), 0.5 + 0.5 * normal[2])
    tinted = torch.pow(ambient, 1.0 - 0.35 * look.albedo.clamp(0, 1))  # light between bright surfaces bounces more than once
    diffuse = look.albedo / 3.14159265 * (diffuse + 3.0 * sky * tinted)
    mirrored = 2.0 * _dot(normal, view) * normal - view
    fresnel = look.reflectance + (1.0 - look.roughness) * (1.0 - look.reflectance) * (1.0 - facing) ** 5
    specular = specular + _studio(mirrored, look.roughness) * (fresnel * ambient)
    if look.sheen > 0.0:
        fuzz = (1.0 - facing) ** 3 * look.sheen * ambient
        specular = specular + (0.35 * look.albedo + 0.05) * fuzz * (sky * 2.0 + colour_of(_KEY.colour, normal) * 0.25 * wrapped.mean(dim=0) * shadow)
    return Shaded(diffuse=diffuse, specular=specular)


def display(linear: Float[Tensor, "3 n"]) -> Float[Tensor, "3 n"]:
    """Filmic tone curve and sRGB encoding. Source: K. Narkowicz, "ACES Filmic Tone Mapping Curve" (2015)."""
    x = linear * 1.05
    mapped = (x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)).clamp(0.0, 1.0)
    return torch.where(mapped <= 0.0031308, 12.92 * mapped, 1.055 * mapped.clamp(min=1e-6) ** (1 / 2.4) - 0.055)


def to_bytes(value: Tensor) -> UInt8[Tensor, "*n"]:
    """[0, 1] → 0 … 255, rounded."""
    return (value.clamp(0.0, 1.0) * 255.0 + 0.5).to(torch.uint8)
