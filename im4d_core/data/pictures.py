"""Reading and writing single pictures: JPEG by simplejpeg, the others are read by Pillow and written by imageio. Errors name the file; NumPy only."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import simplejpeg
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

_HEADER_BYTES = 1 << 16
_PNG = b"\x89PNG\r\n\x1a\n"


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of a JPEG or PNG, from its header.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the header is damaged.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_HEADER_BYTES)
            if data.startswith(_PNG) and len(data) >= 24:
                width, height = struct.unpack(">II", data[16:24])
                return int(width), int(height)
            try:
                height, width, _, _ = simplejpeg.decode_jpeg_header(data)
            except ValueError:  # metadata may push the size out of the first bytes
                height, width, _, _ = simplejpeg.decode_jpeg_header(data + file.read())
    except FileNotFoundError:
        raise _missing(path) from None
    except ValueError as error:
        raise _undecodable(path, error) from error
    return int(width), int(height)


def read_rgb(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """A picture as 8-bit RGB.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be decoded, truncated files included.
    """
    return _read(path, "rgb")


def read_mask(path: Path, *, labels: bool = False) -> UInt8[np.ndarray, "h w"]:
    """A mask as 8-bit coverage. With `labels`, its numbers name parts, and every non-zero one is foreground.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be decoded, truncated files included.
    """
    mask = _read(path, "gray")
    return np.where(mask != 0, np.uint8(255), np.uint8(0)) if labels else mask


def write_jpeg(path: Path, picture: UInt8[np.ndarray, "h w 3"], quality: int = 95) -> None:
    """Write a JPEG with colour at full resolution."""
    path.write_bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality=quality, colorspace="rgb", colorsubsampling="444"))


def write_png(path: Path, picture: UInt8[np.ndarray, "h w *channels"]) -> None:
    """Write a PNG."""
    import imageio.v3 as iio  # slow to import, and most captures never need it

    path.write_bytes(iio.imwrite("<bytes>", picture, extension=".png"))


def _read(path: Path, colorspace: str) -> np.ndarray:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise _missing(path) from None
    try:
        if simplejpeg.is_jpeg(data):
            picture = simplejpeg.decode_jpeg(data, colorspace=colorspace)
        else:
            if data.startswith(_PNG) and len(data) > 24 and data[24] == 16:
                raise ValueError("expected 8 bits per channel, found 16")
            with Image.open(io.BytesIO(data)) as stored:
                picture = np.array(stored.convert("RGB" if colorspace == "rgb" else "L"))
    except (ValueError, SyntaxError) as error:
        raise _undecodable(path, error) from error
    except UnidentifiedImageError as error:  # Pillow speaks of an object in memory
        raise _undecodable(path, f"its {len(data)} bytes are no picture that is known here") from error
    except OSError as error:
        raise _undecodable(path, error) from error
    return picture[..., 0] if colorspace == "gray" and picture.ndim == 3 else picture


def _missing(path: Path) -> FileNotFoundError:
    return FileNotFoundError(f"{path}: the picture is missing; restore it, or leave its frame out with --frames")


def _undecodable(path: Path, reason: object) -> ValueError:
    return ValueError(f"{path}: cannot be decoded as a picture, it is truncated or corrupt ({reason}); expected JPEG or PNG, copy the file again")
