"""What OpenGL draws in the middle of the window: the picture, and over it the lines and cells that the state asks for."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from OpenGL import GL

from im4d_core.types import Scene
from viewer.cell_drawer import CellDrawer
from viewer.compare import GAIN, Layout, place_in_picture
from viewer.depths import DepthTexture
from viewer.gl import Texture
from viewer.interop import Interop
from viewer.line_drawer import LineDrawer
from viewer.messages import DisplayBuffer
from viewer.miniature_drawer import MiniatureDrawer
from viewer.miniatures import Sheet, sheet
from viewer.overlays import Overlays, camera_at, frustum_depth
from viewer.present import Presenter
from viewer.rectangle import Rectangle
from viewer.state import ViewerState
from viewer.stats import ShownThumbnail
from viewer.thumbnails import Thumbnail
from viewer.values import Pointed, pointed

_log = logging.getLogger(__name__)


class PictureArea:
    """Owns everything OpenGL of the picture. Whatever lies over it is drawn with the camera, frame and depth of the picture that is shown.

    Args:
        interop: shares textures with CUDA; None uploads from host memory.
    """

    def __init__(self, interop: Interop | None) -> None:
        self.shown: DisplayBuffer | None = None
        """The picture on the screen."""
        self.thumbnails: tuple[ShownThumbnail, ...] = ()
        """Of the source views of the last still picture that came with them."""
        self._presenter = Presenter(interop)
        self._depths = DepthTexture(interop)
        self._lines = LineDrawer()
        self._cells = CellDrawer()
        self._miniatures = MiniatureDrawer()
        self._sheet: Sheet | None = None
        self._overlays = Overlays()
        self._stored: tuple[int, int] | None = None
        self._small: dict[Thumbnail, Texture] = {}

    def store(self, file: Path) -> None:
        """Show the stored picture of the scene, where there is one, until the first one is rendered."""
        if not file.is_file():
            return
        import simplejpeg

        try:
            pixels = simplejpeg.decode_jpeg(file.read_bytes(), colorspace="RGBA")
        except (OSError, ValueError) as error:
            _log.warning("%s: not a JPEG picture (%s)", file, error)
            return
        self._presenter.update(pixels)
        self._stored = (pixels.shape[1], pixels.shape[0])

    @property
    def shows_stored(self) -> bool:
        return self._stored is not None

    def show(self, buffer: DisplayBuffer) -> None:
        """Take over a rendered picture.

        Raises:
            RuntimeError: CUDA failed.
        """
        self._presenter.update(buffer.pixels, buffer.other)
        self.shown = buffer
        self._stored = None
        if buffer.thumbnails:
            self._take(buffer.thumbnails)

    def show_captured(self, scene: Scene, frame: int, pictures: tuple[Thumbnail, ...]) -> None:
        """Take over what cameras of the capture saw at a frame, for their frusta."""
        if all(made.view < len(scene.cameras) for made in pictures):  # else of the scene before
            self._sheet = sheet(scene, frame, pictures, frustum_depth(scene))

    @property
    def captured(self) -> Sheet | None:
        """The small pictures in the frusta, while they are of the frame that is shown."""
        return self._sheet if self._sheet is not None and self.shown is not None and self._sheet.frame == self.shown.request.frame else None

    def forget(self) -> None:
        """Another scene is open: nothing of the one before is shown any more."""
        self.shown = self._sheet = None
        self._take(())

    def draw(self, state: ViewerState, picture: Rectangle) -> None:
        """Draw into the part of the window that the panels leave free."""
        if self._stored is not None:
            self._presenter.draw(*_letterbox(picture.pixels, self._stored))
            return
        shown, scene = self.shown, state.scene
        if shown is None or scene is None:
            return
        layout = self.layout(state)
        self._presenter.draw(*picture.pixels, layout, state.comparison.wipe, GAIN)
        x, y, width, height = picture.pixels
        if layout != "split":
            self._draw_over(state, shown, 0.02 * frustum_depth(scene), picture.pixels, picture.density)
            return
        half = width // 2
        GL.glEnable(GL.GL_SCISSOR_TEST)
        for shift, left, wide in ((-0.25, 0, half), (0.25, half, width - half)):  # the middle half of the view on both sides
            GL.glScissor(x + left, y, wide, height)
            self._draw_over(state, shown, 0.02 * frustum_depth(scene), (x + round(shift * width), y, width, height), picture.density)
        GL.glDisable(GL.GL_SCISSOR_TEST)

    def layout(self, state: ViewerState) -> Layout:
        """How the picture and another one share the window now."""
        return "off" if self.shown is None or self.shown.other is None else state.comparison.shown_layout

    def values(self, state: ViewerState, x: float, y: float) -> Pointed | None:
        """What the picture says at a place of the window, from 0 at its left and top to 1; None while that cannot be read."""
        shown = self.shown
        if shown is None or shown.readable is None or self.shows_stored:
            return None
        return pointed(shown.readable, shown.request.camera, place_in_picture(self.layout(state), x), y)

    def _draw_over(self, state: ViewerState, shown: DisplayBuffer, near: float, place: tuple[int, int, int, int], density: float) -> None:
        camera = shown.request.camera
        lines = self._overlays.lines(state, camera, shown.request.frame, shown.source_views)
        cells = shown.cells if state.overlays.cells else None
        if len(lines) == 0 and cells is None:
            return
        self._depths.follow(shown)
        captured = self.captured if state.overlays.cameras else None
        if captured is not None and state.scene is not None:
            self._miniatures.draw(captured, camera, near, place, self._depths, camera_at(state.scene, camera.centre))
        if cells is not None:
            self._cells.draw(cells, camera, near, place, self._depths)
        self._lines.draw(lines, camera, near, place, density, self._depths)

    def close(self) -> None:
        """Delete everything; the context must still be current."""
        self.forget()
        for part in (self._presenter, self._depths, self._lines, self._cells, self._miniatures):
            part.close()

    def _take(self, thumbnails: tuple[Thumbnail, ...]) -> None:
        """Textures of these small pictures and no others."""
        for gone in [made for made in self._small if made not in thumbnails]:
            self._small.pop(gone).delete()
        for made in thumbnails:
            if made not in self._small:
                height, width = made.pixels.shape[:2]
                self._small[made] = Texture(width, height)
                self._small[made].upload(np.ascontiguousarray(made.pixels).ctypes.data, width, height)
        self.thumbnails = tuple(
            ShownThumbnail(view=made.view, texture=self._small[made].handle, width=made.pixels.shape[1], height=made.pixels.shape[0]) for made in thumbnails
        )


def _letterbox(place: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest part of a rectangle with the shape of a picture, in its middle."""
    x, y, width, height = place
    scale = min(width / size[0], height / size[1])
    wide, high = round(size[0] * scale), round(size[1] * scale)
    return x + (width - wide) // 2, y + (height - high) // 2, wide, high
