"""Source frames, decoded beside whoever needs them and kept in a cache that counts bytes."""

from __future__ import annotations

import os
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Future, wait
from types import TracebackType

from im4d_core.cache import by_need
from im4d_core.config import DataConfig
from im4d_core.data.decoding import Decoder
from im4d_core.tensors import SourceView
from im4d_core.types import Scene

_Key = tuple[int, int]  # frame, view
_SMALL_PX = 1 << 20
_ASK_EVERY_S = 0.01  # whether views are still wanted


class FrameLoader:
    """Decoded source views of a scene, by frame and view.

    `get` blocks its caller until the views are there; `prefetch` never blocks. Decoding runs in threads; what `get` waits for comes first. Once the cache
    holds more than its budget, it drops what is needed last, as far as that is known, and else what was used least recently, but never a view of the
    frame that was asked for last.
    Safe to use from several threads. Close it, or use it as a context manager.
    """

    def __init__(self, scene: Scene, config: DataConfig, *, byte_budget: int = 1 << 30, threads: int = 0) -> None:
        """Prepare; nothing is read yet.

        Args:
            scene: the index, made from the same `config`.
            config: background, masking and pixel convention.
            byte_budget: of the cache; the frame in use may exceed it.
            threads: that decode; half as many as there are cores when 0, two at least, four at most for small pictures and eight for large ones.
        """
        self.scene = scene
        self.config = config
        self._byte_budget = byte_budget
        self._decoder = Decoder(scene, config)
        self._frames = frozenset(scene.frames)
        self._changed = threading.Condition()  # guards everything below
        self._cache: OrderedDict[_Key, SourceView] = OrderedDict()
        self._bytes = 0
        self._current: int | None = None
        self._coming: Mapping[int, int] = {}
        self._urgent: deque[_Key] = deque()  # asked for by get
        self._wanted: deque[_Key] = deque()  # asked for by prefetch
        self._pending: dict[_Key, Future[SourceView]] = {}  # urgent, or being decoded
        self._awaited: Counter[_Key] = Counter()  # pending, and how many gets wait for it
        self._failed: dict[_Key, BaseException] = {}  # of prefetch, until a get asks
        self._closed = False
        count = threads or min(max((os.cpu_count() or 2) // 2, 2), most_threads(scene))
        self._threads = [threading.Thread(target=self._work, name=f"frames-{i}", daemon=True) for i in range(count)]
        for thread in self._threads:
            thread.start()

    def get(self, frame: int, views: Sequence[int]) -> list[SourceView]:
        """The views of a frame, decoded now where they are not cached.

        Raises:
            ValueError: no such frame or view, or a picture that cannot be decoded or has another size.
            FileNotFoundError: a picture is missing.
            RuntimeError: the loader is closed.
        """
        return self._results(frame, self._futures(frame, views))

    def get_while(
        self, frame: int, views: Sequence[int], wanted: Callable[[], bool], meanwhile: Callable[[], object] = lambda: None
    ) -> list[SourceView] | None:
        """As `get`, as long as they are wanted.

        Args:
            wanted: asked every 10 ms; returns False to stop. What is being decoded then is kept, and nothing else of it is begun.
            meanwhile: done once while views are decoded.

        Returns:
            None where it was stopped.
        """
        futures = self._futures(frame, views)
        meanwhile()
        wait(futures, timeout=_ASK_EVERY_S)
        while not all(future.done() for future in futures):  # `wait` does not count those that `close` cancelled
            if not wanted():
                self._give_up(frame, views, futures)
                return None
            wait(futures, timeout=_ASK_EVERY_S)
        return self._results(frame, futures)

    def prefetch(self, frames: Iterable[int], views: Sequence[int]) -> None:
        """Decode views of these frames when nothing is more urgent, first frame first. Replaces the request before; errors are kept for `get`.

        Raises:
            ValueError: no such frame or view.
            RuntimeError: the loader is closed.
        """
        frames = list(frames)
        self._check(frames, views)
        with self._changed:
            self._require_open()
            self._wanted.clear()
            room = self._byte_budget - sum(_size(view) for key, view in self._cache.items() if key[0] == self._current)
            for key in ((frame, view) for frame in frames for view in views):
                camera = self.scene.cameras[key[1]]
                if key[0] != self._current:
                    room -= 4 * camera.width * camera.height  # colour and coverage
                if room < 0:
                    break  # decoding more would push out what comes first
                if key in self._cache:
                    self._cache.move_to_end(key)
                elif key not in self._pending and key not in self._failed:
                    self._wanted.append(key)
            self._changed.notify_all()

    def expect(self, coming: Mapping[int, int]) -> None:
        """From now on these frames are expected, as in `im4d_core.cache.by_need`; none where nothing plays."""
        with self._changed:
            self._coming = coming

    def is_cached(self, frame: int, views: Sequence[int]) -> bool:
        """Whether `get` would return at once."""
        with self._changed:
            return all((frame, view) in self._cache for view in views)

    def holds(self, views: Sequence[int]) -> int:
        """How many frames of some views fit into the cache."""
        cameras = [self.scene.cameras[view] for view in views]
        return self._byte_budget // max(4 * sum(camera.width * camera.height for camera in cameras), 1)

    def cached_frames(self) -> frozenset[int]:
        """Frames with at least one view in the cache."""
        with self._changed:
            return frozenset(frame for frame, _ in self._cache)

    @property
    def cached_bytes(self) -> int:
        with self._changed:
            return self._bytes

    def close(self) -> None:
        """Stop the threads and drop the cache; a `get` under way raises."""
        with self._changed:
            self._closed = True
            for future in self._pending.values():
                future.cancel()
            self._cache.clear()
            self._bytes = 0
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> FrameLoader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _check(self, frames: Sequence[int], views: Sequence[int]) -> None:
        frame = next((frame for frame in frames if frame not in self._frames), None)
        if frame is not None:
            raise ValueError(f"{self.scene.name}: frame {frame} does not exist; the scene has frames {self.scene.frames[0]} to {self.scene.frames[-1]}")
        view = next((view for view in views if not 0 <= view < len(self.scene.cameras)), None)
        if view is not None:
            raise ValueError(f"{self.scene.name}: view {view} does not exist; the scene has views 0 to {len(self.scene.cameras) - 1}")

    def _require_open(self) -> None:
        if self._closed:
            raise RuntimeError(f"the frame loader of {self.scene.name} is closed")

    def _futures(self, frame: int, views: Sequence[int]) -> list[Future[SourceView]]:
        self._check([frame], views)
        with self._changed:
            self._require_open()
            self._current = frame
            futures = [self._request((frame, view)) for view in views]
            self._changed.notify_all()
        return futures

    def _results(self, frame: int, futures: Sequence[Future[SourceView]]) -> list[SourceView]:
        try:
            return [future.result() for future in futures]
        except CancelledError:
            raise RuntimeError(f"the frame loader of {self.scene.name} was closed while frame {frame} was being read") from None

    def _give_up(self, frame: int, views: Sequence[int], futures: Sequence[Future[SourceView]]) -> None:
        """Begin nothing of what one get waited for alone."""
        with self._changed:
            for key, future in zip(((frame, view) for view in views), futures, strict=True):
                if self._pending.get(key) is not future:
                    continue  # done
                self._awaited[key] -= 1
                if not self._awaited[key]:
                    del self._awaited[key]
                    if key in self._urgent:
                        self._urgent.remove(key)
                        del self._pending[key]

    def _request(self, key: _Key) -> Future[SourceView]:
        """The future of one view, for `get`; the lock is held."""
        future: Future[SourceView] = Future()
        if key in self._cache:
            self._cache.move_to_end(key)
            future.set_result(self._cache[key])
            return future
        if key in self._failed:  # raised once; the next call tries again
            future.set_exception(self._failed.pop(key))
            return future
        self._awaited[key] += 1
        if key not in self._pending:
            self._pending[key] = future
            self._urgent.append(key)
        return self._pending[key]

    def _work(self) -> None:
        """One decoding thread."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._urgent or self._wanted)
                if self._closed:
                    return
                if self._urgent:
                    key = self._urgent.popleft()
                else:
                    key = self._wanted.popleft()
                    if key in self._pending or key in self._cache:
                        continue
                    self._pending[key] = Future()
            view, failure = None, None
            try:
                view = self._decoder.decode(*key)
            except BaseException as error:  # noqa: BLE001 - whatever it is, a get that waits must hear of it
                failure = error
            with self._changed:
                if self._closed:
                    return
                future = self._pending.pop(key)
                if view is not None:
                    self._keep(key, view)
                    future.set_result(view)
                elif failure is not None:
                    if key not in self._awaited:
                        self._failed[key] = failure
                    future.set_exception(failure)
                del self._awaited[key]

    def _keep(self, key: _Key, view: SourceView) -> None:
        """Put a view into the cache and make room; the lock is held."""
        self._cache[key] = view
        self._bytes += _size(view)
        if self._bytes <= self._byte_budget:
            return
        others = [old for old in self._cache if old[0] != self._current and old != key]
        for old in by_need(others, lambda old: old[0], self._coming):
            if self._bytes <= self._byte_budget:
                break
            self._bytes -= _size(self._cache.pop(old))


def most_threads(scene: Scene) -> int:
    """How many threads decode a scene's pictures faster than fewer do: every step of one takes Python's lock for a moment, and small pictures take
    little else. Pictures of 512 x 512 on 16 cores: 430 a second by one thread, 930 by four, 800 by eight, and whoever renders waits for the lock, too."""
    return 8 if max(sensor.width * sensor.height for sensor in scene.sensors) > _SMALL_PX else 4


def _size(view: SourceView) -> int:
    return view.image.nbytes + view.mask.nbytes
