"""How pictures are displayed: exposure, colours and range, patterns, normals, single values; and that none of it renders anything."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from stand_in import StandIn, stand_in_scene

from im4d_core.geometry import box_depth_range, resized
from im4d_core.tensors import Rendered
from viewer import events as e
from viewer.colormap import display_pixels, exposed
from viewer.look import COLORMAPS, OUTPUTS, Look, Output
from viewer.normals import normals
from viewer.reduce import reduce
from viewer.state import ViewerState
from viewer.values import Readable, pointed

SCENE = stand_in_scene()
CAMERA = resized(SCENE.cameras[1], 320, 240)


@pytest.fixture(scope="module")
def rendered() -> Rendered:
    made = StandIn().render(CAMERA, 10, "fast")
    assert made is not None
    return made


def displayed(rendered: Rendered, output: Output, look: Look, background: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    pixels = display_pixels(rendered, output, camera=CAMERA, box=SCENE.box(10), background=background, rendered_on=(0.0, 0.0, 0.0), look=look)
    return pixels[..., :3].numpy()


# ---- exposure and background --------------------------------------------------------------------------------------------------------------------


def test_a_stop_doubles_the_light() -> None:
    """By the definition of sRGB, number by number."""

    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    greys = torch.linspace(0.0, 0.7, 50)[:, None, None].expand(50, 1, 3)
    for stops in (-2.0, 1.0):
        for before, after in zip(greys[:, 0, 0].tolist(), exposed(greys, stops)[:, 0, 0].tolist(), strict=True):
            assert linear(after) == pytest.approx(linear(before) * 2**stops, abs=2e-6)  # float32
    np.testing.assert_allclose(exposed(greys, 0.0), greys, atol=1e-6)


def test_exposure_lights_the_scene_and_not_what_is_behind(rendered: Rendered) -> None:
    plain, bright = (displayed(rendered, "colour", Look(exposure=stops), (0.2, 0.4, 0.6)) for stops in (0.0, 1.0))
    empty = (rendered.opacity == 0).numpy()
    np.testing.assert_array_equal(bright[empty], plain[empty])
    assert (bright[~empty].astype(int) >= plain[~empty]).all() and bright[~empty].mean() > 1.2 * plain[~empty].mean()


def test_squares_are_seen_through_what_is_transparent(rendered: Rendered) -> None:
    for output in ("colour", "depth", "normals"):
        plain, pattern = displayed(rendered, output, Look()), displayed(rendered, output, Look(pattern=True))
        solid = (rendered.opacity == 1).numpy()
        np.testing.assert_array_equal(pattern[solid], plain[solid])
        assert len(np.unique(pattern[~solid])) == 2
    half = replace(rendered, opacity=rendered.opacity * 0.5, rgb=rendered.rgb * 0.5)
    assert len(np.unique(displayed(half, "colour", Look(pattern=True))[(rendered.opacity == 1).numpy()][:, 0])) > 2


# ---- colours and range --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_the_ends_of_the_range_have_the_ends_of_the_colours(rendered: Rendered, colormap) -> None:
    ramp = replace(rendered, opacity=torch.ones_like(rendered.opacity), depth=torch.linspace(0.0, 8.0, 320).expand(240, 320))
    look = Look(colormap=colormap, depths=(2.0, 4.0))
    row = displayed(ramp, "depth", look)[0].astype(int)
    assert (row[:80] == row[0]).all() and (row[161:] == row[-1]).all(), "nearer and farther ones keep the last colour"
    assert len(np.unique(row[80:160], axis=0)) > 60
    turned = displayed(ramp, "depth", replace(look, inverted=True))[0].astype(int)
    assert turned[0].tolist() == row[-1].tolist() and turned[-1].tolist() == row[0].tolist()


def test_depth_spans_the_box_unless_told_otherwise(rendered: Rendered) -> None:
    near, far = box_depth_range(CAMERA, SCENE.box(10))
    np.testing.assert_array_equal(displayed(rendered, "depth", Look()), displayed(rendered, "depth", Look(depths=(near, far))))


def test_cost_keeps_its_colours_and_range(rendered: Rendered) -> None:
    """So that pictures compare, whatever is set for depth."""
    wild = Look(colormap="grey", inverted=True, depths=(0.0, 0.1), exposure=3.0, pattern=True)
    np.testing.assert_array_equal(displayed(rendered, "cost", wild), displayed(rendered, "cost", Look()))
    assert displayed(rendered, "cost", Look()).max() > 0


@pytest.mark.parametrize(
    "wild", [Look(exposure=math.nan, depths=(math.nan, 1.0)), Look(exposure=99.0, depths=(5.0, 1.0)), Look(exposure=-math.inf, depths=(-3.0, -2.0))]
)
def test_whatever_is_sent_can_be_shown(rendered: Rendered, wild: Look) -> None:
    look = reduce(ViewerState(), e.SetLook(look=wild)).picture.look
    assert math.isfinite(look.exposure)
    assert look.depths is None or 0.0 <= look.depths[0] < look.depths[1]
    for output in OUTPUTS:
        assert displayed(rendered, output, look).shape == (240, 320, 3)


# ---- normals ------------------------------------------------------------------------------------------------------------------------------------


def test_normals_of_a_sphere_point_away_from_its_centre(rendered: Rendered) -> None:
    found = normals(rendered.depth, rendered.opacity > 0, CAMERA).double().numpy()
    v, u = np.meshgrid(np.arange(240) + 0.5, np.arange(320) + 0.5, indexing="ij")
    directions = np.stack([u, v, np.ones_like(u)], -1) @ (CAMERA.R.T @ np.linalg.inv(CAMERA.K)).T
    points = CAMERA.centre + directions * rendered.depth.numpy()[..., None]
    out = points - np.array([0.5, 0.0, 0.0])  # the circling sphere at the first frame
    on_it = (rendered.opacity > 0).numpy() & (np.linalg.norm(out, axis=-1) < 0.36)
    out /= np.maximum(np.linalg.norm(out, axis=-1, keepdims=True), 1e-9)
    facing = -(out * directions).sum(-1) / np.linalg.norm(directions, axis=-1)
    off_deg = np.degrees(np.arccos(np.clip((found * out).sum(-1), -1, 1)))
    inner = on_it & (facing > 0.5)  # near the silhouette a pixel covers a wide arc
    assert inner.sum() > 300
    assert off_deg[inner].mean() < 3.0  # one-sided differences over a pixel of a sphere 40 pixels wide
    assert np.percentile(off_deg[inner], 98) < 8.0  # the rest lies in the crease where a small sphere cuts into it
    assert np.allclose(np.linalg.norm(found[on_it], axis=-1), 1.0, atol=1e-5)
    assert not found[(rendered.opacity == 0).numpy()].any()


def test_the_normal_of_a_plane_is_exact_up_to_its_edge() -> None:
    v, u = torch.meshgrid(torch.arange(240) + 0.5, torch.arange(320) + 0.5, indexing="ij")
    K = torch.tensor(CAMERA.K, dtype=torch.float32)
    slope = torch.tensor([0.3, -0.2, -1.0])  # in camera axes
    directions = torch.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], torch.ones_like(u)], -1)
    depth = -3.0 / (directions @ slope)
    solid = torch.zeros(240, 320, dtype=torch.bool)
    solid[40:200, 60:260] = True
    found = normals(torch.where(solid, depth, 9.0), solid, CAMERA)  # a wall far behind must not bend the edge
    expected = torch.nn.functional.normalize(slope, dim=0) @ torch.tensor(CAMERA.R, dtype=torch.float32)
    assert (found[solid] - expected).abs().max() < 5e-3  # float32 differences of neighbouring depths


# ---- values under the mouse ---------------------------------------------------------------------------------------------------------------------


def test_values_are_those_of_the_pixel(rendered: Rendered) -> None:
    pixels = np.concatenate([displayed(rendered, "colour", Look()), np.full((240, 320, 1), 255, np.uint8)], -1)
    other = np.ascontiguousarray(pixels[::2, ::2])
    readable = Readable(pixels=pixels, depth=rendered.depth.numpy(), other=other)
    rows, columns = np.nonzero(rendered.opacity.numpy())
    row, column = int(rows[len(rows) // 2]), int(columns[len(rows) // 2])
    found = pointed(readable, CAMERA, (column + 0.5) / 320, (row + 0.5) / 240)
    assert (found.row, found.column) == (row, column)
    assert found.colour == tuple(pixels[row, column, :3].tolist())
    assert found.other == tuple(other[row // 2, column // 2, :3].tolist())
    assert found.depth == pytest.approx(float(rendered.depth[row, column]))
    spheres = np.array([[0.8, 0, 0], [0, 0.8, 0], [0, 0, 0.8], [0.5, 0, 0]]), np.array([0.15, 0.15, 0.15, 0.35])
    distance = np.abs(np.linalg.norm(np.array(found.point) - spheres[0], axis=-1) - spheres[1])
    assert distance.min() < 1e-5  # the point lies on one of the spheres
    corner = pointed(replace(readable, other=None), CAMERA, 1.0, 0.0)
    assert (corner.row, corner.column, corner.depth, corner.point, corner.other) == (0, 319, None, None, None)


# ---- bytes that the renderer wrote itself -------------------------------------------------------------------------------------------------------


def test_bytes_of_the_renderer_are_shown_as_they_are_unless_something_else_is_asked_for(rendered: Rendered) -> None:
    marked = replace(rendered, display=torch.full((CAMERA.height, CAMERA.width, 4), 77, dtype=torch.uint8))
    assert (displayed(marked, "colour", Look()) == 77).all()
    for output, look, background in (
        ("colour", Look(), (0.1, 0.1, 0.1)),
        ("colour", Look(exposure=1.0), (0.0, 0.0, 0.0)),
        ("opacity", Look(), (0.0, 0.0, 0.0)),
    ):
        np.testing.assert_array_equal(displayed(marked, output, look, background), displayed(rendered, output, look, background))
