"""Lines over the picture: frusta of the capture's cameras, the scene's box, its axes, the camera path. Drawn with the camera of the shown picture.

The geometry is plain NumPy, one row a line; `viewer.line_drawer` puts it on the screen.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64

from im4d_core.camera_path import CameraPath
from im4d_core.geometry import box_corners, intrinsics, unproject
from im4d_core.types import Camera, Scene
from viewer.state import ViewerState

Colour = tuple[float, float, float, float]
Lines = Float32[np.ndarray, "n 10"]
"""Start, end and colour of each line."""

_EDGES = tuple((a, a | bit) for a in range(8) for bit in (1, 2, 4) if not a & bit)  # corners of a box that differ in one axis
_SOURCE: Colour = (1.0, 0.68, 0.2, 1.0)
_TRAIN: Colour = (0.62, 0.72, 0.85, 0.55)
_TEST: Colour = (0.85, 0.55, 0.95, 0.75)
_BOX: Colour = (0.75, 0.78, 0.82, 0.6)
_CROP: Colour = (0.95, 0.9, 0.5, 0.9)
_PATH: Colour = (0.3, 0.85, 0.75, 0.9)
_KEY: Colour = (0.3, 0.85, 0.75, 0.8)
_SELECTED: Colour = (1.0, 1.0, 1.0, 1.0)
_AXES: tuple[Colour, ...] = ((0.95, 0.35, 0.35, 1.0), (0.45, 0.85, 0.4, 1.0), (0.4, 0.6, 1.0, 1.0))
_GRID: Colour = (0.6, 0.65, 0.7, 0.32)
_GRID_SQUARES = 10  # along the longer side of the floor, or up to 2.5 times as many
_PATH_SAMPLES = 40  # per second of the path, within the limits below
_FEWEST_SAMPLES, _MOST_SAMPLES = 16, 600


def segments(starts: Float64[np.ndarray, "n 3"], ends: Float64[np.ndarray, "n 3"], colour: Colour) -> Lines:
    tint = np.broadcast_to(np.asarray(colour), (len(starts), 4))
    return np.concatenate([starts, ends, tint], axis=1).astype(np.float32)


def box_lines(box: Float64[np.ndarray, "2 3"], colour: Colour = _BOX) -> Lines:
    corners = box_corners(box)
    a, b = np.asarray(_EDGES).T
    return segments(corners[a], corners[b], colour)


def axes_lines(origin: Float64[np.ndarray, "3"], length: float) -> Lines:
    """Red, green and blue along x, y and z."""
    return np.concatenate([segments(origin[None], origin[None] + length * np.eye(3)[i : i + 1], _AXES[i]) for i in range(3)])


def grid_lines(scene: Scene) -> Lines:
    """Squares of a round size on the scene's floor: the side of its box that lies lowest along its up, half as wide again."""
    up = int(np.argmax(np.abs(scene.up)))
    across = [axis for axis in range(3) if axis != up]
    low, high = scene.bounds
    middle, reach = 0.5 * (low + high), 0.75 * float((high - low)[across].max())
    power = 10.0 ** np.floor(np.log10(2 * reach / _GRID_SQUARES))
    step = power * max(factor for factor in (1, 2, 5) if factor * power <= 2 * reach / _GRID_SQUARES)
    first, last = (np.array([np.floor((middle[axis] - reach) / step), np.ceil((middle[axis] + reach) / step)]) * step for axis in across)
    starts, ends = [], []
    for (own, limits), (other, span) in (((across[0], first), (across[1], last)), ((across[1], last), (across[0], first))):
        for place in np.arange(limits[0], limits[1] + step / 2, step):
            start, end = np.zeros(3), np.zeros(3)
            start[up] = end[up] = low[up] if scene.up[up] > 0 else high[up]
            start[own] = end[own] = place
            start[other], end[other] = span
            starts.append(start)
            ends.append(end)
    return segments(np.array(starts), np.array(ends), _GRID)


def frustum_lines(camera: Camera, depth: float, colour: Colour) -> Lines:
    """A camera's pyramid down to a depth, with a mark on the side that is the picture's top."""
    w, h = float(camera.width), float(camera.height)
    uv = np.array([[0, 0], [w, 0], [w, h], [0, h], [0.35 * w, 0], [0.65 * w, 0], [0.5 * w, -0.15 * h]])
    corners = unproject(camera, uv, np.full(len(uv), depth))
    centre = np.broadcast_to(camera.centre, (4, 3))
    pyramid = segments(np.concatenate([centre, corners[:4]]), np.concatenate([corners[:4], np.roll(corners[:4], -1, axis=0)]), colour)
    return np.concatenate([pyramid, segments(corners[[4, 5]], corners[[6, 6]], colour)])


