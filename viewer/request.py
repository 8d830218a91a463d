"""The picture that the window should show: which one follows from a state, and what makes two requests the same. No OpenGL, no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from im4d_core.geometry import fitted, intrinsics
from im4d_core.quality import Quality
from im4d_core.types import Camera, RenderMode
from viewer.compare import Right, opponents
from viewer.flight import underway
from viewer.look import Look, Output
from viewer.near_far import NearFar
from viewer.state import STILL_S, Vector, ViewerState, shown_onward


@dataclass(frozen=True, kw_only=True, eq=False)
class RenderRequest:
    """One picture to make. Equal requests give the same picture."""

    camera: Camera
    """Its width and height are the size to render at."""
    frame: int
    mode: RenderMode
    output: Output
    background: Vector
    scale: float
    """Its size over the picture area's. Follows from the camera's size, so not part of the key."""
    moving: bool
    """More requests are likely within milliseconds: prefer speed, e.g. no prefetch against the direction. Not part of the picture, so not of the key."""
    quality: Quality = Quality()
    look: Look = Look()
    crop: tuple[Vector, Vector] | None = None
    """Least and greatest corner of the box that is rendered; None for everything."""
    clip: NearFar | None = None
    """Depths between which the view is rendered; None for all of them."""
    hidden: int | None = None
    """A view that must not be coloured from."""
    view: int | None = None
    """The camera of the capture that this is the view of; what was captured there can be shown beside the picture."""
    against: Right | None = None
    """What the picture is compared with."""
    other_output: Output = "colour"
    """What is shown of that one."""
    steady: bool = False
    """Source views of the picture before keep their places while they serve, so that colour does not flicker under a moving hand. Off where a picture
    must depend on nothing but its camera: through cameras of the capture, and along paths, which are exported."""

    onward: float = 0.0
    """How far time has gone from the frame to the next one."""
    cells: bool = False
    """Comes with the occupancy of its frame."""
    frusta: bool = False
    """What the cameras of the capture saw is to follow."""
    thumbnails: bool = False
    """Comes with small pictures of its source views."""

    @property
    def view_key(self) -> tuple[object, ...]:
        """Hashable identity of what is rendered, whatever is then shown of it."""
        camera = self.camera
        view = (camera.K.tobytes(), camera.T_camera_world.tobytes(), camera.width, camera.height)
        return (*view, self.frame, self.onward, self.mode, self.quality, self.crop, self.clip, self.hidden, self.steady)

    @property
    def key(self) -> tuple[object, ...]:
        """Hashable identity of the picture; safe to compare and to use in a dict."""
        compared = None if self.against is None else (self.against, self.view, self.other_output)
        return (*self.view_key, self.output, self.background, self.look, self.cells, self.frusta, self.thumbnails, compared)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RenderRequest) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def view_camera(state: ViewerState, width: int, height: int) -> Camera:
    """The camera the window looks through, for a picture of a given size: the path's while it is previewed, so that all that the export will show is
    visible; a camera of the capture with its own intrinsics, likewise, while the user looks through one; else the user's; or one on its way there."""
    editor, export = state.path_editor, state.export.settings
    if editor.previewing and editor.path.keys:
        return fitted(editor.path.sample(editor.time_s).camera(export.width, export.height), width, height)
    goal = goal_camera(state, width, height)
    if state.flight is None or editor.previewing:
        return goal
    return underway(state.flight, goal, np.array(state.navigation.pivot), state.now_s)


def goal_camera(state: ViewerState, width: int, height: int) -> Camera:
    """The camera the window looks through as soon as a jump is over: what is kept of the view, in a key or as text, is kept of this one."""
    editor, navigation = state.path_editor, state.navigation
    if editor.previewing and editor.path.keys:
        return editor.path.sample(editor.time_s).camera(width, height)
    if state.scene is not None and state.dataset_camera is not None:
        return replace(fitted(state.scene.cameras[state.dataset_camera], width, height), T_camera_world=navigation.T_camera_world)
    K = intrinsics(width, height, navigation.fov_y_deg, navigation.principal_point)
    return Camera(name="user", K=K, T_camera_world=navigation.T_camera_world, width=width, height=height)


def is_moving(state: ViewerState) -> bool:
    """Whether the picture is about to change: the view changed a moment ago, or something plays."""
    return state.transport.playing or state.path_editor.playing or state.now_s - state.moved_s < STILL_S


def render_request(state: ViewerState, width: int, height: int) -> RenderRequest | None:
    """The picture the window should show now, or None without a scene or area.

    Args:
        width: of the picture area in framebuffer pixels; the request's own size is this times the render scale.
        height: likewise.
    """
    if state.scene is None or width < 1 or height < 1:
        return None
    moving, picture = is_moving(state), state.picture
    mode = picture.mode if picture.mode != "auto" else ("fast" if moving else "full")
    view = None if state.path_editor.previewing or state.flight is not None else state.dataset_camera
    compared = opponents(state.comparison, mode, view, moving)
    output = "colour" if compared.against == "captured" else picture.output  # a capture has no depth and no cost
    scale = 1.0 if picture.automatic_scale and not moving else picture.scale  # an automatic scale serves motion; a still picture is worth its pixels
    camera = view_camera(state, max(round(width * scale), 1), max(round(height * scale), 1))
    return RenderRequest(
        camera=camera,
        frame=state.frame,
        mode=compared.mode,
        output=output,
        background=picture.background,
        scale=scale,
        moving=moving,
        quality=picture.quality,
        look=picture.look,
        crop=(state.crop.low, state.crop.high) if state.crop.on else None,
        clip=state.clip,
        hidden=compared.hidden,
        view=view,
        against=compared.against,
        onward=0.0 if compared.against == "captured" else shown_onward(state),  # nothing was captured between frames
        other_output=state.comparison.output if compared.against == "same" else output,
        cells=state.overlays.cells,
        frusta=state.overlays.cameras,
        thumbnails=state.overlays.thumbnails,
        steady=view is None and not state.path_editor.previewing,
    )
