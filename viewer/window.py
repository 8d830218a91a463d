"""The window: HelloImGui's, driven by a loop of our own, with GLFW underneath for waiting, held keys, dropped files and wake-ups.

Everything here belongs to the main thread, except `Window.wake`. Importing it needs the X11 and OpenGL libraries.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgui_bundle import hello_imgui, imgui, immapp
from imgui_bundle.glfw_utils import glfw_window_hello_imgui

from viewer.fullscreen import Fullscreen
from viewer.glfw_library import glfw
from viewer.preferences import Theme
from viewer.rectangle import Rectangle
from viewer.side_panels import SidePanels, docked, first_split
from viewer.theme import Sizes, set_shape, set_sizes, set_theme, sizes

_FRAMES_AFTER_EVENT = 3  # hover and opening animations need some frames after the last event
_TAB_EM = 2.4  # where there is no room for all names, tabs shrink to so much, and are scrolled only then
_FRAMES_UNTIL_SCALED = 2  # in the second one HelloImGui scales what it finds, by the density alone
_CLEAR_COLOUR = (0.055, 0.06, 0.07)

Draw = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A dockable window on the right."""

    label: str
    draw: Draw


class NoDisplayError(RuntimeError):
    """No window can be opened here."""


class Window:
    """One window with a picture in the middle, tabs on the right and a bar at the bottom.

    Args:
        panels: the tabs.
        transport: draws the bar at the bottom, which is always there.
        transport_height_em: its height in font sizes.
        update: called first in every frame, when the inputs are known and no widget is drawn.
        background: draws the picture with OpenGL, behind everything else; called with the place that the panels leave free.
        overlay: draws whatever floats above the picture.
        failed: told of exceptions in any of these; the frame goes on without the rest of that part.
        layout_file: where the arrangement of the panels is kept; None keeps nothing.
    """

    def __init__(
        self,
        *,
        title: str,
        size: tuple[int, int],
        panels: tuple[Panel, ...],
        transport: Draw,
        transport_height_em: float,
        update: Draw,
        background: Callable[[Rectangle], None],
        overlay: Draw,
        failed: Callable[[Exception], None],
        layout_file: Path | None,
        vsync: bool = True,
    ) -> None:
        self._dropped: list[Path] = []
        self._close_requested = False
        self._before_swap: list[Draw] = []
        self.params = hello_imgui.RunnerParams()
        self._update = update
        self._background = background
        self._failed = failed
        self._handle: Any = None
        self._frames_due = _FRAMES_AFTER_EVENT
        self.touched_s = time.monotonic()
        """When something happened last: an event of the user or of the window system, or a call of `invalidate` or `wake`."""
        self._open = False
        self._between_frames = False
        self._fullscreen = Fullscreen()
        self._follows_density = False
        self._sizes: Sizes = {}
        self._ui_scale = 1.0
        self._scaled = False
        """Sizes of widgets are what density and `set_ui_scale` ask for."""
        self._side_panels = SidePanels(self.params.docking_params)
        self._configure(title, size, layout_file, vsync)
        callbacks = self.params.callbacks
        callbacks.show_gui = self._guarded(overlay)
        callbacks.post_new_frame = self._guarded(self._begin_frame)
        callbacks.custom_background = self._draw_background
        callbacks.before_swap = self._run_before_swap
        callbacks.confirm_exit = self._confirm_exit
        callbacks.post_init_add_platform_backend_callbacks = self._install_callbacks
        callbacks.setup_imgui_config = _configure_imgui
        options = hello_imgui.EdgeToolbarOptions(size_em=transport_height_em)
        callbacks.add_edge_toolbar(hello_imgui.EdgeToolbarType.bottom, self._guarded(transport), options)
        docking = self.params.docking_params
        docking.docking_splits = [first_split()]
        docking.dockable_windows = [docked(panel.label, self._guarded(panel.draw)) for panel in panels]
        docking.dockable_windows[0].focus_window_at_next_frame = True
        docking.main_dock_space_node_flags = imgui.DockNodeFlags_.passthru_central_node | imgui.DockNodeFlags_.no_docking_over_central_node

    def open(self) -> None:
        """Create the window; the OpenGL context is current on this thread afterwards.

        Raises:
            NoDisplayError: there is no display, or it has no OpenGL 3.3.
        """
        try:
            immapp.manual_render.setup_from_runner_params(self.params)
        except RuntimeError as error:
            raise NoDisplayError(f"no window can be opened on display {os.environ.get('DISPLAY', '(none)')!r}: {error}") from error
        self._open = True
        set_shape()  # not in a callback: HelloImGui applies its own theme after the last of them
        set_theme("dark")
        self._sizes = sizes()  # which one of the first frames scales
        imgui.get_io().config_windows_move_from_title_bar_only = True

    @property
    def should_close(self) -> bool:
        return self.params.app_shall_exit

    @property
    def tested(self) -> bool:
        """Whether the test engine drives the window: it needs frame after frame."""
        return self.params.use_imgui_test_engine

    def request_close(self) -> None:
        self.params.app_shall_exit = True

    def take_close_request(self) -> bool:
        """Whether the user clicked the window's close button since the last call."""
        requested, self._close_requested = self._close_requested, False
        return requested

    def take_dropped(self) -> list[Path]:
        """Files dropped onto the window since the last call."""
        dropped, self._dropped = self._dropped, []
        return dropped

    def before_swap(self, read: Draw) -> None:
        """Call once at the end of this frame, when everything is drawn and nothing is shown yet."""
        self._before_swap.append(read)

    def set_title(self, title: str) -> None:
        glfw.set_window_title(self._handle, title)

    def wake(self) -> None:
        """End `wait` and draw a frame. The only method that other threads may call."""
        self._frames_due = max(self._frames_due, 1)
        self.touched_s = time.monotonic()
        if self._open:
            glfw.post_empty_event()

    def wait(self, timeout_s: float) -> None:
        """Take events; sleep until there is one or the time is over."""
        if timeout_s <= 0:
            glfw.poll_events()
        else:
            glfw.wait_events_timeout(timeout_s)

    @property
    def minimised(self) -> bool:
        return bool(glfw.get_window_attrib(self._handle, glfw.ICONIFIED))

    @property
    def text_input(self) -> bool:
        """Whether a text field has the keyboard: its cursor blinks."""
        return imgui.get_io().want_text_input

    @property
    def focused(self) -> bool:
        return bool(glfw.get_window_attrib(self._handle, glfw.FOCUSED))

    def draw(self) -> None:
        """Draw a frame and show it."""
        self._frames_due = max(self._frames_due - 1, 0)
        self._between_frames = False
        if self._follows_density:
            self._follow_density()
        if not self._scaled and imgui.get_frame_count() >= _FRAMES_UNTIL_SCALED:
            self._scaled = True
            set_sizes(self._sizes, self._density, self._ui_scale)
        immapp.manual_render.render()
        self._between_frames = True

    @property
    def due(self) -> bool:
        """Whether something happened that must be drawn."""
        return self._frames_due > 0

    def invalidate(self, frames: int = _FRAMES_AFTER_EVENT) -> None:
        """Draw the next frames even if nothing happens."""
        self._frames_due = max(self._frames_due, frames)
        self.touched_s = time.monotonic()

    def picture_rectangle(self) -> Rectangle:
        """The part of the window that the panels leave free."""
        io, viewport = imgui.get_io(), imgui.get_main_viewport()
        scale, height = io.display_framebuffer_scale.x or 1.0, io.display_size.y
        density = scale * self._density
        space = self.params.docking_params.dock_space_id_from_name("MainDockSpace")
        node = imgui.internal.dock_builder_get_central_node(space) if space is not None else None
        if node is None:
            return Rectangle(x=0.0, y=0.0, width=io.display_size.x, height=height, scale=scale, density=density, window_height=height)
        x, y = node.pos.x - viewport.pos.x, node.pos.y - viewport.pos.y
        return Rectangle(x=x, y=y, width=node.size.x, height=node.size.y, scale=scale, density=density, window_height=height)

    def show_panels(self, shown: bool) -> None:
        """Show or hide the panels; those that were in front come back in front."""
        for panel in self.params.docking_params.dockable_windows:
            panel.is_visible = shown

    def arrange_panels(self) -> None:
        """Every panel is where it was at the first start."""
        self.params.docking_params.layout_reset = True
        self._side_panels.forget()

    def focus_panel(self, label: str) -> None:
        """Bring a tab to the front.

        Raises:
            ValueError: there is none of this name.
        """
        docking = self.params.docking_params
        if not docking.focus_dockable_window(label):
            raise ValueError(f"there is no panel {label!r}; expected one of {', '.join(panel.label for panel in docking.dockable_windows)}")

    def key_down(self, key: int) -> bool:
        """Whether a key is held, by its place on the keyboard (a GLFW key code)."""
        return glfw.get_key(self._handle, key) == glfw.PRESS

    @property
    def is_fullscreen(self) -> bool:
        return self._fullscreen.is_on

    def toggle_fullscreen(self) -> None:
        """Fill the monitor that most of the window is on, or go back to where it was."""
        self._fullscreen.toggle(self._handle)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as they are asked for: as on a screen of usual density, wherever the window is."""
        width, height = glfw.get_window_size(self._handle)
        return round(width / self._density), round(height / self._density)

    @property
    def framebuffer_size(self) -> tuple[int, int]:
        width, height = glfw.get_framebuffer_size(self._handle)
        return width, height

    def resize(self, width: int, height: int) -> None:
        glfw.set_window_size(self._handle, round(width * self._density), round(height * self._density))

    @property
    def _density(self) -> float:
        """By how much text and widgets are larger than on a screen of usual density, in window units."""
        return self.params.dpi_aware_params.dpi_window_size_factor or 1.0

    def _follow_density(self) -> None:
        """The window came to a monitor of another density: text and widgets become as large as they were on the one before."""
        self._follows_density = False
        content, _ = glfw.get_window_content_scale(self._handle)
        units = glfw.get_framebuffer_size(self._handle)[0] / max(glfw.get_window_size(self._handle)[0], 1)
        density = content / max(units, 1.0)  # where window units are larger on dense monitors, they follow by themselves
        if density == self._density:
            return
        self.params.dpi_aware_params.dpi_window_size_factor = density
        self._scaled = False

    def set_vsync(self, on: bool) -> None:
        """Whether a frame waits for the display."""
        glfw.swap_interval(1 if on else 0)

    def set_ui_scale(self, scale: float) -> None:
        """Size of text and widgets over what the screen asks for."""
        self._scaled = self._scaled and scale == self._ui_scale
        self._ui_scale = scale

    def set_theme(self, theme: Theme) -> None:
        """Colours of panels and of what floats over the picture."""
        set_theme(theme)

    def hide(self) -> None:
        if self._open:
            glfw.hide_window(self._handle)

    def close(self) -> None:
        """Destroy the window; OpenGL objects must have been deleted before."""
        if self._open:
            self._open = False
            if self._between_frames:  # HelloImGui cannot end within a frame; the error that broke it off is on its way up
                immapp.manual_render.tear_down()

    def _configure(self, title: str, size: tuple[int, int], layout_file: Path | None, vsync: bool) -> None:
        params = self.params
        params.app_window_params.window_title = title
        params.app_window_params.window_geometry.size = size
        options = params.renderer_backend_options.open_gl_options
        options.major_version, options.minor_version, options.use_core_profile, options.glsl_version = 3, 3, True, "330"
        options.use_forward_compat = True
        options.anti_aliasing_samples = 0  # lines and widgets smooth their own edges
        params.fps_idling.enable_idling = False  # `wait` does it
        params.fps_idling.vsync_to_monitor = vsync
        params.imgui_window_params.default_imgui_window_type = hello_imgui.DefaultImGuiWindowType.provide_full_screen_dock_space
        params.imgui_window_params.enable_viewports = False
        params.imgui_window_params.tweaked_theme.theme = hello_imgui.ImGuiTheme_.darcula_darker
        params.ini_filename_use_app_window_title = False
        if layout_file is None:
            params.ini_disable = True
        else:
            params.ini_folder_type = hello_imgui.IniFolderType.current_folder
            params.ini_filename = str(layout_file)

    def _install_callbacks(self) -> None:
        """Note that something happened; ImGui's own callbacks are installed after these and call them."""
        self._handle = glfw_window_hello_imgui()

        def touched(*_: object) -> None:
            self.invalidate()

        for install in (
            glfw.set_cursor_pos_callback,
            glfw.set_mouse_button_callback,
            glfw.set_scroll_callback,
            glfw.set_key_callback,
            glfw.set_char_callback,
            glfw.set_cursor_enter_callback,
            glfw.set_window_focus_callback,
            glfw.set_framebuffer_size_callback,
            glfw.set_window_refresh_callback,
            glfw.set_window_iconify_callback,
            glfw.set_window_close_callback,
        ):
            install(self._handle, touched)

        def moved_to_another_monitor(*_: object) -> None:
            self._follows_density = True
            self.invalidate()

        glfw.set_window_content_scale_callback(self._handle, moved_to_another_monitor)
        glfw.set_drop_callback(self._handle, self._drop)  # pyright: ignore[reportArgumentType]

    def _confirm_exit(self) -> bool:
        """The close button only asks; whether to quit is for the state to say."""
        self._close_requested = True
        return False

    def _run_before_swap(self) -> None:
        reads, self._before_swap = self._before_swap, []
        for read in reads:
            read()

    def _drop(self, _: object, names: list[str]) -> None:
        self._dropped.extend(Path(name) for name in names)
        self.invalidate()

    def _begin_frame(self) -> None:
        imgui.get_style().tab_min_width_shrink = _TAB_EM * imgui.get_font_size()  # which is not known before the first frame
        self._side_panels.fit()
        self._update()

    def _draw_background(self) -> None:
        from viewer.gl import clear

        clear(*self.framebuffer_size, _CLEAR_COLOUR)
        try:
            self._background(self.picture_rectangle())
        except Exception as error:  # noqa: BLE001 - an error in one frame must not end the window
            self._failed(error)

    def _guarded(self, draw: Draw) -> Draw:
        """Draw so that an exception leaves ImGui's stacks as they were."""

        def guarded() -> None:
            before = imgui.internal.ErrorRecoveryState()
            imgui.internal.error_recovery_store_state(before)
            try:
                draw()
            except Exception as error:  # noqa: BLE001 - an error in one panel must not end the window
                imgui.internal.error_recovery_try_to_recover_state(before)
                self._failed(error)

        return guarded


def _configure_imgui() -> None:
    hello_imgui.imgui_default_settings.setup_default_imgui_config()
    io = imgui.get_io()
    io.config_flags &= ~imgui.ConfigFlags_.nav_enable_keyboard  # arrows, space and letters belong to the bindings
    io.config_error_recovery_enable_assert = False  # a panel that fails is reported by `_guarded`
    io.config_error_recovery_enable_tooltip = False
