"""Pictures on the screen, pixel by pixel, on whatever OpenGL the display has (software in CI)."""

from __future__ import annotations

import numpy as np
import pytest


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


def test_a_window_that_is_dragged_larger_seldom_makes_a_texture(shoot, monkeypatch) -> None:
    """Each one has to be registered with CUDA anew: from 800 to 2000 texels by a quarter at least, not by 128 each time."""
    from viewer import pixel_texture, present

    made: list[tuple[int, int]] = []
    texture = pixel_texture.Texture
    monkeypatch.setattr(pixel_texture, "Texture", lambda width, height: made.append((width, height)) or texture(width, height))
    presenter = present.Presenter(None)
    for width in range(800, 2000, 10):
        presenter.update(np.zeros((width // 4, width, 4), np.uint8))
    assert len(made) <= 7  # 896, 1152, 1536, 1920, 2432, and once more for the height; it was 10 and once more for each height
    widths = [width for width, _ in made]
    assert widths == sorted(widths)
    presenter.update(np.zeros((20, 3000, 4), np.uint8))
    assert presenter.texture_width >= 3000
    presenter.close()


def test_a_large_texture_is_given_back_after_a_while(shoot, monkeypatch) -> None:
    from viewer import pixel_texture, present

    clock = [100.0]
    monkeypatch.setattr(pixel_texture.time, "monotonic", lambda: clock[0])
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

    with pytest.raises(RuntimeError, match=r"lines\.frag.*expected the uniforms.*'widths'.*found.*'width'"):
        Program("lines.vert", "lines.frag", uniforms=("clip_world", "viewport", "widths", "near", "half_width", "depths", "depths_size", "origin", "extent"))


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
