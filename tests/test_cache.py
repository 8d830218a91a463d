"""What caches keep: within their budget, and of a loop that is longer a part that is found again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from captures import write_capture
from untrained import write_untrained_run

from im4d_core import budgets
from im4d_core.cache import ByteCache
from im4d_core.config import DataConfig
from im4d_core.data import open_scene
from im4d_core.data.decoding import Decoder
from im4d_core.data.frames import FrameLoader
from im4d_core.frame_caches import fitting_share
from im4d_core.opened_run import open_run
from im4d_core.scene_renderer import SceneRenderer
from im4d_core.tensors import SourceView
from viewer import playback
from viewer.transport import LoopMode, Transport

LOOP, FITS = 12, 8
"""Frames of a loop and of its cache: the loop is 1.5 times as long."""


def order(loop: LoopMode, index: int) -> dict[int, int]:
    transport = Transport(index=index % LOOP, loop=loop, playing=True, direction=1 if index < LOOP else -1)
    return {frame: after for after, frame in enumerate((transport.index, *playback.coming(transport, LOOP)))}


def shown(loop: LoopMode) -> list[int]:
    """Frames of ten rounds; on the way back of a ping-pong they are counted on from `LOOP`, so that `order` knows the direction."""
    return ([*range(LOOP)] if loop == "loop" else [*range(LOOP), *range(2 * LOOP - 2, LOOP, -1)]) * 10


@pytest.mark.parametrize("loop", ["loop", "ping-pong"])
def test_of_a_loop_longer_than_the_cache_what_fits_is_found(loop: LoopMode) -> None:
    """The best that can be: of all frames but the one that is shown, so many are there as fit beside it."""

    def found(*, told: bool) -> float:
        cache: ByteCache[int, int] = ByteCache(FITS, lambda size: size, lambda frame: frame)
        hits: list[bool] = []
        for place in shown(loop):
            if told:
                cache.expect(order(loop, place))
            hits.append(cache.get(place % LOOP) is not None)
            if not hits[-1]:
                cache.put(place % LOOP, 1)
            assert cache.bytes <= FITS
        settled = hits[len(hits) // 10 :]
        return sum(settled) / len(settled)

    assert found(told=True) == pytest.approx((FITS - 1) / (LOOP - 1), abs=0.03)  # rounds are not whole numbers of what is dropped
    if loop == "loop":
        assert found(told=False) == 0.0


def test_without_playback_the_least_recently_used_goes_first() -> None:
    cache: ByteCache[tuple[int, int], int] = ByteCache(3, lambda size: size, lambda key: key[0])
    cache.expect({7: 0, 8: 1, 9: 2})
    for frame in (9, 8, 5):
        cache.put((frame, 0), 1)
    cache.put((7, 0), 1)
    assert list(cache) == [(9, 0), (8, 0), (7, 0)], "what is not expected at all goes before all that is"
    cache.put((6, 0), 1)
    assert list(cache) == [(8, 0), (7, 0), (6, 0)], "then what is needed last; the newest stays"
    cache.expect({})
    assert cache.get((8, 0)) == 1
    cache.put((4, 0), 1)
    assert list(cache) == [(6, 0), (8, 0), (4, 0)]


def test_pictures_of_a_long_loop_are_not_decoded_in_every_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the window plays: what comes is told, the next frames are read ahead."""
    write_capture(tmp_path, frames=LOOP, cameras=2)
    config = DataConfig(path=str(tmp_path))
    scene, decoded = open_scene(config), []
    decode = Decoder.decode

    def counted(self: Decoder, frame: int, view: int) -> SourceView:
        decoded.append(frame)
        return decode(self, frame, view)

    monkeypatch.setattr(Decoder, "decode", counted)
    camera = scene.cameras[0]
    with FrameLoader(scene, config, byte_budget=2 * FITS * camera.width * camera.height * 4, threads=1) as loader:
        for round_ in range(6):
            if round_ == 1:
                decoded.clear()  # the first one knows nothing yet
            for place in range(LOOP):
                coming = order("loop", place)
                loader.expect(coming)
                assert [view.frame for view in loader.get(place, [0, 1])] == [place, place]
                loader.prefetch(list(coming)[1:4], [0, 1])
                while not all(loader.is_cached(frame, [0, 1]) for frame in list(coming)[1:4]):
                    pass
    # A frame that is kept takes a place for all 12 frames of a round, one that is read again for 4: it is read 3 frames ahead. 8 places are full with 6 of
    # each, in 5 rounds; 2 more for where the first of them begins. Least recently used, it would be all 60.
    assert len(decoded) / 2 <= 5 * 6 + 2


