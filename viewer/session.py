"""A session of the viewer: the loop from events to state to request to picture to overlays to panels."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from im4d_core.types import Scene
from viewer import bindings, keymap, panels, path_recording, picking, playback, plugins
from viewer.control import Control
from viewer.effects import Effects
from viewer.events import (
    AskedFor,
    EffectsTaken,
    Event,
    JobEnded,
    JobProgress,
    Notified,
    OpenScene,
    ProbeEncoder,
    RenderFinished,
    Resized,
    SceneOpened,
    Tick,
    Triggered,
)
from viewer.gl import device_name
from viewer.inputs import InputReader, gesture
from viewer.interop import Interop, open_interop
from viewer.keeper import Keeper
from viewer.messages import DisplayBuffer, Estimated, Facts, Failed, JobOver, JobStep, Message, Miniatures, Opened, Stage
from viewer.meter import Meter
from viewer.opening import is_open
from viewer.picture_area import PictureArea
from viewer.preferences import Preferences
from viewer.problems import Problems
from viewer.reduce import reduce
from viewer.request import RenderRequest, is_moving, render_request
from viewer.settings import output_folder
from viewer.start import Start, beginning
from viewer.state import Picture, ViewerState, placed
from viewer.stats import Stats
from viewer.window import Panel, Rectangle, Window
from viewer.wire import state_to_json
from viewer.worker import Opener, RenderWorker, open_scene_renderer

_log = logging.getLogger(__name__)
_LOADING_S = 0.25  # importing torch needs the processor more than the window does
_HEARTBEAT_S = 0.5
_CALM_S = 3.0  # without any event; tooltips and the last figures are drawn by then
_CALM_HEARTBEAT_S = 2.0
_PREFETCHED = 4  # frames asked for ahead of playback


class Session:
    """One window on one scene. `run` returns when the user closes it.

    Args:
        opener: makes the renderer; another one in tests.
    """

    def __init__(self, start: Start, *, opener: Opener = open_scene_renderer) -> None:
        self._events: deque[Event] = deque()
        self._keeper = Keeper(start.settings, lambda text: self.send(Notified(level="warning", text=text)))
        self._settings = self._keeper.settings()
        output = (start.output or output_folder(self._settings.preferences)).absolute()
        self.state = ViewerState(output=output, preferences=self._settings.preferences, picture=Picture(mode=start.mode or "auto"))
        self.first_picture_s: float | None = None
        """Seconds from the start of `run` to the first rendered picture."""
        self._start = start
        self._opener = opener
        self._asked: RenderRequest | None = None
        self._held: frozenset[str] = frozenset()
        self._drawn_s = 0.0
        self._meter = Meter()
        self._began_s = time.monotonic()
        self._stats = Stats()
        self._problems = Problems()
        self._inputs = InputReader()
        self._interop: Interop | None = None
        self._why_upload = ""
        self._told_upload = False
        self._area: PictureArea | None = None
        self._worker: RenderWorker | None = None
        self._effects: Effects | None = None
        self._control: Control | None = None
        own, rejected = plugins.load(start.plugins)
        for wrong in rejected:
            self._problems.add(wrong.text, wrong.details, during="drawing")
            self.send(Notified(level="error", text=wrong.text))
        shown = (*panels.PANELS, *((plugin.title, plugin.draw) for plugin in own))
        self.window = Window(
            title="Im4D Viewer",
            size=start.size or (self._settings.width, self._settings.height),
            panels=tuple(Panel(label=name, draw=self._panel(draw)) for name, draw in shown),
            transport=self._panel(panels.transport.draw),
            transport_height_em=panels.transport.HEIGHT_EM,
            update=self._update,
            background=self._draw_picture,
            overlay=self._draw_overlay,
            failed=self._gui_failed,
            layout_file=None if start.settings is None else start.settings / "layout.ini",
            vsync=self._settings.preferences.vsync,
        )

    @property
    def shown(self) -> DisplayBuffer | None:
        """The picture on the screen."""
        return None if self._area is None else self._area.shown

    def send(self, event: Event) -> None:
        """Put an event behind those that wait; reduced before the next frame."""
        self._events.append(event)

    @property
    def busy(self) -> bool:
        """Whether a picture is being made, or something is loaded."""
        return self._stats.busy or bool(self._stats.loading)

    def run(self) -> None:
        """Show the window until it is closed.

        Raises:
            RuntimeError: no window can be opened.
        """
        self._began_s = time.monotonic()
        self.window.open()
        try:
            self._prepare()
            while not self.window.should_close:
                self.window.wait(self._timeout())
                if self._is_due():
                    self._drawn_s = time.monotonic()
                    self._meter.drew(self._drawn_s)
                    self.window.draw()
        finally:
            self._finish()

    # ---- start and end ------------------------------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self.window.set_ui_scale(self.state.preferences.ui_scale)
        bindings.use(keymap.table(self.state.preferences))
        self.window.draw()  # something to see before anything slow
        on_cpu = self._start.device == "cpu"
        self._interop, self._why_upload = (None, "pictures are rendered on the CPU") if on_cpu else open_interop(self._start.interop)
        self._area = PictureArea(self._interop)
        _log.info("OpenGL: %s; pictures are %s", device_name(), f"uploaded: {self._why_upload}" if self._why_upload else "shared with CUDA")
        self._worker = RenderWorker(
            opener=self._opener,
            device=self._start.device,
            display=device_name(),
            display_device=f"cuda:{self._interop.device}" if self._interop is not None else "",
            shares_memory=False,
            wake=self.window.wake,
        )
        self._share(self.state.preferences.interop)
        self._effects = Effects(self.window, self._worker, self.send, output=lambda: self.state.output, shown=lambda: self.shown)
        self._area.store(self._start.source / "preview.jpg")
        self.window.draw()
        if self._start.control is not None:
            self._control = Control(self._start.control, self.window.wake)
        self._worker.start()
        self._worker.open(self._start.source)

    def _finish(self) -> None:
        """Threads, then what CUDA shares, then OpenGL, then the window."""
        self.window.hide()  # what runs may take a moment to stop
        if self._control is not None:
            self._control.close()
        if self._effects is not None:
            self._end_recording(self._effects)
        self._keeper.write(self.state)  # before that what runs is stopped, which may take a moment
        if self._worker is not None and not self._worker.stop():
            _log.warning("the render thread is still busy; the program ends without it")
        if self._effects is not None:
            self._effects.close()
        bindings.use(bindings.Table())
        if self._area is not None and not self.window.is_fullscreen:
            width, height = self.window.size
            self._keeper.keep_settings(replace(self._settings, width=width, height=height))
        self._keeper.write(self.state)
        for part in (self._area, self._interop):
            if part is not None:
                part.close()
        self.window.close()

    # ---- the loop -----------------------------------------------------------------------------------------------------------------------------

    def _timeout(self) -> float:
        """How long until the next frame, if nothing happens before."""
        if self.window.minimised:
            return _HEARTBEAT_S
        interval = 0.0 if self.window.due else self._interval()
        least = 0.0 if self.window.tested else 1.0 / self.state.preferences.max_fps
        return max(0.0, self._drawn_s + max(interval, least) - time.monotonic())

    def _is_due(self) -> bool:
        return not self.window.minimised and self._timeout() < 1e-3  # sleeping is inexact

    def _interval(self) -> float:
        """Seconds between frames while nothing happens; 0 for as many as there may be."""
        if self.window.tested:
            return 0.0
        if self._worker is not None and self._worker.status:
            return _LOADING_S
        if self._held or any(self.state.navigation.velocity) or is_moving(self.state):
            return 0.0
        if self._effects is not None and self._effects.records:
            return 0.0
        if self._effects is not None and self._effects.waits:
            return _LOADING_S
        calm = time.monotonic() - self.window.touched_s > _CALM_S and not (self.window.text_input or panels.floating.passes(self.state))
        return _CALM_HEARTBEAT_S if calm else _HEARTBEAT_S

    def _update(self) -> None:
        """Everything between the inputs of a frame and its widgets."""
        picture = self.window.picture_rectangle()
        worker, effects = self._worker, self._effects
        if worker is None or effects is None:
            return
        if self.window.take_close_request():
            self.send(Triggered(action="quit"))
        idle = not worker.busy  # asked before its messages are taken: with them, nothing more is to come
        for message in worker.take():
            self._hear(message)
        width, height = picture.pixels[2:]
        if (width, height) != (self.state.width, self.state.height):
            self.send(Resized(width=width, height=height))
        self._held = self._inputs.held(self.window)
        self._events.extendleft([Tick(now_s=time.monotonic(), held=self._held, gesture=gesture())])
        self._events.extend(self._inputs.events(picture, self.state.navigation.mode, capture=self.state.asks_key is not None))
        self._events.extend(effects.events())
        if self._control is not None:
            self._events.extend(self._control.take())
        self._pick(picture)
        before = self.state
        self._reduce()
        if self.state.effects:
            self._run(effects)
            self.window.invalidate()
        if self.state.preferences != before.preferences:
            self._follow(self.state.preferences)
        self._keeper.keep(self.state, time.monotonic())
        if self.state.layout.panels != before.layout.panels:
            self.window.show_panels(self.state.layout.panels)
        if self.state is not before and self.state != replace(before, now_s=self.state.now_s):
            self.window.invalidate(2)  # widgets that follow from the new state
        self._request(worker, width, height)
        if self._control is not None:
            settled = idle and not worker.busy and not is_moving(self.state)
            self._control.answer(lambda: state_to_json(self.state, settled=settled))
        stats = self._meter.stats(worker, picture, self.shown, self.state.scene, time.monotonic())
        if self._area is not None:
            layout, place = self._area.layout(self.state), self._inputs.pointed(picture)
            stats = replace(stats, thumbnails=self._area.thumbnails, compared=layout, pointed=None if place is None else self._area.values(self.state, *place))
        self._stats = stats

    def _reduce(self) -> None:
        while self._events:
            self.state = reduce(self.state, self._events.popleft())

    def _run(self, effects: Effects) -> None:
        """What the state asks for; it leaves the state before it runs, so that nothing is ever tried twice."""
        wanted = self.state.effects
        self.state = reduce(self.state, EffectsTaken(count=len(wanted)))
        effects.run(wanted)

    def _end_recording(self, effects: Effects) -> None:
        """What was recorded becomes a path of the scene that is open, before another one takes its place or the window closes."""
        self.state = path_recording.ended(self.state)
        self._settle(effects)
        self._events.extend(effects.recorded())
        self._reduce()

    def _settle(self, effects: Effects) -> None:
        """Everything that waits is done."""
        while self._events or self.state.effects:
            self._reduce()
            self._run(effects)

    def _follow(self, preferences: Preferences) -> None:
        """Make the window as the user prefers it."""
        self.window.set_vsync(preferences.vsync)
        self.window.set_ui_scale(preferences.ui_scale)
        bindings.use(keymap.table(preferences))
        self._share(preferences.interop)
        self._settings = replace(self._settings, preferences=preferences)
        self._keeper.keep_settings(self._settings)

    def _share(self, wanted: bool) -> None:
        """Whether the next pictures stay on the GPU, or go through host memory."""
        worker, works = self._worker, not self._why_upload
        assert worker is not None
        worker.share_memory(wanted and works)
        self._meter.presenting(device_name(), "interop" if wanted and works else "upload", self._why_upload, can_share=works)

    def _request(self, worker: RenderWorker, width: int, height: int) -> None:
        request = render_request(self.state, width, height)
        if request is None:
            return
        asked, shown = self._asked, self.shown
        settled = asked is not None and asked.moving and not request.moving and not (shown is not None and shown.final and shown.request == request)
        if request != asked or settled:
            worker.submit(request, prefetch=self._coming())
            self._asked = request

    def _coming(self) -> tuple[int, ...]:
        """The frames that playback will need next, nearest first."""
        scene, transport = self.state.scene, self.state.transport
        return () if scene is None else tuple(scene.frames[i] for i in playback.coming(transport, len(scene.frames), _PREFETCHED))

    def _pick(self, picture: Rectangle) -> None:
        """A double-click on a surface of the shown picture moves the pivot there; a click on a camera of the capture goes there."""
        scene, shown = self.state.scene, self.shown
        if scene is None or shown is None or self._area is None:
            return
        layout, picked, clicked = self._area.layout(self.state), self._inputs.picked(picture), self._inputs.clicked(picture)
        if picked is not None:
            self._events.extend(picking.pivot_at(shown, layout, picked))
        if clicked is not None and self.state.overlays.cameras:
            self._events.extend(picking.camera_at(scene, shown, layout, clicked))

    # ---- what the worker says -----------------------------------------------------------------------------------------------------------------

    def _hear(self, message: Message) -> None:
        match message:
            case DisplayBuffer():
                self._show(message)
            case Opened(scene=scene, source=source):
                self._opened(scene, source)
            case Miniatures(frame=frame, pictures=pictures):
                if self._area is not None and self.state.scene is not None:
                    self._area.show_captured(self.state.scene, frame, pictures)
            case Facts():
                self._meter.facts = message
                if message.device.startswith("cuda") and self._why_upload and self._start.interop and not self._told_upload:
                    self._tell_upload(self._why_upload)
            case Estimated(request=request, render_ms=render_ms):
                self.send(RenderFinished(request=request, render_ms=render_ms, shown=False))
            case Failed(text=text, details=details, level="error", during=during, source=source) if details:
                self._problems.add(text, details, during=during, retry=self._retry(during, source))
            case Failed(text=text, level=level):
                self.send(Notified(level=level, text=text))
            case JobStep(job=job, done=done, total=total):
                self.send(JobProgress(job=job, done=done, total=total))
            case JobOver(job=job, file=file, error=error, cancelled=cancelled):
                self.send(JobEnded(job=job, file=file, error=error, cancelled=cancelled))

    def _show(self, buffer: DisplayBuffer) -> None:
        scene = self.state.scene
        if self._area is None or scene is None or buffer.request.frame not in scene.frames:
            return
        try:
            self._area.show(buffer)
        except RuntimeError as error:
            if isinstance(buffer.pixels, np.ndarray):
                raise
            self._lose_interop(error)
            self._area.show(buffer.in_host())
        self._meter.showed(time.monotonic())
        self._problems.resolved("rendering")
        if self.first_picture_s is None:
            self.first_picture_s = time.monotonic() - self._began_s
            _log.info("first picture after %.2f s", self.first_picture_s)
        self.send(RenderFinished(request=buffer.request, render_ms=buffer.render_ms, steady=buffer.steady))

    def _lose_interop(self, error: RuntimeError) -> None:
        """Upload pictures from now on: what worked at the start does no more."""
        if not self._why_upload:
            self._why_upload = f"sharing with CUDA failed ({error})"
            _log.warning("%s", self._why_upload)
            self._share(False)
            self._tell_upload(self._why_upload)

    def _tell_upload(self, reason: str) -> None:
        self._told_upload = True
        self.send(Notified(level="warning", text=f"pictures go through host memory, which takes longer: {reason}"))

    def _opened(self, scene: Scene, source: Path) -> None:
        """Go on in the scene that was read again, or begin in another one where it was left."""
        self._asked = None
        self._problems.resolved("opening")
        effects, area = self._effects, self._area
        assert effects is not None and area is not None
        self._settle(effects)  # it is meant for the scene before
        effects.scene = scene
        self.window.set_title(f"{scene.name} - Im4D Viewer")
        before = self.state.scene
        if before is not None and is_open(self.state, source):
            if (before.frames, len(before.cameras)) != (scene.frames, len(scene.cameras)):
                area.forget()  # what is shown may be no longer there
            self.send(SceneOpened(scene=scene, source=source))
            return
        area.forget()
        self._end_recording(effects)
        self._keeper.write(self.state)  # of the scene before
        start = Start(source=source)
        if before is None:
            export = self.state.export.settings
            self.send(AskedFor(effect=ProbeEncoder(format=export.format, chroma=export.chroma)))
            start = self._start if source == self._start.source else start
        place = None if start.fresh else self._keeper.place(source)
        if place is not None and place.manner.path_saved:
            effects.own(placed(self.state, place.manner.path_file))
        for event in beginning(start, scene, place):
            self.send(event)

    # ---- drawing ------------------------------------------------------------------------------------------------------------------------------

    def _draw_picture(self, picture: Rectangle) -> None:
        if self._area is not None:
            self._area.draw(self.state, picture)

    def _draw_overlay(self) -> None:
        self._panel(panels.floating.draw)()
        self._problems.draw()
        if self._effects is not None:
            self._effects.draw()

    def _retry(self, during: Stage, source: Path | None) -> Callable[[], None] | None:
        """What does again what failed; None where nothing can."""

        def render() -> None:
            self._asked = None

        if source is not None:
            return lambda: self.send(AskedFor(effect=OpenScene(source=source)))
        return render if during == "rendering" else None

    def _panel(self, draw: panels.Draw) -> Callable[[], None]:
        def drawn() -> None:
            events = draw(self.state, self._stats)
            if events:
                self._events.extend(events)
                self.window.invalidate()

        return drawn

    def _gui_failed(self, error: Exception) -> None:
        self._problems.add_exception(error)
