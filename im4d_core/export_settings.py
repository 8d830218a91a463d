"""What an export makes of a camera path: size, rate, format, part. Window and shell share these settings. NumPy and torch are not needed."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from im4d_core.quality import Quality
from im4d_core.types import RenderMode

Format = Literal["h264", "hevc", "h264_nvenc", "prores", "png"]
"""A video by its codec, or a folder of pictures."""
Chroma = Literal["420", "444"]
SUFFIXES: dict[Format, str] = {"h264": ".mp4", "hevc": ".mp4", "h264_nvenc": ".mp4", "prores": ".mov", "png": ""}
"""How the file of a format ends; a folder has no suffix."""
CropBox = tuple[float, float, float, float, float, float]
"""Least corner, then greatest corner."""
SIDE_RANGE = (1, 16384)
FPS_RANGE = (0.1, 1000.0)
QUALITY_RANGE = (0, 51)
LEAST_HEVC = 64
"""Width and height that libx265 can encode: it writes past its memory in pictures that are smaller than one of its coding units."""
LEAST_HEVC_PICTURES = 4
"""So many pictures libx265 can encode: a video of one or two fails when it is finished, one time in ten."""


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """What an export makes, and where."""

    width: int = 1280
    height: int = 720
    fps: float = 30.0
    mode: RenderMode = "fast"
    format: Format = "h264"
    quality: int = 18
    """Constant rate factor of H.264 and HEVC: smaller is better and larger."""
    chroma: Chroma = "420"
    """Resolution of colour in H.264: 420 plays everywhere, 444 keeps thin coloured lines."""
    transparent: bool = False
    """Without a background, its place told by an alpha channel; PNG and ProRes only."""
    depth: bool = False
    """Also depth along the optical axis as 32-bit OpenEXR, 0 where there is nothing; PNG only."""
    background: tuple[float, float, float] | None = None
    """Colour behind the scene; None for the one the scene was trained on."""
    crop: CropBox | None = None
    """Only what lies in this box is rendered; None for everything."""
    clip: tuple[float, float] | None = None
    """Near and far: only what lies between these depths is rendered; None for everything."""
    rendering: Quality = Quality()
    """Samples, thresholds and passes; the run's and one where nothing is said."""
    start_s: float | None = None
    """First moment of the path that is rendered; None for its start."""
    stop_s: float | None = None
    """Last moment; None for the end of the path."""
    file: str = "out.mp4"
    """The video, or the folder of the pictures."""

    def problem(self) -> str:
        """Why nothing can be made of these settings; empty when something can."""
        low, high = SIDE_RANGE
        if not (low <= self.width <= high and low <= self.height <= high):
            return f"Width and height must be {low} to {high} pixels, not {self.width} x {self.height}."
        if not FPS_RANGE[0] <= self.fps <= FPS_RANGE[1]:
            return f"The rate must be {FPS_RANGE[0]:g} to {FPS_RANGE[1]:g} pictures per second, not {self.fps:g}."
        if not QUALITY_RANGE[0] <= self.quality <= QUALITY_RANGE[1]:
            return f"The quality must be {QUALITY_RANGE[0]} to {QUALITY_RANGE[1]}, not {self.quality}."
        if self.transparent and self.format not in ("png", "prores"):
            return "A transparent background needs PNG or ProRes."
        if self.chroma == "444" and self.format not in ("h264", "h264_nvenc"):
            return "4:4:4 is a choice for H.264 only: ProRes always has it, HEVC has 4:2:0."
        if self.format == "hevc" and min(self.width, self.height) < LEAST_HEVC:
            return f"HEVC needs at least {LEAST_HEVC} x {LEAST_HEVC} pixels."
        if self.depth and self.format != "png":
            return "Depth is written beside PNG pictures only."
        if self.crop is not None and not all(low < high for low, high in zip(self.crop[:3], self.crop[3:])):  # NaN is refused too
            return f"The crop box must be x y z of its least corner, then of its greatest one, not {_numbers(self.crop)}."
        if self.clip is not None and not 0.0 <= self.clip[0] < self.clip[1] < math.inf:
            return f"Near must be at least 0, and far beyond it, not {_numbers(self.clip)}."
        if self.rendering.problem():
            return self.rendering.problem()
        if self.start_s is not None and self.stop_s is not None and self.stop_s < self.start_s:
            return f"The part must not end before it begins, as {self.start_s:g} s to {self.stop_s:g} s does."
        if not self.file.strip():
            return "Name a file."
        suffix, wanted = Path(self.file).suffix.lower(), SUFFIXES[self.format]
        if wanted and suffix != wanted:
            return f"The file must end in {wanted}."
        if not wanted and suffix in filter(None, SUFFIXES.values()):
            return "PNG pictures go to a folder: name it without a suffix."
        return ""

    def as_json(self) -> dict[str, Any]:
        """Everything that shows in the pictures: all but the place."""
        return {name: value for name, value in asdict(self).items() if name != "file"}


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)
