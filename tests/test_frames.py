"""Source frames: pixels arrive where the cameras say, masked and resized exactly; the cache keeps its budget; threads neither block nor lose errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import simplejpeg
import torch
from captures import render_box, sight, write_capture

from im4d_core.config import DataConfig
from im4d_core.data import open_scene
from im4d_core.data.decoding import Decoder, masked
from im4d_core.data.frames import FrameLoader
from im4d_core.data.pictures import read_rgb
from im4d_core.data.resampling import area_resized, distorted, stored_positions
from im4d_core.tensors import SourceView
from im4d_core.types import Scene

BOUNDS = (-1.0, -1.0, -1.0, 1.0, 1.0, 1.0)
VIEW_BYTES = 64 * 48 * 4


def opened(folder: Path, **settings: object) -> tuple[Scene, DataConfig]:
    """A written capture with one box for all frames, so that opening reads no masks."""
    np.save(folder / "boxes.npy", np.repeat(np.array(BOUNDS).reshape(1, 2, 3), len(list((folder / "images" / "00").iterdir())), axis=0))
    config = replace(DataConfig(path=str(folder), boxes="boxes.npy"), **settings)
    return open_scene(config), config


def wait_until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit, "waited 30 s"
        time.sleep(0.002)


class GatedDecoder(Decoder):
    """Decodes when told to, and remembers the order."""

    def __init__(self, scene: Scene, config: DataConfig) -> None:
        super().__init__(scene, config)
        self.gate = threading.Semaphore(0)
        self.started: list[tuple[int, int]] = []

    def decode(self, frame: int, view: int) -> SourceView:
        self.started.append((frame, view))
        assert self.gate.acquire(timeout=30)
        return super().decode(frame, view)


def gated(monkeypatch: pytest.MonkeyPatch, scene: Scene, config: DataConfig, **settings: int) -> tuple[FrameLoader, GatedDecoder]:
    decoder = GatedDecoder(scene, config)
    monkeypatch.setattr("im4d_core.data.frames.Decoder", lambda *_: decoder)
    return FrameLoader(scene, config, **settings), decoder


def test_pictures_arrive_as_stored(tmp_path: Path) -> None:
    written = write_capture(tmp_path, pictures="{frame:06d}.png")
    scene, config = opened(tmp_path, mask_images=False)
    with FrameLoader(scene, config) as loader:
        views = loader.get(1, [3, 0])
    for view, index in zip(views, [3, 0], strict=True):
        picture, coverage = render_box(written.cameras[index], written.boxes[1], sight(written.cameras[index], np.zeros(5)))
        assert (view.view, view.frame, view.camera.name) == (index, 1, f"{index:02d}")
        np.testing.assert_array_equal(view.image.numpy(), picture)
        np.testing.assert_array_equal(view.mask.numpy(), coverage)
        assert view.image.dtype == view.mask.dtype == torch.uint8


def test_masks_are_multiplied_onto_the_background(tmp_path: Path) -> None:
    write_capture(tmp_path)
    scene, config = opened(tmp_path, background=(1.0, 0.5, 0.0))
    with FrameLoader(scene, config) as loader:
        view = loader.get(0, [2])[0]
    picture = read_rgb(scene.image_path(2, 0)).astype(float)
    coverage = view.mask.numpy()[..., None] / 255.0
    np.testing.assert_array_equal(view.image.numpy(), np.floor(picture * coverage + np.array([255.0, 128.0, 0.0]) * (1 - coverage) + 0.5 + 1e-9))
    assert view.image[0, 0].tolist() == [255, 128, 0]


def test_blending_rounds_exactly_for_all_values() -> None:
    image, mask = (grid.astype(np.uint8) for grid in np.meshgrid(np.arange(256), np.arange(256)))
    for background in (0, 77, 255):
        result = masked(np.repeat(image[..., None], 3, axis=-1), mask, np.full(3, background, np.uint16))
        exact = image.astype(int) * mask + background * (255 - mask.astype(int))
        np.testing.assert_array_equal(result[..., 0], (2 * exact + 255) // 510)


def test_without_masks_all_is_foreground(tmp_path: Path) -> None:
    write_capture(tmp_path, masks=None)
    scene, config = opened(tmp_path)
    with FrameLoader(scene, config) as loader:
        assert loader.get(0, [0])[0].mask.min() == 255


def test_label_masks_are_foreground_where_not_zero(tmp_path: Path) -> None:
    write_capture(tmp_path, masks="schp")
    scene, config = opened(tmp_path)
    assert scene.mask_pattern == "schp/{camera}/{frame:06d}.png"
    with FrameLoader(scene, config) as loader:
        assert loader.get(0, [0])[0].mask.unique().tolist() == [0, 255]


def test_resize_and_crop(tmp_path: Path) -> None:
    write_capture(tmp_path, pictures="{frame:06d}.png", masks=None)
    scene, config = opened(tmp_path, resize=0.5, crop=(20, 12))
    with FrameLoader(scene, config) as loader:
        image = loader.get(2, [1])[0].image.numpy()
    stored = read_rgb(scene.image_path(1, 2)).astype(float)
    half = stored.reshape(24, 2, 32, 2, 3).mean(axis=(1, 3))
    np.testing.assert_array_equal(image, np.floor(half + 0.5)[2:22, 10:22])


@pytest.mark.parametrize(("new_width", "new_height"), [(12, 10), (5, 7), (1, 1), (11, 3)])
def test_area_resizing_means_what_it_covers(new_width: int, new_height: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (10, 12, 3), dtype=np.uint8)
    fine = np.repeat(np.repeat(picture.astype(float), new_height, axis=0), new_width, axis=1)  # every old pixel as a block of equal parts
    exact = fine.reshape(new_height, 10, new_width, 12, 3).mean(axis=(1, 3))
    # 0.501: rounding to whole numbers, where float32 sums may fall on either side of a half
    np.testing.assert_allclose(area_resized(picture, new_width, new_height), exact, atol=0.501)


def edges(mask: np.ndarray, centre: int) -> np.ndarray:
    """Where a silhouette begins and ends in each row, left and right of a column, in pixels; blur does not move it."""
    coverage = mask.astype(float) / 255
    return np.stack([centre - coverage[:, :centre].sum(axis=1), centre + coverage[:, centre:].sum(axis=1)])


@pytest.mark.parametrize("coefficients", [(-0.6, 0.2, 0.01, -0.02, 0.01), (0.5, 0.0, 0.0, 0.0, 0.0)])
def test_undistorted_pictures_show_straight_lines(tmp_path: Path, coefficients: tuple[float, ...]) -> None:
    written = write_capture(tmp_path, distortion=coefficients, pictures="{frame:06d}.png", width=200, height=160, zoom=2.0, cameras=3, frames=1)
    scene, config = opened(tmp_path, mask_images=False)
    with FrameLoader(scene, config) as loader:
        views = loader.get(0, [0, 1, 2])
    for view, camera in zip(views, written.cameras, strict=True):
        _, straight = render_box(camera, written.boxes[0], sight(camera, np.zeros(5)))
        _, bent = render_box(camera, written.boxes[0], sight(camera, np.array(coefficients)))
        columns = np.flatnonzero(straight[80] == 255)
        centre = (columns[0] + columns[-1]) // 2
        rows = np.flatnonzero(straight[:, centre] == 255)[4:-4]
        truth = edges(straight[rows], centre)
        # 4 x 4 samples a pixel place an edge to 0.06 px on average in either picture: measured 0.06 to 0.09.
        assert np.abs(edges(view.mask.numpy()[rows], centre) - truth).mean() < 0.12
        assert np.abs(edges(bent[rows], centre) - truth).max() > 1, "the control: as stored, edges are off by more than a pixel"


def test_the_lattice_is_accurate() -> None:
    from im4d_core.data.decoding import reading_lattice
    from im4d_core.types import Sensor

    K = np.array([[900.0, 0.0, 500.0], [0.0, 910.0, 420.0], [0.0, 0.0, 1.0]])
    sensor = Sensor(K=K, distortion=np.array([-0.3, 0.1, 0.001, 0.002, 0.0]), width=1001, height=807, resized_width=1001, resized_height=807)
    lattice = reading_lattice(sensor, 0.5)
    grid = torch.nn.functional.interpolate(lattice, size=(807, 1001), mode="bilinear", align_corners=True)[0].permute(1, 2, 0).double().numpy()
    u, v = np.meshgrid(np.arange(1001) + 0.5, np.arange(807) + 0.5)
    exact = stored_positions(sensor, np.stack([u, v], axis=-1))
    assert np.abs((grid + 1) / 2 * [1001, 807] - exact).max() < 0.02  # px; measured 0.012


def test_distortion_follows_its_formula() -> None:
    x, y = 0.3, -0.2
    k1, k2, p1, p2, k3 = -0.2, 0.05, 0.001, -0.002, 0.01
    r2 = x**2 + y**2
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    expected = [x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2), y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y]
    np.testing.assert_allclose(distorted(np.array([x, y]), np.array([k1, k2, p1, p2, k3])), expected)


def test_the_cache_keeps_its_budget_and_the_current_frame(tmp_path: Path) -> None:
    write_capture(tmp_path, frames=5, cameras=4)
    scene, config = opened(tmp_path)
    with FrameLoader(scene, config, byte_budget=5 * VIEW_BYTES) as loader:
        for frame in (0, 1):
            loader.get(frame, [0, 1])
        assert loader.cached_bytes == 4 * VIEW_BYTES
        loader.get(0, [0])  # used again, so that (0, view 1) is the oldest
        loader.get(2, [0, 1])
        assert loader.cached_bytes <= 5 * VIEW_BYTES
        assert loader.is_cached(0, [0])
        assert not loader.is_cached(0, [1])
    with FrameLoader(scene, config, byte_budget=VIEW_BYTES) as loader:
        loader.get(3, [0, 1, 2, 3])
        assert loader.is_cached(3, [0, 1, 2, 3]), "the frame in use may exceed the budget"
        loader.get(4, [0])
        assert loader.cached_bytes == VIEW_BYTES
    assert loader.cached_bytes == 0


def test_the_same_view_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_capture(tmp_path)
    scene, config = opened(tmp_path)
    loader, decoder = gated(monkeypatch, scene, config)
    with loader:
        results: list[list[SourceView]] = []
        callers = [threading.Thread(target=lambda: results.append(loader.get(0, [0, 1]))) for _ in range(3)]
        for caller in callers:
            caller.start()
        decoder.gate.release(2)
        for caller in callers:
            caller.join()
        assert sorted(decoder.started) == [(0, 0), (0, 1)]
        assert all(result[0] is results[0][0] for result in results)
        assert loader.get(0, [0])[0] is results[0][0]


def test_views_that_are_not_wanted_any_more_are_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is being decoded is kept; what another get waits for is decoded."""
    write_capture(tmp_path, frames=3, cameras=4)
    scene, config = opened(tmp_path)
    loader, decoder = gated(monkeypatch, scene, config, threads=1)
    with loader:
        assert loader.get_while(0, [0, 1, 2], lambda: not decoder.started) is None
        other: list[list[SourceView]] = []
        caller = threading.Thread(target=lambda: other.append(loader.get(1, [1])))
        caller.start()
        wait_until(lambda: (1, 1) in loader._urgent)
        assert loader.get_while(1, [0, 1], lambda: False) is None
        decoder.gate.release(4)
        caller.join()
        assert [view.view for view in other[0]] == [1]
        again = loader.get_while(0, [2, 0], lambda: True)
        assert again is not None and [view.view for view in again] == [2, 0]
        assert decoder.started == [(0, 0), (1, 1), (0, 2)]
        assert loader.get_while(0, [2, 0], lambda: False) == again, "nothing is asked where all is there"


