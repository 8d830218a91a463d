"""A bar chart on a logarithmic axis, as pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

_ROW, _LABELS, _BARS, _MARGIN = 26, 360, 620, 16


def bars(values: Sequence[tuple[str, float]], unit: str) -> UInt8[np.ndarray, "h w 3"]:
    """Labelled bars, one below the other; each tick is ten times the last.

    Args:
        values: label and a positive value each.
        unit: written at the axis.
    """
    positive = [value for _, value in values if value > 0]
    low, high = np.floor(np.log10(min(positive))), np.ceil(np.log10(max(positive) * 1.01))
    height = _ROW * (len(values) + 2) + _MARGIN
    picture = Image.new("RGB", (_LABELS + _BARS + 2 * _MARGIN + 80, height), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=14)

    def across(value: float) -> float:
        return _LABELS + _BARS * (np.log10(value) - low) / (high - low)

    for tick in range(int(low), int(high) + 1):
        x = across(10.0**tick)
        draw.line([(x, _MARGIN), (x, height - _ROW)], fill=(225, 225, 225))
        draw.text((x, height - _ROW + 4), f"{10.0**tick:g}", fill=(90, 90, 90), font=font, anchor="ma")
    draw.text((_LABELS - 28, height - _ROW + 4), unit, fill=(90, 90, 90), font=font, anchor="ra")
    for row, (label, value) in enumerate(values):
        y = _MARGIN + _ROW * row
        draw.text((_LABELS - 8, y + 4), label, fill=(30, 30, 30), font=font, anchor="ra")
        if value > 0:
            draw.rectangle([_LABELS, y + 4, max(across(value), _LABELS + 1), y + _ROW - 5], fill=(43, 108, 176) if "kernels" in label else (160, 174, 192))
            draw.text((across(value) + 6, y + 4), f"{value:.3g}", fill=(30, 30, 30), font=font)
    return np.asarray(picture)
