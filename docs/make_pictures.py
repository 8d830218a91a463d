"""Make the pictures of the window in README and manual anew, from the demo in a real window.

python app.py assets/demo --control --fresh --size 1440x860
python -m docs.make_pictures

Full pictures take their time on a CPU; `--mode fast` is for trying it out.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import get_args

import imageio.v3 as imageio

from im4d_core.types import RenderMode
from viewer import events as e
from viewer.compare import Comparison
from viewer.remote import Remote, connect

ROOT = Path(__file__).resolve().parents[1]
WAIT_S = 900.0


def save(viewer: Remote, file: Path) -> None:
    """The window with its best picture, as PNG or JPEG."""
    viewer.wait(WAIT_S)
    with tempfile.TemporaryDirectory() as folder:
        shot = viewer.screenshot(Path(folder) / "window.png", window=True, timeout_s=WAIT_S)
        pixels = imageio.imread(shot)[..., :3]
    if file.suffix == ".jpg":
        imageio.imwrite(file, pixels, quality=85)
    else:
        imageio.imwrite(file, pixels, optimize=True)
    for notice in viewer.state()["notices"]:
        viewer.send(e.DismissNotice(notice_id=notice["id"]))


def make(viewer: Remote, mode: RenderMode) -> None:
    """All pictures, one after the other."""
    pictures = ROOT / "docs" / "pictures"
    viewer.send(e.SetFrame(index=4))
    viewer.send(e.SetMode(mode=mode))
    save(viewer, ROOT / "assets" / "readme_window.png")
    save(viewer, pictures / "window.jpg")
    viewer.send(e.SetMode(mode="fast"))
    viewer.send(e.FocusPanel(name="Path"))
    save(viewer, pictures / "path.jpg")
    viewer.send(e.FocusPanel(name="Keys"))
    save(viewer, pictures / "keys.jpg")
    viewer.send(e.FocusPanel(name="Render"))
    viewer.send(e.SetOutput(output="depth"))
    for name in ("cameras", "box"):
        viewer.send(e.SetOverlay(name=name, shown=True))
    viewer.send(e.Dragged(action="orbit", dx_px=120.0, dy_px=60.0, height_px=800.0))
    viewer.send(e.Scrolled(action="dolly", steps=-4.0))
    save(viewer, pictures / "depth.jpg")
    for name in ("cameras", "box", "path"):
        viewer.send(e.SetOverlay(name=name, shown=False))
    viewer.send(e.SetOutput(output="colour"))
    viewer.send(e.FocusPanel(name="Compare"))
    viewer.send(e.JumpToCamera(view=2))
    viewer.send(e.SetComparison(comparison=Comparison(layout="wipe", pair="fast | captured")))
    save(viewer, pictures / "compare.jpg")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=get_args(RenderMode), default="full", help="renderer of the first picture")
    with connect() as running:
        make(running, parser.parse_args().mode)
