"""What lies over the picture: lines and cells land where they belong, and what the picture hides is faint or gone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from displayed import displayed
from stand_in import StandIn, stand_in_scene

from im4d_core.geometry import box_corners, project
from im4d_core.render.occupancy import Occupancy
from viewer.cells import Cells, surface_cells
from viewer.messages import DisplayBuffer
from viewer.overlays import Overlays, grid_lines
from viewer.request import RenderRequest
from viewer.state import Overlays as Shown
from viewer.state import ViewerState

SCENE = stand_in_scene()
WHITE = (1.0, 1.0, 1.0, 1.0)


def shown(depths: torch.Tensor) -> DisplayBuffer:
    """A black picture of some depth, seen by camera 1."""
    request = RenderRequest(camera=SCENE.cameras[1], frame=10, mode="fast", output="colour", background=(0.0, 0.0, 0.0), scale=1.0, moving=False)
    return displayed(request, depths.numpy())


# ---- lines --------------------------------------------------------------------------------------------------------------------------------------


def test_lines_land_on_the_projected_pixels(shoot) -> None:
    from im4d_core.geometry import project
    from viewer.line_drawer import LineDrawer
    from viewer.overlays import segments

    camera = stand_in_scene().cameras[1]
    a, b = np.array([[-0.7, 0.3, 0.6]]), np.array([[0.8, -0.5, -0.4]])
    drawer = LineDrawer()
    lines = segments(a, b, (1.0, 1.0, 1.0, 1.0))
    width, height = 4 * camera.width, 4 * camera.height
    shown = shoot(width, height, lambda: drawer.draw(lines, camera, 0.01, (0, 0, width, height), 1.0))
    drawer.close()
    rows, columns = np.nonzero(shown[..., 0] > 127)
    assert len(rows) > 100
    (start, end), _ = project(camera, np.concatenate([a, b]))
    start, end = 4 * start, 4 * end
    along = (end - start) / np.linalg.norm(end - start)
    offset = np.stack([columns + 0.5, rows + 0.5], -1) - start
    assert np.abs(offset @ [-along[1], along[0]]).max() <= 1.3  # half of the 1.6 pixels of the line, and half a pixel of the raster
    reach = offset @ along
    assert abs(reach.min()) <= 1.5
    assert abs(reach.max() - np.linalg.norm(end - start)) <= 1.5


def test_a_line_through_the_camera_is_cut_off_in_front_of_it(shoot) -> None:
    """A point behind the camera must not come out mirrored at the other side."""
    from viewer.line_drawer import LineDrawer
    from viewer.overlays import segments

    camera = stand_in_scene().cameras[0]
    forward, right = camera.R[2], camera.R[0]
    a, b = camera.centre + forward * 2 + right * 0.5, camera.centre - forward * 2 + right * 0.5
    drawer = LineDrawer()
    shown = shoot(160, 120, lambda: drawer.draw(segments(a[None], b[None], (1.0, 1.0, 1.0, 1.0)), camera, 0.01, (0, 0, 160, 120), 1.0))
    behind = shoot(160, 120, lambda: drawer.draw(segments(b[None], b[None] - forward, (1.0, 1.0, 1.0, 1.0)), camera, 0.01, (0, 0, 160, 120), 1.0))
    drawer.close()
    assert shown[:, 82:].any()
    assert not shown[:, :79].any()
    assert not behind.any()


def test_a_line_behind_what_the_picture_shows_is_faint(shoot) -> None:
    from viewer.depths import DepthTexture
    from viewer.line_drawer import LineDrawer
    from viewer.overlays import segments

    camera = SCENE.cameras[1]
    left, right = camera.R[0] * -1.0, camera.R[0] * 1.0
    middle = camera.centre + camera.R[2] * 3.0  # a line at depth 3, from left to right through the middle of the picture
    lines = segments((middle + left)[None], (middle + right)[None], WHITE)
    depth = torch.zeros(120, 160)
    depth[:, 40:80], depth[:, 80:] = 2.5, 3.5  # nothing on the left, then something before the line, then something behind it
    depths, drawer = DepthTexture(None), LineDrawer()

    def draw() -> None:
        depths.follow(shown(depth))
        drawer.draw(lines, camera, 0.01, (0, 0, 320, 240), 1.0, depths)

    row = shoot(320, 240, draw)[118:122, :, 0].max(axis=0)
    drawer.close()
    depths.close()
    reach = np.flatnonzero(row)
    assert row[reach[2] : 80].min() > 200
    assert row[165 : reach[-3]].min() > 200
    assert 20 < row[82:158].max() < 80  # there, but faint


def test_depths_reach_the_shader_bit_by_bit(shoot) -> None:
    """The border between hidden and seen lies exactly where the depth says: numbers pass as bytes, not as colours."""
    from viewer.depths import DepthTexture
    from viewer.line_drawer import LineDrawer
    from viewer.overlays import segments

    camera = SCENE.cameras[1]
    middle = camera.centre + camera.R[2] * 3.0
    lines = segments((middle - camera.R[0] * 2)[None], (middle + camera.R[0] * 2)[None], WHITE)
    depth = torch.linspace(2.9, 3.1, 160).expand(120, 160).contiguous()
    depths, drawer = DepthTexture(None), LineDrawer()

    def draw() -> None:
        depths.follow(shown(depth))
        drawer.draw(lines, camera, 0.01, (0, 0, 160, 120), 1.0, depths)

    row = shoot(160, 120, draw)[58:62, :, 0].max(axis=0)
    drawer.close()
    depths.close()
    border = int(np.flatnonzero(row > 128)[0])
    assert float(depth[0, border - 1]) * 1.004 < 3.0 <= float(depth[0, border]) * 1.004 + 1e-5  # the shader's own margin; 1e-5: float32


def test_the_grid_is_on_the_floor_and_under_the_box() -> None:
    lines = grid_lines(SCENE)
    ends = lines[:, :6].reshape(-1, 2, 3)
    assert np.all(ends[..., 2] == SCENE.bounds[0, 2])
    assert np.all(ends[..., :2].min(axis=(0, 1)) <= SCENE.bounds[0, :2]) and np.all(ends[..., :2].max(axis=(0, 1)) >= SCENE.bounds[1, :2])
    assert 16 <= len(lines) <= 60
    upside_down = replace(SCENE, up=np.array([0.0, -1.0, 0.0]))
    assert np.all(grid_lines(upside_down)[:, 1] == SCENE.bounds[1, 1])


@pytest.mark.parametrize("name", ["cameras", "box", "axes", "grid", "sources"])
def test_each_part_is_drawn_when_it_is_asked_for_and_made_once(name: str) -> None:
    overlays = Overlays()
    nothing = Shown(path=False)
    state = ViewerState(scene=SCENE, overlays=nothing)
    camera = SCENE.cameras[0]
    assert len(overlays.lines(state, camera, 10, (1, 2))) == 0
    state = replace(state, overlays=replace(nothing, **{name: True}))
    lines = overlays.lines(state, camera, 10, (1, 2))
    assert len(lines) > 0
    assert overlays.lines(state, camera, 10, (1, 2)) is lines


# ---- cells --------------------------------------------------------------------------------------------------------------------------------------


def occupancy(occupied: torch.Tensor) -> Occupancy:
    return Occupancy(occupied=occupied, box=torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]))


def test_faces_lie_between_occupied_and_empty_cells() -> None:
    torch.manual_seed(5)
    occupied = torch.rand(5, 4, 3) > 0.6
    found = {tuple(int(value) for value in row) for row in surface_cells(10, occupancy(occupied)).faces}
    expected = set()
    for x, y, z in occupied.nonzero().tolist():
        for face in range(6):
            beside = [x, y, z]
            beside[face // 2] += 1 if face % 2 else -1
            inside = all(0 <= beside[i] < occupied.shape[i] for i in range(3))
            if not (inside and occupied[tuple(beside)]):
                expected.add((x, y, z, face))
    assert found == expected


def test_too_many_faces_become_blocks_that_cover_all_cells() -> None:
    torch.manual_seed(6)
    occupied = torch.rand(64, 64, 63) > 0.7
    cells = surface_cells(10, occupancy(occupied))
    assert cells.block > 1
    assert len(cells.faces) <= 60_000
    np.testing.assert_allclose(cells.size, np.array([2 / 64, 2 / 64, 2 / 63]) * cells.block)


def draw_cells(shoot, cells: Cells, depth: torch.Tensor | None = None) -> np.ndarray:
    from viewer.cell_drawer import CellDrawer
    from viewer.depths import DepthTexture

    drawer, depths = CellDrawer(), DepthTexture(None)

    def draw() -> None:
        if depth is not None:
            depths.follow(shown(depth))
        drawer.draw(cells, SCENE.cameras[1], 0.01, (0, 0, 160, 120), depths if depth is not None else None)

    pixels = shoot(160, 120, draw)
    drawer.close()
    depths.close()
    return pixels


def test_a_cell_covers_its_projection_with_one_layer(shoot) -> None:
    occupied = torch.zeros(4, 4, 4, dtype=torch.bool)
    occupied[2, 1, 3] = True
    cells = surface_cells(10, occupancy(occupied))
    pixels = draw_cells(shoot, cells)
    corner = np.array([0.0, -0.5, 0.5])
    uv, _ = project(SCENE.cameras[1], box_corners(np.stack([corner, corner + 0.5])))
    rows, columns = np.nonzero(pixels.max(axis=-1))
    # a pixel whose centre is inside is drawn: from the first to the last centre within the outline
    assert columns.min() == pytest.approx(uv[:, 0].min(), abs=1.0) and columns.max() + 1 == pytest.approx(uv[:, 0].max(), abs=1.0)
    assert rows.min() == pytest.approx(uv[:, 1].min(), abs=1.0) and rows.max() + 1 == pytest.approx(uv[:, 1].max(), abs=1.0)
    film = np.bincount(pixels[..., 2][pixels[..., 2] > 0]).argmax()
    assert film <= 30, "the three sides turned away would shine through as a second layer"


def test_cells_behind_what_the_picture_shows_are_gone(shoot) -> None:
    occupied = torch.zeros(4, 4, 4, dtype=torch.bool)
    occupied[2, 1, 3] = True
    cells = surface_cells(10, occupancy(occupied))
    free = draw_cells(shoot, cells)
    near, far = torch.full((120, 160), 0.5), torch.full((120, 160), 9.0)
    assert not draw_cells(shoot, cells, near).any()
    np.testing.assert_array_equal(draw_cells(shoot, cells, far), free)


def test_cells_follow_the_frame_of_the_picture() -> None:
    first, later = (surface_cells(frame, StandIn().occupancy(frame)) for frame in (10, 14))
    assert (first.frame, later.frame) == (10, 14)
    assert first.faces[:, 0].mean() > 10 > later.faces[:, 0].mean()  # the sphere has gone to the other side of the grid's middle
