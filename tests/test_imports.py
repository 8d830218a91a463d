"""Imports point one way, down the table below; the library is free of the window, and what starts the window is free of torch."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# A part may import itself and the parts of the lines above it, never its neighbours on the same line. A part is a module or a package; where
# both match, the longer name counts, so methods.base is below the rest of methods.
LAYERS: tuple[tuple[str, ...], ...] = (
    (
        "im4d_core.types",
        "im4d_core.curves",
        "im4d_core.parallel",
        "im4d_core.devices",
        "im4d_core.cache",
        "im4d_core.budgets",
        "im4d_core.stage_clock",
        "im4d_core.side_stream",
        "im4d_core.limits",
        "im4d_core.json_fields",
        "im4d_core.exr",
        "im4d_core.captured_net",
        "im4d_core.whole_file",
        "im4d_core.tensor_file",
    ),
    (
        "im4d_core.config",
        "im4d_core.geometry",
        "im4d_core.tensors",
        "im4d_core.tiles",
        "im4d_core.hulls",
        "im4d_core.pose_curve",
        "im4d_core.calibration",
    ),
    ("im4d_core.quality", "im4d_core.missing_run"),
    ("im4d_core.export_settings", "im4d_core.export_note", "im4d_core.passes"),
    ("im4d_core.presets", "im4d_core.camera_path", "im4d_core.kernels", "im4d_core.metrics", "im4d_core.video"),
    ("im4d_core.path_simplify",),
    (
        "im4d_core.losses",
        "im4d_core.pixels",
        "im4d_core.frame_folder",
        "im4d_core.video_parts",
        "im4d_core.methods.base",
        "im4d_core.canvas",
        "im4d_core.ray_step",
        "im4d_core.path_files",
        "im4d_core.path_generators",
    ),
    ("im4d_core.data", "im4d_core.methods", "im4d_core.render"),
    (
        "im4d_core.checkpoint",
        "im4d_core.occupancies",
        "im4d_core.optimiser",
        "im4d_core.frame_caches",
    ),
    ("im4d_core.released", "im4d_core.run_start", "im4d_core.frame_pairs", "im4d_core.kernel_pictures", "im4d_core.tiled_pictures"),
    ("im4d_core.scene_renderer", "im4d_core.filming"),
    ("im4d_core.opened_run",),
    ("im4d_core.preview",),
    ("im4d_core.training", "im4d_core.evaluation", "im4d_core.export", "im4d_core.path_commands", "im4d_core.capture_commands"),
    ("im4d_core.console",),
    ("im4d_core", "im4d_core.__main__"),
    ("viewer",),
    ("app", "train"),
)
RANK = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}

# Narrower than the table: kernels know tensors, not cameras or settings.
ONLY = {"im4d_core.kernels": {"im4d_core.tensors"}}

# Packages that a part must not import anywhere, not even inside a function.
BANNED = {
    "im4d_core": {"imgui_bundle", "OpenGL", "glfw"},
    "train": {"imgui_bundle", "OpenGL", "glfw"},
}


def _modules(root: Path) -> dict[str, Path]:
    """Dotted names of the project's own modules."""
    files = [*root.glob("im4d_core/**/*.py"), *root.glob("viewer/**/*.py"), root / "app.py", root / "train.py"]
    names = {file: ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__") for file in files if file.exists()}
    return {name: file for file, name in names.items()}


def _imports(name: str, file: Path, modules: dict[str, Path]) -> Iterator[str]:
    """Names of the modules that a file imports, at whatever depth; `from package import module` names the module."""
    for node in ast.walk(ast.parse(file.read_text(), filename=str(file))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = name.split(".")[: None if file.name == "__init__.py" else -1]
                base = ".".join([*package[: len(package) - node.level + 1], *([base] if base else [])])
            yield from (f"{base}.{alias.name}" if f"{base}.{alias.name}" in modules else base for alias in node.names)


def _part(module: str) -> str | None:
    """The part a module belongs to. Belonging to `im4d_core` itself does not count below it: a new module has to be given a layer."""
    candidates = [module, *(module.rsplit(".", n)[0] for n in range(1, module.count(".") + 1))]
    return next((name for name in candidates if name in RANK and (name != "im4d_core" or name == module)), None)


def violations(root: Path) -> list[str]:
    """What breaks the rules in a tree, one sentence each."""
    modules = _modules(root)
    found = []
    for name, file in sorted(modules.items()):
        part = _part(name)
        if part is None:
            found.append(f"{name} is in no layer: add it to LAYERS in tests/test_imports.py")
            continue
        for imported in sorted(set(_imports(name, file, modules))):
            package = imported.split(".")[0]
            if package in BANNED.get(name.split(".")[0], set()):
                found.append(f"{name} imports {imported}, which only the window may")
            if package not in {"im4d_core", "viewer", "app", "train"}:
                continue
            target = _part(imported)
            if target == part or target is None:
                continue
            if RANK[target] >= RANK[part]:
                found.append(f"{name} imports {imported}, which is not below it")
            elif part in ONLY and target not in ONLY[part]:
                found.append(f"{name} imports {imported}; {part} may import {', '.join(sorted(ONLY[part]))} only")
    return found


def test_every_part_has_one_layer() -> None:
    assert len(RANK) == sum(map(len, LAYERS))


def test_imports_point_down() -> None:
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("file", "source", "complaint"),
    [
        ("im4d_core/render/full.py", "from im4d_core.methods import im4d", "not below"),
        ("im4d_core/render/full.py", "def f():\n    import im4d_core.methods.im4d", "not below"),
        ("im4d_core/data/frames.py", "from ..methods.base import Method\nfrom ..methods import im4d", "im4d_core.methods.im4d"),
        ("im4d_core/methods/im4d.py", "from im4d_core.data import open_scene", "not below"),
        ("im4d_core/kernels/reference.py", "from im4d_core.types import Camera", "may import"),
        ("im4d_core/types.py", "import im4d_core.config", "not below"),
        ("im4d_core/scene_renderer.py", "from viewer.state import ViewerState", "not below"),
        ("im4d_core/scene_renderer.py", "from im4d_core import Camera", "not below"),
        ("im4d_core/video.py", "import OpenGL.GL", "only the window"),
        ("train.py", "from imgui_bundle import imgui", "only the window"),
        ("viewer/session.py", "import app", "not below"),
        ("im4d_core/utils.py", "", "no layer"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, file: str, source: str, complaint: str) -> None:
    for name in ("im4d_core/__init__.py", "im4d_core/methods/__init__.py", "im4d_core/methods/base.py", "im4d_core/methods/im4d.py", file):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / file).write_text(source)
    found = violations(tmp_path)
    assert len(found) == 1
    assert complaint in found[0]


def test_allowed_imports_are_not_complained_about(tmp_path: Path) -> None:
    sources = {
        "im4d_core/methods/base.py": "from im4d_core.tensors import Context\nimport torch",
        "im4d_core/methods/im4d.py": "from im4d_core.kernels import dilate\nfrom . import base",
        "im4d_core/render/full.py": "from im4d_core.methods.base import Method\nfrom im4d_core import kernels",
        "viewer/window.py": "from imgui_bundle import imgui\nfrom im4d_core import Camera, evaluation",
        "app.py": "from viewer import session",
        "im4d_core/kernels/__init__.py": "",
        "im4d_core/evaluation.py": "",
        "viewer/session.py": "from .window import Window",
    }
    for name, source in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    assert violations(tmp_path) == []


# What runs before the first frame: no torch (seconds to import), and for the library and the command line no window either (no X libraries needed).
BEFORE_TORCH = (
    "im4d_core",
    "im4d_core.types",
    "im4d_core.config",
    "im4d_core.quality",
    "im4d_core.presets",
    "im4d_core.geometry",
    "im4d_core.camera_path",
    "im4d_core.path_files",
    "im4d_core.path_generators",
    "im4d_core.data",
    "app",
)
WINDOW = ("viewer.session",)
# What decides in the viewer; its tests run without OpenGL.
LOGIC = tuple(
    f"viewer.{name}"
    for name in (
        "state",
        "events",
        "reduce",
        "actions",
        "bindings",
        "controls",
        "playback",
        "path_editor",
        "history",
        "edits",
        "dragging",
        "resolution",
        "compare",
        "comparing",
        "look",
        "crop",
        "values",
        "worker",
    )
)


def _loaded(modules: tuple[str, ...], watched: tuple[str, ...]) -> dict[str, list[str]]:
    """Module → the watched packages that importing it brings in first, in one fresh interpreter."""
    program = f"""
import importlib, json, sys
watched, loaded = set({watched!r}), {{}}
for name in {modules!r}:
    importlib.import_module(name)
    found = watched & sys.modules.keys()
    watched -= found
    if found:
        loaded[name] = sorted(found)
print(json.dumps(loaded))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_start_imports_neither_torch_nor_the_window() -> None:
    assert _loaded(BEFORE_TORCH, ("torch", "imgui_bundle", "OpenGL", "glfw")) == {}


def test_the_viewers_logic_imports_neither_torch_nor_the_window() -> None:
    assert _loaded(LOGIC, ("torch", "imgui_bundle", "OpenGL", "glfw")) == {}


def test_the_window_imports_no_torch() -> None:
    assert _loaded(WINDOW, ("torch",)) == {}


def test_an_import_of_torch_is_noticed() -> None:
    assert _loaded(("im4d_core.types", "im4d_core.tensors"), ("torch", "imgui_bundle")) == {"im4d_core.tensors": ["torch"]}
