"""Exports of camera paths: the very pictures of the window, in the right number; nothing lost and nothing left behind when something goes wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from stand_in import StandIn, as_renderer
from stopped_film import ENDS, end

from im4d_core.camera_path import CameraPath, SceneTiming
from im4d_core.export_settings import ExportSettings
from im4d_core.exr import encode_exr, read_exr
from im4d_core.filming import film
from im4d_core.path_generators import orbit
from viewer import events as e
from viewer.offline import take_picture
from viewer.reduce import reduce
from viewer.request import render_request
from viewer.state import ViewerState, scene_timing

PATH = orbit(centre=(0.0, 0.0, 0.0), radius=3.0, up=(0.0, 0.0, 1.0), duration_s=1.0)
TIMING = SceneTiming(frames=StandIn().scene.frames, fps=10.0)


def settings(folder: Path, **changes: object) -> ExportSettings:
    return ExportSettings(**{"width": 64, "height": 48, "fps": 8.0, "file": str(folder / "out" / "video.mp4"), **changes})  # type: ignore[arg-type]


def pictures(folder: Path, **changes: object) -> ExportSettings:
    return settings(folder, **{"format": "png", "file": str(folder / "pictures"), **changes})


def made(renderer: StandIn, wanted: ExportSettings, path: CameraPath = PATH, timing: SceneTiming = TIMING) -> list[tuple[int, int]]:
    return list(film(as_renderer(renderer), path, timing, wanted))


def decoded(file: Path, pixels: str = "rgb24") -> list[np.ndarray]:
    import av

    with av.open(file) as container:
        return [frame.to_ndarray(format=pixels) for frame in container.decode(video=0)]


def test_a_video_holds_the_pictures_of_the_renderer(tmp_path: Path) -> None:
    renderer, wanted = StandIn(), settings(tmp_path, quality=4)
    assert made(renderer, wanted) == [(i, 8) for i in range(9)]  # a closed loop of 1 s at 8 pictures a second
    shown = decoded(Path(wanted.file))
    assert len(shown) == 8
    for shot, picture in zip(PATH.shots(TIMING, 8.0), shown):
        rendered = renderer.render(shot.sample.camera(64, 48), shot.frame, "fast")
        assert rendered is not None
        difference = np.abs(rendered.rgb.numpy() * 255 - picture)
        assert difference.mean() < 4  # half the colour resolution, and a lossy code
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["video.mp4", "video.mp4.json"]
    note = json.loads((tmp_path / "out" / "video.mp4.json").read_text())
    assert (note["pictures"], note["settings"]["quality"], note["timing"]["fps"], len(note["path"]["keys"])) == (8, 4, 10.0, 16)


@pytest.mark.parametrize("fps", [10.0, 4.0, 30.0])
@pytest.mark.parametrize("mode", ["fast", "full"])
def test_preview_and_exported_pictures_are_the_same_bytes(tmp_path: Path, mode: str, fps: float) -> None:
    """Whatever rate the transport was set to, and on another background than the scene's own."""
    renderer = StandIn()
    state = reduce(ViewerState(), e.SceneOpened(scene=renderer.scene, source=Path("run")))
    for event in (e.ReplacePath(path=PATH), e.SetFps(fps=fps), e.SetBackground(colour=(0.2, 0.5, 0.7)), e.SetMode(mode=mode), e.SetScale(scale=1.0)):  # type: ignore[arg-type]
        state = reduce(state, event)
    wanted = pictures(tmp_path, mode=mode, background=state.picture.background)
    state = reduce(state, e.SetExport(settings=wanted))
    made(renderer, wanted, timing=scene_timing(state))
    shots = PATH.shots(scene_timing(state), wanted.fps)
    assert len({shot.frame for shot in shots}) > 2  # the scene does play along
    for i, shot in enumerate(shots):
        state = reduce(state, e.SetPathTime(time_s=shot.time_s))
        request = render_request(state, wanted.width, wanted.height)
        assert request is not None
        preview = take_picture(as_renderer(renderer), request)
        assert preview is not None
        np.testing.assert_array_equal(iio.imread(tmp_path / "pictures" / f"{i:06d}.png"), preview)


class Roomy(StandIn):
    """Larger pictures fit where less is kept of other frames."""

    def keep_less(self) -> bool:
        self.most_pixels = None
        return super().keep_less()


