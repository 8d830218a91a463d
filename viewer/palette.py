"""The colours of the window in each theme. What lies over the picture has the dark theme's in both: the picture is the same. Pure."""

from __future__ import annotations

from dataclasses import dataclass

RGBA = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Text is read on `window`, `popup`, `field`, `button`, `ground` and `accent`."""

    window: RGBA
    popup: RGBA
    title: RGBA
    tab: RGBA
    field: RGBA
    field_hovered: RGBA
    field_active: RGBA
    button: RGBA
    button_hovered: RGBA
    border: RGBA
    grip: RGBA
    """Of scroll bars."""
    ground: RGBA
    """Of the strips of the timeline."""
    text: RGBA
    disabled: RGBA
    muted: RGBA
    """Labels, and what matters less."""
    accent: RGBA
    """What is on, or chosen."""
    accent_text: RGBA
    """The accent as a colour to write with."""
    check: RGBA
    warning: RGBA
    error: RGBA
    on_disk: RGBA
    """Frames, by where they are; those on the device have the accent."""
    in_host: RGBA
    unoccupied: RGBA
    dim: RGBA
    """Over everything behind a question."""


DARK = Palette(
    window=(0.105, 0.112, 0.125, 1.0),
    popup=(0.13, 0.14, 0.155, 0.98),
    title=(0.085, 0.09, 0.10, 1.0),
    tab=(0.12, 0.128, 0.142, 1.0),
    field=(0.175, 0.187, 0.205, 1.0),
    field_hovered=(0.215, 0.23, 0.25, 1.0),
    field_active=(0.24, 0.26, 0.285, 1.0),
    button=(0.20, 0.214, 0.235, 1.0),
    button_hovered=(0.27, 0.29, 0.315, 1.0),
    border=(0.23, 0.245, 0.27, 1.0),
    grip=(0.32, 0.34, 0.37, 1.0),
    ground=(0.085, 0.09, 0.10, 1.0),
    text=(0.90, 0.91, 0.92, 1.0),
    disabled=(0.55, 0.58, 0.61, 1.0),
    muted=(0.60, 0.63, 0.66, 1.0),
    accent=(0.25, 0.62, 0.58, 1.0),
    accent_text=(0.25, 0.62, 0.58, 1.0),
    check=(0.40, 0.80, 0.75, 1.0),
    warning=(0.93, 0.72, 0.33, 1.0),
    error=(0.95, 0.45, 0.42, 1.0),
    on_disk=(0.26, 0.28, 0.31, 1.0),
    in_host=(0.20, 0.40, 0.52, 1.0),
    unoccupied=(0.55, 0.22, 0.20, 1.0),
    dim=(0.0, 0.0, 0.0, 0.5),
)
LIGHT = Palette(
    window=(0.945, 0.95, 0.955, 1.0),
    popup=(0.985, 0.987, 0.99, 0.98),
    title=(0.86, 0.87, 0.88, 1.0),
    tab=(0.88, 0.89, 0.90, 1.0),
    field=(0.87, 0.88, 0.89, 1.0),
    field_hovered=(0.83, 0.842, 0.855, 1.0),
    field_active=(0.80, 0.815, 0.83, 1.0),
    button=(0.83, 0.842, 0.855, 1.0),
    button_hovered=(0.77, 0.785, 0.80, 1.0),
    border=(0.74, 0.755, 0.77, 1.0),
    grip=(0.62, 0.64, 0.66, 1.0),
    ground=(0.985, 0.987, 0.99, 1.0),
    text=(0.10, 0.11, 0.125, 1.0),
    disabled=(0.43, 0.45, 0.475, 1.0),
    muted=(0.33, 0.35, 0.375, 1.0),
    accent=(0.28, 0.68, 0.635, 1.0),
    accent_text=(0.05, 0.40, 0.365, 1.0),
    check=(0.05, 0.42, 0.385, 1.0),
    warning=(0.56, 0.34, 0.0, 1.0),
    error=(0.72, 0.11, 0.10, 1.0),
    on_disk=(0.74, 0.755, 0.77, 1.0),
    in_host=(0.47, 0.67, 0.80, 1.0),
    unoccupied=(0.85, 0.35, 0.31, 1.0),
    dim=(0.35, 0.37, 0.40, 0.4),
)
