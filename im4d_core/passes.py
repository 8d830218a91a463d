"""One picture as the mean of several, each shifted within the pixel: smooth edges. Window, stills and exports average here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from im4d_core.quality import shifted
from im4d_core.tensors import Rendered
from im4d_core.types import Camera

Render = Callable[[Camera, int], Rendered | None]
"""Makes a picture; told its camera and how many there are already. None where it was stopped."""


def means(first: Rendered, camera: Camera, count: int, render: Render) -> Iterator[Rendered]:
    """The means of a first picture and ever more like it, `count` in the last; ends early where one is not made.

    Only colour and coverage are averaged: the mean of two depths lies on neither surface.
    """
    rgb, opacity, samples = first.rgb.clone(), first.opacity.clone(), first.samples.clone()
    for i in range(1, count):
        made = render(shifted(camera, i), i)
        if made is None:
            return
        rgb += made.rgb
        opacity += made.opacity
        samples += made.samples  # what the picture cost, all passes together
        milliseconds = {name: ms + made.milliseconds.get(name, 0.0) for name, ms in first.milliseconds.items()}
        first = replace(first, milliseconds=milliseconds)
        yield replace(first, rgb=rgb / (i + 1), opacity=opacity / (i + 1), samples=samples.clone(), display=None)


def averaged(camera: Camera, count: int, render: Render) -> Rendered | None:
    """The mean of so many pictures; None where one was stopped."""
    first = render(camera, 0)
    if first is None:
        return None
    made = [first, *means(first, camera, count, render)]
    return made[-1] if len(made) == count else None