def path_lines(path: CameraPath, selected: int | None, depth: float, aspect: float) -> Lines:
    """The curve of a path and a frustum at each key."""
    lines = []
    for key in path.keys:
        T = np.linalg.inv(key.T_world_camera)
        width, height = round(100 * aspect), 100
        K = intrinsics(width, height, key.fov_y_deg, key.principal_point)
        camera = Camera(name="key", K=K, T_camera_world=T, width=width, height=height)
        lines.append(frustum_lines(camera, depth, _SELECTED if key.id == selected else _KEY))
    if len(path.keys) > 1:
        count = int(np.clip(path.duration_s * _PATH_SAMPLES, _FEWEST_SAMPLES, _MOST_SAMPLES))
        points = path.positions(np.linspace(path.start_s, path.start_s + path.duration_s, count))
        lines.append(segments(points[:-1], points[1:], _PATH))
    return np.concatenate(lines) if lines else _NONE


_NONE: Lines = np.zeros((0, 10), np.float32)


class Overlays:
    """The lines that the state asks for. Each part is computed when what it depends on changes.

    Args:
        source_views: views that colour the shown picture; their frusta are highlighted.
    """

    def __init__(self) -> None:
        self._parts: dict[str, tuple[object, Lines]] = {}
        self._joined: tuple[list[Lines], Lines] = ([], _NONE)

    def lines(self, state: ViewerState, camera: Camera, frame: int, source_views: tuple[int, ...]) -> Lines:
        """All lines for a picture made with `camera` at `frame`; the same array as before where nothing changed."""
        scene, shown = state.scene, state.overlays
        if scene is None:
            return _NONE
        depth = frustum_depth(scene)
        sources = source_views if shown.cameras or shown.sources else ()
        here = camera_at(scene, camera.centre)
        editor = state.path_editor
        parts = []
        if shown.cameras or sources:
            chosen = state.selected_camera if shown.cameras else None
            key = (id(scene), shown.cameras, sources, here, chosen)
            parts.append(self._part("cameras", key, lambda: _camera_lines(scene, depth, shown.cameras, sources, here, chosen)))
        if shown.box:
            parts.append(self._part("box", (id(scene), frame), lambda: box_lines(scene.box(frame))))
        if state.crop.on:
            parts.append(self._part("crop", state.crop, lambda: box_lines(state.crop.box, _CROP)))
        if shown.grid:
            parts.append(self._part("grid", id(scene), lambda: grid_lines(scene)))
        if shown.axes:
            parts.append(self._part("axes", id(scene), lambda: axes_lines(scene.bounds.mean(axis=0), 0.5 * float(np.ptp(scene.bounds, axis=0).max()))))
        if shown.path and editor.path.keys and not editor.previewing:
            aspect = camera.width / camera.height
            key = (editor.path, editor.selected, round(aspect, 2), depth)
            parts.append(self._part("path", key, lambda: path_lines(editor.path, editor.selected, depth, aspect)))
        before, joined = self._joined
        if len(before) != len(parts) or any(a is not b for a, b in zip(before, parts)):
            joined = np.concatenate(parts) if parts else _NONE
            self._joined = (parts, joined)
        return joined

    def _part(self, name: str, key: object, make) -> Lines:
        known = self._parts.get(name)
        if known is None or known[0] != key:
            known = self._parts[name] = (key, make())
        return known[1]


def frustum_depth(scene: Scene) -> float:
    """How deep frusta are drawn: small against the distance between the cameras and the box."""
    centres = np.stack([camera.centre for camera in scene.cameras])
    distance = float(np.median(np.linalg.norm(centres - scene.bounds.mean(axis=0), axis=1)))
    return 0.08 * max(distance, 0.1 * float(np.ptp(scene.bounds, axis=0).max()))


def camera_at(scene: Scene, centre: Float64[np.ndarray, "3"]) -> int | None:
    """The view whose frustum would fill the picture because one looks out of it."""
    depth = frustum_depth(scene)
    distances = [float(np.linalg.norm(camera.centre - centre)) for camera in scene.cameras]
    view = int(np.argmin(distances))
    return view if distances[view] < depth else None


def _camera_lines(scene: Scene, depth: float, everything: bool, sources: tuple[int, ...], here: int | None, chosen: int | None) -> Lines:
    def tint(view: int) -> Colour:
        if view == chosen:
            return _SELECTED
        return _SOURCE if view in sources else _TEST if view in scene.test_views else _TRAIN

    views = range(len(scene.cameras)) if everything else sources
    lines = [frustum_lines(scene.cameras[view], depth, tint(view)) for view in views if view != here]
    return np.concatenate(lines) if lines else _NONE
