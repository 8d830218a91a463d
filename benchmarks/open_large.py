"""Opens a capture of 60 views x 300 frames at 1224x1024 and reports the host memory held while idle, without and with the viewer's window.

The capture is made here: one picture and mask per view, hard-linked for all frames, so that it costs little disk; a reader cannot tell.

python -m benchmarks.open_large
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import simplejpeg
import tyro
from rich.progress import track

from benchmarks.table import ROOT, Cell, report
from benchmarks.window import display, run_window
from im4d_core.geometry import intrinsics, look_at

LIMIT_GB = 2.0

# Each stage in a process of its own: opens, waits until idle, prints resident and peak kilobytes and the seconds it took.
_MEASURE = """
import json, sys, time
from pathlib import Path
began = time.monotonic()
stage, capture = sys.argv[1], Path(sys.argv[2])
def kilobytes(key):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(key))
from im4d_core.config import DataConfig
from im4d_core.data import open_scene
config = DataConfig(path=str(capture), boxes="boxes.npy")
scene = open_scene(config)
if stage != "index":
    from im4d_core.data.frames import FrameLoader
    loader = FrameLoader(scene, config)
    if stage == "frame":
        loader.get(scene.frames[0], scene.source_views[:4])
        loader.prefetch(scene.frames[1:9], scene.source_views[:4])
opened = time.monotonic() - began
time.sleep(3.0)
print(json.dumps({"views": len(scene.cameras), "frames": len(scene.frames), "opened_s": opened, "resident": kilobytes("VmRSS"), "peak": kilobytes("VmHWM")}))
"""


def main(
    *, views: int = 60, frames: int = 300, width: int = 1224, height: int = 1024, window: bool = True, output: Path = Path("benchmarks/results/open_large.json")
) -> None:
    """Makes the capture in a temporary folder, opens it, measures, removes it; exits 1 where the memory is above the limit.

    Args:
        views: cameras of the capture.
        frames: frames of each.
        width: of the pictures.
        height: of the pictures.
        window: also open the viewer, on a virtual display where there is none.
        output: where the figures are written.
    """
    folder = Path(tempfile.mkdtemp(prefix="im4d_large_"))
    try:
        _write_capture(folder, views, frames, width, height)
        rows: list[dict[str, Cell]] = []
        for stage, title in (("index", "scene index"), ("loader", "and an idle loader"), ("frame", "and one frame shown, eight prefetched")):
            rows.append({"opened": title, **_measured(stage, folder)})
        if window:
            rows.append({"opened": "the viewer's window on a run", "views": views, "frames": frames, **_measured_window(folder)})
    finally:
        shutil.rmtree(folder)
    report(f"{views} views x {frames} frames at {width}x{height}; limit {LIMIT_GB} GB", rows, output)
    if max(float(row["peak GB"] or 0) for row in rows) > LIMIT_GB:
        raise SystemExit(f"more than {LIMIT_GB} GB")


def _write_capture(folder: Path, views: int, frames: int, width: int, height: int) -> None:
    """A rig on a circle around a box of 2 m, in the EasyMocap layout. Its pictures are noise at a coarse scale: only their size matters."""
    generator = np.random.default_rng(0)
    names = [f"{view:02d}" for view in range(views)]
    K = intrinsics(width, height, 50.0)
    intri = ["%YAML:1.0", "---", "names:", *(f'   - "{name}"' for name in names)]
    extri = list(intri)
    for view, name in enumerate(names):
        angle = 2 * np.pi * view / views
        centre = np.array([3.5 * np.cos(angle), 3.5 * np.sin(angle), 1.2])
        pose = look_at(centre, np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0]))
        intri += [*_matrix(f"K_{name}", K), *_matrix(f"D_{name}", np.zeros((1, 5))), f"H_{name}: {height}", f"W_{name}: {width}"]
        extri += [*_matrix(f"Rot_{name}", pose[:3, :3]), *_matrix(f"T_{name}", pose[:3, 3:])]
    (folder / "intri.yml").write_text("\n".join(intri) + "\n")
    (folder / "extri.yml").write_text("\n".join(extri) + "\n")
    meta = {"pixel_centre": 0.5, "test_views": names[:2], "bounds_min": [-1, -1, 0], "bounds_max": [1, 1, 2], "fps": 30, "up": [0, 0, 1]}
    (folder / "meta.json").write_text(json.dumps(meta))
    np.save(folder / "boxes.npy", np.tile([[-0.9, -0.9, 0.0], [0.9, 0.9, 1.9]], (frames, 1, 1)))  # without them, boxes would be made from all the masks
    mask = np.zeros((height, width, 1), np.uint8)
    mask[height // 4 : -height // 4, width // 3 : -width // 3] = 255
    for name in track(names, description="writing"):
        coarse = generator.integers(0, 256, (height // 16 + 1, width // 16 + 1, 3), np.uint8)
        picture = np.ascontiguousarray(coarse.repeat(16, axis=0).repeat(16, axis=1)[:height, :width])
        for kind, data in (("images", simplejpeg.encode_jpeg(picture)), ("masks", simplejpeg.encode_jpeg(mask, colorspace="GRAY"))):
            (folder / kind / name).mkdir(parents=True)
            first = folder / kind / name / "000000.jpg"
            first.write_bytes(data)
            for frame in range(1, frames):
                _link(first, folder / kind / name / f"{frame:06d}.jpg")


def _matrix(key: str, values: np.ndarray) -> list[str]:
    numbers = ", ".join(f"{value:.10g}" for value in values.ravel())
    return [f"{key}: !!opencv-matrix", f"   rows: {values.shape[0]}", f"   cols: {values.shape[1]}", "   dt: d", f"   data: [{numbers}]"]


def _link(source: Path, target: Path) -> None:
    with contextlib.suppress(OSError):  # a file system without hard links gets copies
        os.link(source, target)
        return
    shutil.copyfile(source, target)


def _measured(stage: str, folder: Path) -> dict[str, Cell]:
    done = subprocess.run([sys.executable, "-c", _MEASURE, stage, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout.splitlines()[-1])
    return {
        "views": found["views"],
        "frames": found["frames"],
        "opened s": found["opened_s"],
        "idle GB": found["resident"] / 2**20,
        "peak GB": found["peak"] / 2**20,
    }


def _measured_window(folder: Path) -> dict[str, Cell]:
    """The viewer on a run with a model of the default size. Its weights are random: memory does not depend on them."""
    from im4d_core.checkpoint import RunFolder, claim_run, save_weights
    from im4d_core.config import DataConfig, RunConfig
    from im4d_core.data import open_scene
    from im4d_core.methods import build_method
    from im4d_core.training import resolved

    config = RunConfig(data=DataConfig(path=str(folder), boxes="boxes.npy"))
    scene = open_scene(config.data)
    config = resolved(config, scene)
    run = RunFolder(path=folder / "run")
    claim_run(run, config, scene.boxes)
    save_weights(build_method(config.method), run.weights)
    with display():
        marks = run_window([str(run.path), "--size", "400x300", "--device", "cpu"], idle_s=5.0)
    return {"opened s": marks.first_picture_s, "idle GB": marks.resident_gb, "peak GB": marks.peak_gb}


if __name__ == "__main__":
    tyro.cli(main)