@pytest.mark.parametrize("renderer", [StandIn(), Roomy()])
def test_a_picture_that_did_not_fit_is_rendered_again_where_less_is_kept(tmp_path: Path, renderer: StandIn) -> None:
    wanted = pictures(tmp_path)
    renderer.most_pixels = wanted.width * wanted.height - 1
    if isinstance(renderer, Roomy):
        done = made(renderer, wanted)
        assert done[-1][0] == done[-1][1] == len(renderer.rendered)
    else:  # nothing helps
        with pytest.raises(torch.OutOfMemoryError):
            made(renderer, wanted)


def test_odd_sizes_are_padded_to_even_ones_in_videos_and_kept_in_pictures(tmp_path: Path) -> None:
    wanted = settings(tmp_path, width=33, height=21)
    made(StandIn(), wanted)
    assert decoded(Path(wanted.file))[0].shape == (22, 34, 3)
    made(StandIn(), pictures(tmp_path, width=33, height=21))
    assert iio.imread(tmp_path / "pictures" / "000000.png").shape == (21, 33, 3)


@pytest.mark.parametrize("how", ENDS)
def test_a_video_that_is_stopped_leaves_no_file(tmp_path: Path, how: str) -> None:
    renderer = StandIn()
    stopped = []
    running = film(as_renderer(renderer), PATH, TIMING, settings(tmp_path), go_on=lambda: not stopped)
    assert next(running) == (0, 8)
    assert next(running) == (1, 8)
    end(how, running, renderer, stopped)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_video_from_before_survives_a_failed_one(tmp_path: Path) -> None:
    wanted = settings(tmp_path)
    Path(wanted.file).parent.mkdir()
    Path(wanted.file).write_bytes(b"the old one")
    running = film(as_renderer(StandIn()), PATH, TIMING, wanted)
    next(running)
    next(running)
    running.close()
    assert Path(wanted.file).read_bytes() == b"the old one"


@pytest.mark.parametrize("how", ENDS)
def test_pictures_that_were_stopped_go_on_where_they_stopped(tmp_path: Path, how: str) -> None:
    renderer, wanted = StandIn(), pictures(tmp_path, depth=True)
    stopped = []
    running = film(as_renderer(renderer), PATH, TIMING, wanted, go_on=lambda: not stopped)
    assert [next(running) for _ in range(4)] == [(i, 8) for i in range(4)]
    end(how, running, renderer, stopped)
    there = sorted(path.name for path in (tmp_path / "pictures").glob("*.png"))
    assert there == ["000000.png", "000001.png", "000002.png"] or how != "asked"  # a failure may leave the last ones unwritten
    before = {name: (tmp_path / "pictures" / name).stat().st_mtime_ns for name in there}
    again = StandIn()
    assert made(again, wanted) == [(i, 8) for i in range(len(there), 9)]
    assert len(again.rendered) == 8 - len(there)
    assert {name: (tmp_path / "pictures" / name).stat().st_mtime_ns for name in there} == before
    assert not list((tmp_path / "pictures").glob("**/.*"))
    made(StandIn(), pictures(tmp_path, depth=True, file=str(tmp_path / "at once")))
    for name in ("000000.png", "000007.png", "depth/000003.exr"):
        assert (tmp_path / "pictures" / name).read_bytes() == (tmp_path / "at once" / name).read_bytes()


def test_pictures_of_something_else_are_never_overwritten(tmp_path: Path) -> None:
    made(StandIn(), pictures(tmp_path))
    for other in (pictures(tmp_path, mode="full"), pictures(tmp_path, width=63), pictures(tmp_path, start_s=0.1, stop_s=0.5)):
        with pytest.raises(FileExistsError, match="another path, scene or setting"):
            made(StandIn(), other)
    with pytest.raises(FileExistsError, match="another path, scene or setting"):
        made(StandIn(), pictures(tmp_path), path=replace(PATH, loop=False))
    with pytest.raises(FileExistsError, match="another path, scene or setting"):
        made(StandIn(), pictures(tmp_path), timing=replace(TIMING, fps=5.0))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("two years of work")
    with pytest.raises(FileExistsError, match="holds other files"):
        made(StandIn(), pictures(tmp_path, file=str(tmp_path / "mine")))
    (tmp_path / "plain").write_text("no folder")
    with pytest.raises(FileExistsError, match="is a file"):
        made(StandIn(), pictures(tmp_path, file=str(tmp_path / "plain")))


