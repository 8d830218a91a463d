"""What holds of path files of every program: an empty path writes nothing, and nothing temporary stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from foreign_paths import VIEW, random_path

from im4d_core.camera_path import CameraPath
from im4d_core.path_files import PATH_FORMS, PathForm, export_path


@pytest.mark.parametrize("form", PATH_FORMS)
def test_nothing_is_written_of_an_empty_path_and_nothing_temporary_stays(tmp_path: Path, form: PathForm) -> None:
    with pytest.raises(ValueError, match="no keys"):
        export_path(CameraPath(), tmp_path / "out", form, VIEW)
    assert list(tmp_path.iterdir()) == []
    export_path(random_path(), tmp_path / "out", form, VIEW)
    assert not list(tmp_path.rglob("*.tmp"))
