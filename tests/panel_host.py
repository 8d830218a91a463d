"""Panels in windows of their own, clicked and dragged by ImGui's test engine without a display or OpenGL."""

from __future__ import annotations

from collections.abc import Callable

from imgui_bundle import ImVec2, imgui

from viewer import events as e
from viewer.inputs import gesture
from viewer.panels import PANELS, floating, transport
from viewer.reduce import reduce
from viewer.state import ViewerState
from viewer.stats import Stats

ALL = (*PANELS, ("Transport", transport.draw), ("Floating", floating.draw))


class Host:
    """Panels in windows of their own, with state that follows their events."""

    def __init__(self, state: ViewerState, stats: Stats) -> None:
        self.state, self.stats = state, stats
        self.events: list[e.Event] = []

    def draw(self) -> None:
        for i, (name, draw) in enumerate(ALL):
            if name == "Floating":
                self.take(draw(self.state, self.stats))
                continue
            bar = name == "Transport"
            imgui.set_next_window_pos(ImVec2(0.0 if bar else 10.0 + 30 * i, 640.0 if bar else 10.0), imgui.Cond_.once)
            imgui.set_next_window_size(ImVec2(1200.0 if bar else 340.0, 150.0 if bar else 620.0), imgui.Cond_.once)
            imgui.begin(name)
            self.take(draw(self.state, self.stats))
            imgui.end()

    def take(self, events: list[e.Event]) -> None:
        self.events += events
        if events:
            self.state = reduce(self.state, e.Tick(now_s=self.state.now_s, gesture=gesture()))
        for event in events:
            self.state = reduce(self.state, event)


def run(host: Host, steps: Callable[[imgui.test_engine.TestContext], None]) -> None:
    """Let the test engine play the steps, without window or OpenGL."""
    from imgui_bundle import hello_imgui
    from imgui_bundle.immapp import testing

    outcome: list[BaseException | None] = []

    def played(ctx: imgui.test_engine.TestContext) -> None:
        try:
            steps(ctx)
            outcome.append(AssertionError("the test engine could not do a step; its log is above") if ctx.is_error() else None)
        except BaseException as error:  # noqa: BLE001 - raised again below, outside the engine's own stack
            outcome.append(error)

    params = hello_imgui.RunnerParams()
    params.platform_backend_type = hello_imgui.PlatformBackendType.null
    params.renderer_backend_type = hello_imgui.RendererBackendType.null
    params.app_window_params.window_geometry.size = (1240, 820)
    params.ini_disable = True
    params.callbacks.post_init = promise_textures
    params.callbacks.show_gui = host.draw
    try:
        testing.run(None, played, runner_params=params)
    except RuntimeError as error:
        if "DestroyContext" not in str(error):  # the null backends take engine and context down in the wrong order, after all is done
            raise
        imgui.destroy_context(imgui.get_current_context())
    assert outcome, "the steps did not run"
    if outcome[0] is not None:
        raise outcome[0]


def promise_textures() -> None:
    imgui.get_io().backend_flags |= imgui.BackendFlags_.renderer_has_textures