def test_prefetch_never_blocks_and_the_newest_request_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_capture(tmp_path, frames=5, cameras=4)
    scene, config = opened(tmp_path)
    loader, decoder = gated(monkeypatch, scene, config, threads=1)
    with loader:
        loader.prefetch([0, 1, 2], [0, 1])  # returns while the decoder waits
        wait_until(lambda: decoder.started == [(0, 0)])
        loader.prefetch([4], [2, 3])
        caller = threading.Thread(target=lambda: loader.get(3, [1]))
        caller.start()
        wait_until(lambda: bool(loader._urgent))
        decoder.gate.release(4)
        wait_until(lambda: loader.is_cached(4, [2, 3]))
        caller.join()
        assert decoder.started == [(0, 0), (3, 1), (4, 2), (4, 3)], "what get waits for comes first, the older request is gone"


def test_a_get_joins_a_prefetch_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_capture(tmp_path)
    scene, config = opened(tmp_path)
    loader, decoder = gated(monkeypatch, scene, config)
    with loader:
        loader.prefetch([1], [0])
        wait_until(lambda: decoder.started == [(1, 0)])
        decoder.gate.release(1)
        assert loader.get(1, [0])[0].frame == 1
        assert decoder.started == [(1, 0)]


def test_prefetch_stops_at_the_budget(tmp_path: Path) -> None:
    write_capture(tmp_path, frames=5, cameras=4)
    scene, config = opened(tmp_path)
    with FrameLoader(scene, config, byte_budget=4 * VIEW_BYTES) as loader:
        loader.get(0, [0, 1])
        loader.prefetch([1, 2, 3], [0, 1])
        wait_until(lambda: loader.is_cached(1, [0, 1]))
        time.sleep(0.05)  # time to decode what must not be
        assert loader.is_cached(0, [0, 1])
        assert not loader.is_cached(2, [0])


