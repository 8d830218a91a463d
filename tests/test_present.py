"""Pictures on the screen, pixel by pixel, on whatever OpenGL the display has (software in CI)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest


@pytest.fixture(scope="module")
def context(display: str) -> Iterator[None]:
    """An OpenGL 3.3 core context on a hidden window."""
    from viewer.window import glfw  # it has chosen the GLFW library

    assert glfw.init()
    for hint, value in (
        (glfw.VISIBLE, glfw.FALSE),
        (glfw.CONTEXT_VERSION_MAJOR, 3),
        (glfw.CONTEXT_VERSION_MINOR, 3),
        (glfw.OPENGL_PROFILE, glfw.OPENGL_CORE_PROFILE),
        (glfw.OPENGL_FORWARD_COMPAT, glfw.TRUE),
    ):
        glfw.window_hint(hint, value)
    window = glfw.create_window(64, 64, "test", None, None)
    assert window
    glfw.make_context_current(window)
    yield
    glfw.destroy_window(window)
    glfw.terminate()


@pytest.fixture
def shoot(context: None) -> Callable[[int, int, Callable[[], None]], np.ndarray]:
    """Draw into a framebuffer of a size and read it back, row 0 on top."""
    from OpenGL import GL

    from viewer.gl import clear, read_framebuffer

    def shot(width: int, height: int, draw: Callable[[], None]) -> np.ndarray:
        frame = GL.glGenFramebuffers(1)
        target = GL.glGenTextures(1)
        GL.glBindTexture(GL.GL_TEXTURE_2D, target)
        GL.glTexImage2D(GL.GL_TEXTURE_2D, 0, GL.GL_RGBA8, width, height, 0, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, None)
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, frame)
        GL.glFramebufferTexture2D(GL.GL_FRAMEBUFFER, GL.GL_COLOR_ATTACHMENT0, GL.GL_TEXTURE_2D, target, 0)
        clear(width, height, (0.0, 0.0, 0.0))
        draw()
        pixels = read_framebuffer(width, height)
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, 0)
        GL.glDeleteFramebuffers(1, [frame])
        GL.glDeleteTextures([target])
        return pixels

    return shot


def picture(width: int, height: int) -> np.ndarray:
    """A picture that no flip, turn or shift leaves the same."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    return pixels


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 5), (33, 7), (128, 128), (129, 64), (641, 359)])
def test_a_picture_arrives_unchanged(shoot, width: int, height: int) -> None:
    from viewer.present import Presenter

    presenter = Presenter(None)
    pixels = picture(width, height)
    presenter.update(pixels)
    shown = shoot(width, height, lambda: presenter.draw(0, 0, width, height))
    presenter.close()
    np.testing.assert_array_equal(shown, pixels[..., :3])  # same size: linear filtering meets texel centres, so it is exact


def test_a_picture_is_upright_and_not_mirrored(shoot) -> None:
    from viewer.present import Presenter

    presenter = Presenter(None)
    pixels = np.zeros((100, 200, 4), np.uint8)
    pixels[:20, :30] = (255, 0, 0, 255)  # top left
    pixels[-20:, -30:] = (0, 0, 255, 255)  # bottom right
    presenter.update(pixels)
    shown = shoot(400, 300, lambda: presenter.draw(100, 50, 300, 250))  # stretched, and 100 from the left, 50 from the bottom
    presenter.close()
    assert shown[2, 102].tolist() == [255, 0, 0]
    assert shown[247, 397].tolist() == [0, 0, 255]
    assert not shown[:, :100].any()
    assert not shown[250:].any()


@pytest.mark.parametrize("grey", [1, 64, 128, 200, 254])
def test_a_grey_keeps_its_value(shoot, grey: int) -> None:
    from viewer.present import Presenter

    presenter = Presenter(None)
    presenter.update(np.full((40, 40, 4), grey, np.uint8))
    shown = shoot(97, 53, lambda: presenter.draw(0, 0, 97, 53))
    presenter.close()
    assert np.abs(shown.astype(int) - grey).max() <= 1  # 1: weights of the linear filter are rounded