def test_transparent_pictures_give_the_opaque_ones_back(tmp_path: Path) -> None:
    renderer = StandIn()
    made(renderer, pictures(tmp_path, transparent=True))
    made(renderer, pictures(tmp_path, background=(0.2, 0.5, 0.7), file=str(tmp_path / "opaque")))
    rgba = iio.imread(tmp_path / "pictures" / "000002.png").astype(float)
    opaque = iio.imread(tmp_path / "opaque" / "000002.png")
    assert rgba.shape == (48, 64, 4)
    assert set(np.unique(rgba[..., 3])) == {0.0, 255.0}  # the stand-in's spheres have hard edges
    alpha = rgba[..., 3:] / 255
    blended = rgba[..., :3] * alpha + np.array([0.2, 0.5, 0.7]) * 255 * (1 - alpha)
    assert np.abs(blended - opaque).max() <= 0.51  # rounding to bytes


def test_depth_is_kept_bit_by_bit(tmp_path: Path) -> None:
    renderer = StandIn()
    made(renderer, pictures(tmp_path, depth=True))
    shot = PATH.shots(TIMING, 8.0)[5]
    rendered = renderer.render(shot.sample.camera(64, 48), shot.frame, "fast")
    assert rendered is not None
    stored = read_exr(tmp_path / "pictures" / "depth" / "000005.exr")
    np.testing.assert_array_equal(stored, rendered.depth.numpy())
    assert stored.max() > 2.0


def test_exr_keeps_every_number_and_refuses_other_files(tmp_path: Path) -> None:
    values = np.array([[0.0, -1.5, 1e-30], [3.4e38, np.inf, 2.0]], np.float32)
    (tmp_path / "a.exr").write_bytes(encode_exr(values))
    np.testing.assert_array_equal(read_exr(tmp_path / "a.exr"), values)
    (tmp_path / "b.exr").write_bytes(b"not a picture at all, not even nearly")
    with pytest.raises(ValueError, match=r"b\.exr: not an OpenEXR file"):
        read_exr(tmp_path / "b.exr")
    with pytest.raises(FileNotFoundError, match=r"c\.exr"):
        read_exr(tmp_path / "c.exr")


def test_transparent_video_has_alpha(tmp_path: Path) -> None:
    wanted = settings(tmp_path, format="prores", transparent=True, file=str(tmp_path / "out" / "clip.mov"))
    made(StandIn(), wanted)
    shown = decoded(Path(wanted.file), "rgba")
    made(StandIn(), pictures(tmp_path, transparent=True))
    alpha = iio.imread(tmp_path / "pictures" / "000003.png")[..., 3]
    assert np.abs(shown[3][..., 3].astype(int) - alpha).max() <= 2  # ten bits and back


def test_a_part_is_the_part_of_the_whole(tmp_path: Path) -> None:
    whole = replace(PATH, loop=False)  # 15 of 16 steps of a second
    made(StandIn(), pictures(tmp_path, fps=16.0), path=whole)
    made(StandIn(), pictures(tmp_path, fps=16.0, start_s=0.25, stop_s=0.5, file=str(tmp_path / "part")), path=whole)
    assert len(list((tmp_path / "part").glob("*.png"))) == 5
    for i in range(5):
        assert (tmp_path / "part" / f"{i:06d}.png").read_bytes() == (tmp_path / "pictures" / f"{4 + i:06d}.png").read_bytes()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"width": 0}, "Width and height"),
        ({"fps": 0.0}, "rate"),
        ({"quality": 60}, "quality"),
        ({"transparent": True}, "transparent background needs PNG or ProRes"),
        ({"depth": True}, "beside PNG pictures only"),
        ({"format": "hevc", "chroma": "444"}, "4:4:4"),
        ({"format": "hevc"}, "at least 64 x 64"),
        ({"format": "prores"}, "must end in .mov"),
        ({"format": "png"}, "without a suffix"),
        ({"start_s": 0.5, "stop_s": 0.2}, "must not end before it begins"),
        ({"file": " "}, "Name a file"),
    ],
)
def test_senseless_settings_are_refused_before_anything_is_rendered(tmp_path: Path, changes: dict[str, object], complaint: str) -> None:
    renderer = StandIn()
    with pytest.raises(ValueError, match=complaint):
        made(renderer, settings(tmp_path, **changes))
    assert renderer.rendered == []
    assert list(tmp_path.iterdir()) == []


def test_a_path_without_keys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no keys"):
        made(StandIn(), settings(tmp_path), path=CameraPath())
    assert not (tmp_path / "out").exists()
