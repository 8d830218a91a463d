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
from viewer import bindings, keymap, panels, path_recording, picking, plugins
from viewer.answers import events_of
from viewer.asking import Asking
from viewer.control import Control
from viewer.effects import Effects
from viewer.events import (
    AskedFor,
    EffectsTaken,
    Event,
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
from viewer.inputs import InputReader
from viewer.keeper import Keeper
from viewer.messages import DisplayBuffer, Facts, Failed, Message, Miniatures, Opened, Stage
from viewer.meter import Meter
from viewer.opening import is_open
from viewer.pace import Pace
from viewer.picture_area import PictureArea
from viewer.preferences import Preferences
from viewer.problems import Problems
from viewer.rectangle import Rectangle
from viewer.reduce import reduce
from viewer.request import is_moving
from viewer.resolution import SettledSize
from viewer.settings import output_folder
from viewer.sharing import Sharing
from viewer.start import Start, beginning, preferred
from viewer.state import Picture, ViewerState
from viewer.stats import Stats
from viewer.window import Panel, Window
from viewer.wire import state_to_json
from viewer.worker import Opener, RenderWorker, open_scene_renderer

_log = logging.getLogger(__name__)


class Session:
    """One window on one scene. `run` returns when the user closes it.

    Args:
        opener: makes the renderer; another one in tests.
    """

    def __init__(self, start: Start, *, opener: Opener = open_scene_renderer) -> None:
        self._events: deque[Event] = deque()
        self._keeper = Keeper(start.settings, self._warn)
        settings = self._keeper.settings()
        self._settings = replace(settings, preferences=preferred(start, settings.preferences))
        output = (start.output or output_folder(self._settings.preferences)).absolute()
        self.state = ViewerState(output=output, preferences=self._settings.preferences, picture=Picture(mode=start.mode or "auto"))
        self.first_picture_s: float | None = None
        """Seconds from the start of `run` to the first rendered picture."""
        self._start = start
        self._opener = opener
        self._asking = Asking()
        self._held: frozenset[str] = frozenset()
        self._meter = Meter()
        self._began_s = time.monotonic()
        self._stats = Stats()
        self._drawn: set[str] = set()
        """Panels that the frame before this one has drawn."""
        self._problems = Problems()
        self._inputs = InputReader()
        self._size = SettledSize()
        self._sharing: Sharing | None = None
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
            panels=tuple(Panel(label=name, draw=self._panel(draw, name)) for name, draw in shown),
            transport=self._panel(panels.transport.draw),
            transport_height_em=panels.transport.HEIGHT_EM,
            update=self._update,
            background=self._draw_picture,
            overlay=self._draw_overlay,
            failed=self._gui_failed,
            layout_file=None if start.settings is None else start.settings / "layout.ini",
            vsync=self._settings.preferences.vsync,
        )
        self._pace = Pace(self.window)

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
                    now_s = time.monotonic()
                    self._pace.drew(now_s)
                    self._meter.drew(now_s)
                    self.window.draw()
                    self._meter.swapped(time.monotonic())
        finally:
            self._finish()

    def _warn(self, text: str) -> None:
        self.send(Notified(level="warning", text=text))

    # ---- start and end ------------------------------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self.window.set_ui_scale(self.state.preferences.ui_scale)
        self.window.set_theme(self.state.preferences.theme)
        bindings.use(keymap.table(self.state.preferences))
        self.window.draw()  # something to see before anything slow
        sharing = Sharing(wanted=self._start.interop, device=self._start.device, meter=self._meter, tell=self._warn)
        self._sharing = sharing
        self._area = PictureArea(sharing.interop)
        self._worker = RenderWorker(
            opener=self._opener,
            device=self._start.device,
            display=device_name(),
            display_device=sharing.display_device,
            shares_memory=False,
            wake=self.window.wake,
        )
        sharing.switch(self._worker, self.state.preferences.interop)
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
        for part in (self._area, self._sharing):
            if part is not None:
                part.close()
        self.window.close()

    # ---- the loop -----------------------------------------------------------------------------------------------------------------------------

    def _timeout(self) -> float:
        """How long until the next frame, if nothing happens before."""
        worker, effects = self._worker, self._effects
        moves = bool(self._held) or any(self.state.navigation.velocity) or is_moving(self.state) or self._size.waits
        moves = moves or (effects is not None and effects.records)
        loading, waits = worker is not None and bool(worker.status), effects is not None and effects.waits
        return self._pace.timeout_s(self.state, loading=loading, moves=moves, waits=waits)

    def _is_due(self) -> bool:
        return not self.window.minimised and self._timeout() < 1e-3  # sleeping is inexact

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
        width, height = self._size.follow(picture.pixels[2:], time.monotonic(), shown=self.shown is not None)
        if (width, height) != (self.state.width, self.state.height):
            self.send(Resized(width=width, height=height))
        self._held = self._inputs.held(self.window)
        self._events.extendleft([Tick(now_s=time.monotonic(), held=self._held, gesture=self._inputs.gesture)])
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
        self._asking.ask(worker, self.state, width, height, self.shown, self._meter.drawn_s)
        if self._control is not None:
            settled = idle and not worker.busy and not effects.reads and not is_moving(self.state)
            self._control.answer(lambda: state_to_json(self.state, settled=settled))
        stats = self._meter.stats(worker, picture, self.shown, self.state.scene, time.monotonic())
        if self._area is not None:
            layout, place = self._area.layout(self.state), self._inputs.pointed(picture)
            stats = replace(stats, thumbnails=self._area.thumbnails, compared=layout, pointed=None if place is None else self._area.values(self.state, *place))
        self._stats = replace(stats, front=frozenset(self._drawn))
        self._drawn.clear()

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
        self.window.set_theme(preferences.theme)
        bindings.use(keymap.table(preferences))
        assert self._sharing is not None and self._worker is not None
        self._sharing.switch(self._worker, preferences.interop)
        self._settings = replace(self._settings, preferences=preferences)
        self._keeper.keep_settings(self._settings)

    def _pick(self, picture: Rectangle) -> None:
        """A click on a camera of the capture selects it, a double-click goes there; one on a surface moves the pivot there."""
        scene, shown = self.state.scene, self.shown
        if scene is None or shown is None or self._area is None:
            return
        picked, clicked, layout = self._inputs.picked(picture), self._inputs.clicked(picture), self._area.layout(self.state)
        cameras = scene if self.state.overlays.cameras else None
        if picked is not None:
            self._events.extend(picking.double_clicked(cameras, shown, layout, picked))
        elif clicked is not None:
            self._events.extend(picking.clicked(cameras, shown, layout, clicked))

    # ---- what the worker says -----------------------------------------------------------------------------------------------------------------

    def _hear(self, message: Message) -> None:
        match message:
            case DisplayBuffer():
                self._show(message)
            case Opened(scene=scene, source=source, device=device):
                self._opened(scene, source, device)
            case Miniatures(frame=frame, pictures=pictures):
                if self._area is not None and self.state.scene is not None:
                    self._area.show_captured(self.state.scene, frame, pictures)
            case Facts():
                self._meter.facts = message
                if self._sharing is not None:
                    self._sharing.rendered_on(message)
            case Failed(text=text, details=details, level="error", during=during, source=source) if details:
                self._problems.add(text, details, during=during, retry=self._retry(during, source))
            case _:
                self._events.extend(events_of(message))

    def _show(self, buffer: DisplayBuffer) -> None:
        scene = self.state.scene
        worker, sharing = self._worker, self._sharing
        if self._area is None or worker is None or sharing is None or scene is None or buffer.request.frame not in scene.frames:
            return
        try:
            self._area.show(buffer)
        except RuntimeError as error:
            if isinstance(buffer.pixels, np.ndarray):
                raise
            sharing.lose(worker, error)
            self._area.show(buffer.in_host())
        self._meter.showed(buffer, time.monotonic())
        self._problems.resolved("rendering")
        if self.first_picture_s is None:
            self.first_picture_s = time.monotonic() - self._began_s
            _log.info("first picture after %.2f s", self.first_picture_s)
            export = self.state.export.settings  # encoders are tried now, since that takes a core from the first picture
            chosen, on_gpu = ProbeEncoder(format=export.format, chroma=export.chroma), ProbeEncoder(format="h264_nvenc", chroma="420")
            for probe in {chosen, on_gpu}:  # that a GPU has none is told before it is chosen
                self.send(AskedFor(effect=probe))
        self.send(RenderFinished(request=buffer.request, render_ms=buffer.render_ms, steady=buffer.steady))

    def _opened(self, scene: Scene, source: Path, device: str) -> None:
        """Go on in the scene that was read again, or begin in another one where it was left."""
        self._asking.again()
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
            self.send(SceneOpened(scene=scene, source=source, device=device))
            return
        area.forget()
        effects.forget_scene()
        self._end_recording(effects)
        self._keeper.write(self.state)  # of the scene before
        start = Start(source=source)
        if before is None:
            start = self._start if source == self._start.source else start
        place = None if start.fresh else self._keeper.place(source)
        for event in beginning(start, scene, device, place):
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
        if source is not None:
            return lambda: self.send(AskedFor(effect=OpenScene(source=source)))
        return self._asking.again if during == "rendering" else None

    def _panel(self, draw: panels.Draw, name: str = "") -> Callable[[], None]:
        def drawn() -> None:
            self._drawn.add(name)
            events = draw(self.state, self._stats)
            if events:
                self._events.extend(events)
                self.window.invalidate()

        return drawn

    def _gui_failed(self, error: Exception) -> None:
        self._problems.add_exception(error)
