"""The compiler of the kernels: every file for every architecture, without a GPU; the binaries on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from im4d_core.kernels import nvrtc

PLANES = {"LEVELS": 4, "CHANNELS": 16, "SPATIAL": "64,128,256,512", "TEMPORAL": "150,150,150,150", "HALF": 1}
FIELD = {"LEVELS": 4, "CHANNELS": 16, "SPATIAL": "64,128,256,512", "WIDTH": 64, "DEPTH": 5, "SKIP": 1, "BLOCK": 512, "SHARED": 1}
FILES: dict[str, dict[str, str | int]] = {
    "probe": {},
    "planes": PLANES,
    "exact": FIELD,
    "bake": {**FIELD, "BLOCK": 192, "BLOCKS": 2},
    "baked": {},
    "shade": {"VIEWS": 4},
    "composite": {},
    "distance": {"REACH": 24},
}
KERNELS = Path(nvrtc.__file__).parent


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvrtc, "_folder", lambda: tmp_path / "kernels")


def test_no_kernel_file_is_left_out() -> None:
    assert sorted(path.stem for path in KERNELS.glob("*.cu")) == sorted(FILES)


@pytest.mark.parametrize("architecture", nvrtc.ARCHITECTURES)
@pytest.mark.parametrize("name", FILES)
def test_every_kernel_compiles_for_every_architecture(name: str, architecture: str) -> None:
    assert nvrtc.compiled(name, architecture, FILES[name]).startswith(b"\x7fELF")


@pytest.mark.parametrize(
    "small", [{"CHANNELS": 8, "WIDTH": 32, "DEPTH": 2, "SKIP": 0}, {"SHARED": 0, "BLOCK": 256}, {"LEVELS": 1, "SPATIAL": "64", "DEPTH": 1}]
)
def test_fields_of_other_shapes_compile(small: dict[str, str | int]) -> None:
    for name in ("exact", "bake"):
        assert nvrtc.compiled(name, "sm_90", {**FILES[name], **small}).startswith(b"\x7fELF")


@pytest.mark.parametrize("views", [1, 2, 3, 8, 16])
def test_other_numbers_of_source_views_compile(views: int) -> None:
    assert nvrtc.compiled("shade", "sm_90", {"VIEWS": views}).startswith(b"\x7fELF")


def test_an_error_in_a_source_names_file_and_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvrtc, "source", lambda _: "__global__ void broken() { nonsense; }")
    with pytest.raises(RuntimeError, match=r"'probe' cannot be compiled for sm_90(.|\n)*nonsense"):
        nvrtc.compiled("probe", "sm_90", {})


def test_a_binary_is_compiled_once_and_a_damaged_one_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = nvrtc.compiled("probe", "sm_90", {})
    (kept,) = (tmp_path / "kernels").iterdir()
    assert kept.read_bytes() == first
    kept.write_bytes(b"\x7fELF kept")
    assert nvrtc.compiled("probe", "sm_90", {}) == b"\x7fELF kept"  # taken from the disk
    kept.write_bytes(b"half a fi")
    assert nvrtc.compiled("probe", "sm_90", {}) == first
    monkeypatch.setattr(nvrtc, "source", lambda _: 'extern "C" __global__ void probe(int* result) { *result = 41; }')
    assert nvrtc.compiled("probe", "sm_90", {}) != first  # another source, another file


def test_a_folder_that_cannot_be_written_costs_only_the_keeping(tmp_path: Path) -> None:
    (tmp_path / "kernels").write_text("a file where the folder should be")
    assert nvrtc.compiled("probe", "sm_90", {}).startswith(b"\x7fELF")
