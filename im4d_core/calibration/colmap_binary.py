"""The values of a COLMAP binary file (cameras.bin, images.bin), one after the other, little-endian."""

from __future__ import annotations

import struct
from pathlib import Path

BINARY_FILES = ("cameras.bin", "images.bin")


class Reader:
    """Reads a file from its beginning; what ends within a value is a ValueError."""

    def __init__(self, file: Path) -> None:
        """Reads the file.

        Raises:
            FileNotFoundError: there is none.
        """
        if not file.is_file():
            raise FileNotFoundError(f"{file}: no such file; a COLMAP binary model has {' and '.join(BINARY_FILES)}")
        self._file, self._bytes, self._at = file, file.read_bytes(), 0

    def take(self, form: str) -> tuple:
        """The next values, of a format of `struct`."""
        size = struct.calcsize(f"<{form}")
        self.skip(size)
        return struct.unpack_from(f"<{form}", self._bytes, self._at - size)

    def skip(self, size: int) -> None:
        """Passes over bytes."""
        if self._at + size > len(self._bytes):
            raise ValueError(f"{self._file}: it ends after {len(self._bytes)} bytes, within a value; expected a whole COLMAP binary file, copy it again")
        self._at += size

    def name(self) -> str:
        """The next text, which ends with a zero."""
        end = self._bytes.find(b"\0", self._at)
        if end < 0:
            raise ValueError(f"{self._file}: the name of a picture has no end; expected a whole COLMAP binary file, copy it again")
        name, self._at = self._bytes[self._at : end], end + 1
        return name.decode("utf-8", errors="replace")