def test_texels_outside_the_picture_are_never_seen(shoot) -> None:
    from viewer.present import Presenter

    presenter = Presenter(None)
    presenter.update(np.full((120, 120, 4), 255, np.uint8))  # the same bucket as the next one
    presenter.update(np.zeros((50, 70, 4), np.uint8))
    shown = shoot(300, 300, lambda: presenter.draw(0, 0, 300, 300))
    presenter.close()
    assert not shown.any()


def test_a_storm_of_sizes_leaks_no_objects(shoot) -> None:
    from OpenGL import GL

    from viewer.present import Presenter

    def objects() -> int:
        return sum(bool(kind(i)) for kind in (GL.glIsTexture, GL.glIsBuffer, GL.glIsVertexArray) for i in range(1, 200))

    before = objects()
    presenter = Presenter(None)
    presenter.update(picture(10, 10))
    steady = objects()
    rng = np.random.default_rng(2)
    for width, height in rng.integers(1, 700, (200, 2)).tolist():
        pixels = picture(width, height)
        presenter.update(pixels)
    shown = shoot(width, height, lambda: presenter.draw(0, 0, width, height))
    assert objects() == steady
    assert GL.glGetError() == GL.GL_NO_ERROR
    np.testing.assert_array_equal(shown, pixels[..., :3])
    presenter.close()
    assert objects() == before


def test_a_large_texture_is_given_back_after_a_while(shoot, monkeypatch) -> None:
    from viewer import present

    clock = [100.0]
    monkeypatch.setattr(present.time, "monotonic", lambda: clock[0])
    presenter = present.Presenter(None)
    presenter.update(picture(1000, 1000))
    presenter.update(picture(100, 100))
    assert presenter.texture_width >= 1000, "a short drag keeps the texture"
    clock[0] += 10
    presenter.update(picture(100, 100))
    assert presenter.texture_width == 128
    presenter.close()


def test_a_shader_whose_uniforms_differ_is_refused(context: None) -> None:
    from viewer.gl import Program

    with pytest.raises(RuntimeError, match=r"present\.frag.*expected the uniforms.*'sizes'.*found.*'size'"):
        Program("present.vert", "present.frag", uniforms=("picture", "sizes", "scale"))


def test_a_broken_or_missing_shader_is_named(context: None, tmp_path, monkeypatch) -> None:
    from viewer import gl

    monkeypatch.setattr(gl, "SHADERS", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"odd\.vert"):
        gl.Program("odd.vert", "odd.frag", uniforms=())
    (tmp_path / "odd.vert").write_text("#version 330 core\nvoid main() { nonsense }\n")
    with pytest.raises(RuntimeError, match=r"odd\.vert does not compile"):
        gl.Program("odd.vert", "odd.frag", uniforms=())


def test_interop_is_decided_once_with_a_reason(context: None) -> None:
    from viewer.interop import open_interop

    interop, reason = open_interop(False)
    assert interop is None
    assert "switched off" in reason
    interop, reason = open_interop(True)
    assert bool(reason) == (interop is None)
    if interop is not None:
        interop.close()


@pytest.mark.gpu
@pytest.mark.parametrize(("width", "height"), [(1, 1), (641, 359), (1920, 1080)])
def test_shared_pictures_equal_uploaded_ones(shoot, width: int, height: int) -> None:
    import torch

    from viewer.interop import DevicePixels, open_interop
    from viewer.present import Presenter

    interop, reason = open_interop(True)
    if interop is None:
        pytest.skip(reason)
    presenter = Presenter(interop)
    pixels = picture(width, height)
    tensor = torch.as_tensor(pixels, device=f"cuda:{interop.device}")
    event = torch.cuda.Event()
    event.record()
    presenter.update(DevicePixels(owner=(tensor, event), address=tensor.data_ptr(), width=width, height=height, event=event.cuda_event))
    shown = shoot(width, height, lambda: presenter.draw(0, 0, width, height))
    presenter.close()
    interop.close()
    np.testing.assert_array_equal(shown, pixels[..., :3])


def test_lines_land_on_the_projected_pixels(shoot) -> None:
    from stand_in import stand_in_scene

    from im4d_core.geometry import project
    from viewer.overlays import LineDrawer, segments

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
    from stand_in import stand_in_scene

    from viewer.overlays import LineDrawer, segments

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
