"""The dark and the light theme: everything is readable in both, a click changes the whole window, and it is remembered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
from driver import Driver

from viewer import events as e
from viewer.palette import DARK, LIGHT, RGBA, Palette
from viewer.panels.widgets import SHADE
from viewer.preferences import Theme
from viewer.settings import load_settings
from viewer.theme import set_shape, set_theme


def _luminance(colour: RGBA) -> float:
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: RGBA, other: RGBA) -> float:
    """As the Web Content Accessibility Guidelines 2.1 define it: 1 to 21."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _over(picture: float, ground: RGBA) -> RGBA:
    """The ground of what floats over a picture of one grey."""
    red, green, blue = (SHADE * value + (1.0 - SHADE) * picture for value in ground[:3])
    return red, green, blue, 1.0


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
def test_what_is_written_can_be_read_on_what_it_stands_on(palette: Palette) -> None:
    """4.5 is what the guidelines ask of text, 3 of large text and of marks."""
    for ground in (palette.window, palette.popup, palette.title, palette.tab, palette.field, palette.button, palette.ground):
        assert _contrast(palette.text, ground) >= 4.5
    for words in (palette.muted, palette.warning, palette.error):
        assert _contrast(words, palette.window) >= 4.5 and _contrast(words, palette.ground) >= 4.5
    for picture in (0.0, 1.0):
        assert _contrast(palette.text, _over(picture, palette.window)) >= 4.5
        assert _contrast(palette.muted, _over(picture, palette.window)) >= 3.0
    assert _contrast(palette.text, palette.accent) >= 2.5, "short names on buttons that are on"
    assert _contrast(palette.accent_text, palette.window) >= 4.5 and _contrast(palette.check, palette.field) >= 4.5
    for mark in (palette.accent, palette.warning, palette.unoccupied, palette.text):
        assert _contrast(mark, palette.ground) >= 1.9, "the strips of the timeline"
    places = (palette.on_disk, palette.in_host, palette.accent)
    assert min(np.abs(np.subtract(one, other)).max() for i, one in enumerate(places) for other in places[:i]) > 0.1, "told apart"


def test_a_click_changes_the_whole_window_and_it_is_remembered(drive: Callable[..., Driver], tmp_path: Path) -> None:
    settings, shots = tmp_path / "settings", {}

    def script(d: Driver) -> None:
        d.click("Display")
        for theme in ("light", "dark", "light"):
            d.click(f"{theme.capitalize()}##theme_{theme}")
            assert d.state.preferences.theme == theme
            d.until(lambda: d.shown.final and d.shown_size == d.area_size and not d.session.busy)  # no draft: pictures are compared
            d.ctx.yield_(3)
            file = tmp_path / f"{theme}{len(shots)}.png"
            d.session.send(e.AskedFor(effect=e.TakeScreenshot(window=True, file=file)))
            d.until(file.exists)
            d.until(lambda name=file.name: name in d.notices())
            shots[file.name] = imageio.imread(file)
            d.session.send(e.DismissNotice(notice_id=d.state.notices[-1].id))
            d.ctx.yield_(3)

    drive(settings=settings).run(script)
    light, dark, again = shots.values()
    panel = (slice(40, 600), slice(760, 1090))
    assert np.median(light[panel]) > 200 and np.median(dark[panel]) < 60 and np.median(again[panel]) > 200
    picture = (slice(250, 450), slice(250, 500))
    np.testing.assert_array_equal(light[picture], dark[picture])
    timeline = (slice(630, 695), slice(5, 700))
    assert np.median(light[timeline]) > 200 and np.median(dark[timeline]) < 60
    assert load_settings(settings, print).preferences.theme == "light"

    def later(d: Driver) -> None:
        assert d.state.preferences.theme == "light"
        from imgui_bundle import imgui

        from viewer.theme import palette

        assert palette() is LIGHT
        dim = imgui.get_style().color_(imgui.Col_.modal_window_dim_bg)
        np.testing.assert_allclose((dim.x, dim.y, dim.z, dim.w), LIGHT.dim, rtol=1e-6)  # in single precision

    drive(settings=settings).run(later)


def test_settings_of_the_version_before_are_read(tmp_path: Path) -> None:
    told: list[str] = []
    content = {"version": 2, "width": 900, "height": 700, "preferences": {"vsync": False, "preset": "web"}}
    (tmp_path / "settings.json").write_text(json.dumps(content))
    preferences = load_settings(tmp_path, told.append).preferences
    assert (preferences.vsync, preferences.preset, preferences.theme, told) == (False, "web", "dark", [])


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_numbers_on_sliders_are_read_over_their_grabs(theme: Theme) -> None:
    from imgui_bundle import imgui

    imgui.create_context()
    try:
        set_shape()
        set_theme(theme)
        style = imgui.get_style()
        (red, green, blue, opacity), text = (style.color_(name) for name in (imgui.Col_.slider_grab, imgui.Col_.text))
        for ground in (imgui.Col_.frame_bg, imgui.Col_.frame_bg_hovered):
            field = style.color_(ground)
            grab = tuple(opacity * mark + (1.0 - opacity) * below for mark, below in zip((red, green, blue), (field.x, field.y, field.z), strict=True))
            assert _contrast((text.x, text.y, text.z, 1.0), (*grab, 1.0)) >= 4.5
        assert style.grab_min_size <= 6.0, "thinner than a digit"
    finally:
        imgui.destroy_context()
