"""The note beside an export that says everything its pictures follow from: two exports with one note are one export in two turns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from im4d_core.whole_file import whole_file

NOTE = "export.json"
"""Its name in a folder that is all of one export."""


def write_note(note: Mapping[str, Any], file: Path) -> None:
    """Writes it whole or not at all.

    Raises:
        OSError: as `whole_file`.
    """
    with whole_file(file) as temporary:
        temporary.write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")


def read_note(file: Path) -> Any:
    """What a note says.

    Raises:
        ValueError: it is damaged.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file}: expected the note of an export, found no JSON ({error})") from error


def same_export(stored: Any, note: Mapping[str, Any]) -> bool:
    """Whether a note that was read is of the export that another one describes."""
    return _comparable(stored) == _comparable(note)


def _comparable(note: Any) -> Any:
    """A note without what may differ between two turns of one export; through JSON, because that makes lists of tuples."""
    return {name: value for name, value in json.loads(json.dumps(note)).items() if name != "program"} if isinstance(note, Mapping) else note