def test_a_renderer_keeps_the_features_of_what_comes_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_run(write_untrained_run(tmp_path), device="cpu")
    camera, views = opened.scene.cameras[0], (0, 1, 2)
    size = sum(features.texels.nbytes for features in opened.method.encode(opened.loader.get(0, views)))
    # Three frames, a cache of two: what is stacked of them is kept within a quarter of the budget, which is none here but the newest.
    renderer = SceneRenderer(opened.scene, opened.method, opened.loader, opened.config, device=torch.device("cpu"), feature_bytes=2 * size)
    encoded: list[int] = []
    encode = renderer.method.encode
    monkeypatch.setattr(renderer.method, "encode", lambda sources: encoded.extend(source.frame for source in sources) or encode(sources))

    def played(rounds: int, *, told: bool) -> int:
        encoded.clear()
        for place in range(3 * rounds):
            renderer.expect([(place + after) % 3 for after in range(3)] if told else [])
            renderer.render(camera, place % 3, "full", views=views)
        return len(encoded) // len(views)

    assert played(4, told=False) == 12, "nothing is ever found"
    assert played(1, told=True) <= 3
    assert played(4, told=True) <= 8, "of three frames, one is found in every round, or more"
    opened.close()


@pytest.mark.parametrize(
    ("host_gb", "free_gb", "pictures_gb", "features_gb"),
    [(8, None, 1.0, 2.0), (16, None, 1.0, 2.0), (128, None, 8.0, 8 / 2.25), (0, None, 1.0, 2.0), (16, 7, 1.0, 2.0), (128, 79, 8.0, 79 / 9)],
)
def test_budgets_follow_the_memory_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, host_gb: int, free_gb: int | None, pictures_gb: float, features_gb: float
) -> None:
    monkeypatch.setattr(budgets, "host_memory", lambda: host_gb << 30)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: ((free_gb or 0) << 30, 80 << 30))
    found = budgets.fitting_budgets(torch.device("cpu" if free_gb is None else "cuda:0"))
    assert (found.pictures / (1 << 30), found.features / (1 << 30)) == pytest.approx((pictures_gb, features_gb))
    if free_gb is not None:
        kept = fitting_share(free_gb << 30, found.features) * 2.25 * found.features
        assert kept <= (free_gb << 30) / 2, "half of the GPU is left to pictures"


def test_a_container_has_as_much_memory_as_it_is_allowed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(budgets, "_LIMIT", limit)
    machine = budgets.host_memory()
    assert machine > 1 << 28
    for text, memory in (("max\n", machine), (f"{1 << 28}\n", 1 << 28), (f"{1 << 60}\n", machine)):
        limit.write_text(text)
        assert budgets.host_memory() == memory


def test_a_run_is_opened_with_the_budgets_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many frames are kept as fit into them."""
    folder = write_untrained_run(tmp_path)
    for times in (1, 3):
        monkeypatch.setattr("im4d_core.opened_run.fitting_budgets", lambda device, times=times: budgets.Budgets(pictures=times << 20, features=times << 22))
        renderer = open_run(folder, device="cpu")
        camera = renderer.scene.cameras[0]
        assert renderer.loader.holds((0,)) == (times << 20) // (4 * camera.width * camera.height)
        assert [cache._budget for cache in renderer._kept._all] == [times * part for part in (1 << 22, 1 << 20, 1 << 20, 1 << 20, 1 << 21)]
        renderer.close()
