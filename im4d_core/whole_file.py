"""Files that appear whole or not at all. What cannot be written is said of the file that the user named, never of a temporary one."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DAMAGE = (OSError, KeyError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What reading an archive of arrays raises where bytes of it are others: a bit decides whether it seems encrypted, of an unknown method or no archive."""
_LEAST_FREE = 1 << 16  # bytes; a disk with less is full, whatever the library that wrote says


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Gives a name beside `file` to write to, which takes its place at the end; where the body removes it again, what stood there stays.

    Folders are made where they are missing.

    Raises:
        OSError: it cannot be written, with the reason and what to do; what stood there stays.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        _require_place(file)
        file.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if temporary.exists():
            os.replace(temporary, file)
    except OSError as error:
        raise _refused(file, error) from error
    finally:
        if os.path.lexists(temporary):
            temporary.unlink()


def require_writable(file: Path) -> None:
    """Make sure, before minutes of work, that a file can be written; its folder is made where it is missing.

    Raises:
        OSError: it cannot, with the reason and what to do.
    """
    try:
        _require_place(file)
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", suffix=".part"):
            pass
    except OSError as error:
        raise _refused(file, error) from error


class _NoPlaceError(OSError):
    """Nothing that could be written to stands there."""


def _require_place(file: Path) -> None:
    if "\0" in str(file):
        raise _NoPlaceError(f"{str(file)!r}: a file name cannot hold the character NUL; choose another name")
    if file.is_dir():
        raise _NoPlaceError(f"{file}: is a folder; name a file in it")
    if file.exists() and not file.is_file():
        raise _NoPlaceError(f"{file}: is a device or a pipe, not a file; choose another place")


def _refused(file: Path, error: OSError) -> OSError:
    return error if isinstance(error, _NoPlaceError) else OSError(f"{file}: cannot be written ({_reason(file, error)}); choose another place")


def _reason(file: Path, error: OSError) -> str:
    folder = next((folder for folder in file.parents if folder.exists()), file.parent)
    if folder.is_file():
        return f"{folder} is a file"
    disk = shutil.disk_usage(folder)
    if error.errno == errno.ENOSPC or (disk.total > 0 and disk.free < _LEAST_FREE):  # /proc and its like have no size
        return "the disk is full"
    return error.strerror or str(error)