def test_errors_of_a_prefetch_are_raised_by_get(tmp_path: Path) -> None:
    write_capture(tmp_path)
    scene, config = opened(tmp_path)
    path = scene.image_path(1, 2)
    data = path.read_bytes()
    path.unlink()
    with FrameLoader(scene, config) as loader:
        loader.prefetch([2], [1])
        wait_until(lambda: bool(loader._failed))
        loader.prefetch([2], [1])
        with pytest.raises(FileNotFoundError, match=r"01/000002.jpg: the picture is missing"):
            loader.get(2, [1])
        path.write_bytes(data)
        assert loader.get(2, [1])[0].frame == 2, "tried again"


@pytest.mark.parametrize("kind", ["image", "mask"])
def test_damaged_files_are_named(tmp_path: Path, kind: str) -> None:
    write_capture(tmp_path)
    scene, config = opened(tmp_path)
    path = scene.image_path(0, 1) if kind == "image" else scene.mask_path(0, 1)
    assert path is not None
    good = path.read_bytes()
    small = np.zeros((20, 30, 3), np.uint8)
    with FrameLoader(scene, config) as loader:
        for damage in (good[: len(good) // 2], b"", b"not a picture", good[:30]):
            path.write_bytes(damage)
            with pytest.raises(ValueError, match=rf"{path}: cannot be decoded as a picture, it is truncated or corrupt"):
                loader.get(1, [0])
            with pytest.raises(ValueError, match=rf"{path}") as caught:
                loader.get(1, [0])
            assert "plugin" not in str(caught.value), "what reads pictures is nobody's business"
        if kind == "image":
            path.write_bytes(simplejpeg.encode_jpeg(small))
        else:
            iio.imwrite(path, small[..., 0])
        with pytest.raises(ValueError, match=rf"{path}: camera '00' has pictures of 64 × 48 pixels, found 30 × 20"):
            loader.get(1, [0])
        path.unlink()
        with pytest.raises(FileNotFoundError, match=rf"{path}: the picture is missing"):
            loader.get(1, [0])
        path.write_bytes(good)
        assert len(loader.get(1, [0])) == 1


def test_pictures_with_16_bits_are_refused(tmp_path: Path) -> None:
    write_capture(tmp_path)
    scene, config = opened(tmp_path)
    path = scene.mask_path(0, 0)
    assert path is not None
    iio.imwrite(path, np.zeros((48, 64), np.uint16))
    with FrameLoader(scene, config) as loader, pytest.raises(ValueError, match="expected 8 bits per channel, found 16"):
        loader.get(0, [0])


def test_unknown_frames_and_views_are_refused(tmp_path: Path) -> None:
    write_capture(tmp_path)
    scene, config = opened(tmp_path)
    with FrameLoader(scene, config) as loader:
        with pytest.raises(ValueError, match="frame 7 does not exist; the scene has frames 0 to 2"):
            loader.get(7, [0])
        with pytest.raises(ValueError, match="frame -1 does not exist"):
            loader.prefetch([0, -1], [0])
        with pytest.raises(ValueError, match="view 6 does not exist; the scene has views 0 to 5"):
            loader.get(0, [6])


@pytest.mark.parametrize("asking", [True, False])
def test_closing_ends_threads_and_waiting_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asking: bool) -> None:
    write_capture(tmp_path)
    scene, config = opened(tmp_path)
    loader, decoder = gated(monkeypatch, scene, config)
    errors: list[str] = []

    def ask() -> None:
        try:
            if asking:
                loader.get_while(0, [0, 1, 2], lambda: True)
            else:
                loader.get(0, [0, 1, 2])
        except RuntimeError as error:
            errors.append(str(error))

    caller = threading.Thread(target=ask)
    caller.start()
    wait_until(lambda: len(decoder.started) == 2)
    closer = threading.Thread(target=loader.close)
    closer.start()
    caller.join(30)
    assert len(errors) == 1
    assert "was closed while frame 0 was being read" in errors[0]
    decoder.gate.release(10)
    closer.join(30)
    assert not closer.is_alive()
    assert not any(thread.is_alive() for thread in loader._threads)
    with pytest.raises(RuntimeError, match="is closed"):
        loader.get(0, [0])
    loader.close()
