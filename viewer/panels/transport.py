"""The bar at the bottom that is always visible: play, step, speed, loop, where we are, fast or full; and the timeline."""

from __future__ import annotations

from imgui_bundle import icons_fontawesome_4 as icons
from imgui_bundle import imgui

from viewer import bindings, playback
from viewer.events import Event, SetBetween, SetEveryFrame, SetFps, SetLoop, SetMode, SetSpeed
from viewer.panels import modes, timeline, undo
from viewer.panels.widgets import action, button, em, icon, muted, seconds, tooltip
from viewer.state import MODES, ViewerState, shown_index, shown_onward
from viewer.stats import Stats
from viewer.theme import palette
from viewer.transport import LOOPS

_MODE_EM, _MODE_GAP_EM, _MODES_EM = 3.6, 0.25, 5.0
_GAP_EM = 0.8
HEIGHT_EM = 7.05
_UNDO_FROM_EM = 50.0
"""Width of a window with room for them; in a narrow one the other buttons need it more."""
_DOT_EM = 0.3
_SPEEDS = (-1.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
_LOOP_TEXT = {"once": "once", "loop": "loop", "ping-pong": "ping-pong"}


def draw(state: ViewerState, stats: Stats) -> list[Event]:
    events = _buttons(state)
    imgui.same_line(0.0, em(1.0))
    roomy, records = imgui.get_window_width() > em(_UNDO_FROM_EM), state.live_since_s is not None
    if roomy:
        events += undo.draw_undo(state, f"{icon(icons.ICON_FA_UNDO, 'Undo')}###undo", em(2.2))
        imgui.same_line(0.0, em(0.25))
        events += undo.draw_redo(state, f"{icon(icons.ICON_FA_REDO, 'Redo')}###redo", em(2.2))
        imgui.same_line(0.0, em(1.0))
    events += _clock(state, moments=roomy or not records)
    imgui.same_line(0.0, em(_GAP_EM))
    buttons = len(MODES) * em(_MODE_EM) + (len(MODES) - 1) * em(_MODE_GAP_EM)
    narrow = imgui.get_content_region_avail().x < buttons + em(4.5)  # a number of a frame should find its place, too
    width = em(_MODES_EM) if narrow else buttons
    (_recording if records else _position)(state, imgui.get_content_region_avail().x - width)
    imgui.same_line(0.0, 0.0)
    room = imgui.get_content_region_avail().x
    if room > width:
        imgui.set_cursor_pos_x(imgui.get_cursor_pos_x() + room - width)
    events += _mode_list(state) if narrow else _mode_buttons(state)
    return events + timeline.draw(state, stats)


def _buttons(state: ViewerState) -> list[Event]:
    ready, transport, events = state.scene is not None, state.transport, []
    play_icon = icon(icons.ICON_FA_PAUSE, "Pause") if transport.playing else icon(icons.ICON_FA_PLAY, "Play")
    rows = (
        (icon(icons.ICON_FA_FAST_BACKWARD, "|<"), "frame_first", 2.2),
        (icon(icons.ICON_FA_STEP_BACKWARD, "<"), "frame_back", 2.2),
        (play_icon, "play", 3.4),
        (icon(icons.ICON_FA_STEP_FORWARD, ">"), "frame_forward", 2.2),
        (icon(icons.ICON_FA_FAST_FORWARD, ">|"), "frame_last", 2.2),
    )
    for i, (label, name, width) in enumerate(rows):
        if i:
            imgui.same_line(0.0, em(0.25))
        events += action(f"{label}###{name}", name, width=em(width), on=name == "play" and transport.playing, enabled=ready)
    return events


def _clock(state: ViewerState, *, moments: bool) -> list[Event]:
    """How the scene plays; `moments`: with the buttons that say which moments are shown."""
    transport, events = state.transport, []
    imgui.set_next_item_width(em(6.4))
    changed, at = imgui.combo("##loop_mode", LOOPS.index(transport.loop), [_LOOP_TEXT[loop] for loop in LOOPS])
    tooltip(bindings.keyed("What happens at the last frame", "loop_next"))
    if changed:
        events.append(SetLoop(loop=LOOPS[at]))
    imgui.same_line(0.0, em(0.4))
    speeds = _SPEEDS if transport.speed in _SPEEDS else (*_SPEEDS, transport.speed)
    imgui.set_next_item_width(em(4.6))
    changed, at = imgui.combo("##speed", speeds.index(transport.speed), [f"{speed:g} x" for speed in speeds])
    tooltip("Speed; -1 x plays backwards")
    if changed:
        events.append(SetSpeed(speed=speeds[at]))
    imgui.same_line(0.0, em(0.4))
    imgui.set_next_item_width(em(4.6))
    changed, fps = imgui.drag_float("##fps", transport.fps, 0.1, 1.0, 120.0, "%.4g fps")
    tooltip("Frames of the scene per second: drag, or double-click to type")
    if changed:
        events.append(SetFps(fps=fps))
    if not moments:
        return events
    imgui.same_line(0.0, em(0.4))
    why = "On: every frame is shown, however long it takes. Off: playback keeps to the clock and leaves frames out where pictures are slow"
    if button("All##every_frame", width=em(2.6), on=transport.every_frame, why=why):
        events.append(SetEveryFrame(on=not transport.every_frame))
    imgui.same_line(0.0, em(0.25))
    why = bindings.keyed("On: moments between frames are interpolated, for slow motion. Off: each moment shows a frame", "between")
    if button("½##between", width=em(2.6), on=transport.between, why=why):
        events.append(SetBetween(on=not transport.between))
    return events


def _position(state: ViewerState, room: float) -> None:
    """Where the scene is, in as many words as there is room for."""
    imgui.align_text_to_frame_padding()
    if state.scene is None:
        muted("no scene")
        return
    index, fps, onward = shown_index(state), state.transport.fps, shown_onward(state)
    frame = f"frame {state.frame}"
    room -= imgui.calc_text_size(frame).x + em(_GAP_EM)
    if room < 0.0:
        return  # in a narrow window the renderers need the place more, and the ruler tells the frame
    imgui.text_unformatted(frame)
    if onward > 0.0:
        imgui.same_line(0.0, em(0.3))
        imgui.text_colored(imgui.ImVec4(*palette().warning), f"+ {onward:.2f}")
        tooltip("Between this frame and the next one: interpolated")
        room -= imgui.get_item_rect_size().x + em(0.3)
    for text in (f"{index + 1} / {len(state.scene.frames)}", f"{index / fps:.2f} s    {playback.timecode(index, fps)}"):
        room -= imgui.calc_text_size(text).x + em(_GAP_EM)
        if room < 0.0:
            return
        imgui.same_line(0.0, em(_GAP_EM))
        muted(text)
    tooltip("minutes:seconds:frames")


def _recording(state: ViewerState, room: float) -> None:
    """That the screen is recorded, in as many words as there is room for. It stands here since the bar is always there and is not in the recording."""
    assert state.live_since_s is not None
    lasts, stops = seconds(state.now_s - state.live_since_s), _stopping()
    texts = (f"recording {lasts}{stops}", f"{lasts}{stops}", lasts)
    text = next((text for text in texts if imgui.calc_text_size(text).x + em(3 * _DOT_EM) <= room), texts[-1])
    red = imgui.ImVec4(*palette().error)
    imgui.align_text_to_frame_padding()
    corner = imgui.get_cursor_screen_pos()
    middle = imgui.ImVec2(corner.x + em(_DOT_EM), corner.y + 0.5 * imgui.get_frame_height())
    imgui.get_window_draw_list().add_circle_filled(middle, em(_DOT_EM), imgui.color_convert_float4_to_u32(red))
    imgui.dummy(imgui.ImVec2(em(2 * _DOT_EM), 0.0))
    imgui.same_line(0.0, em(_DOT_EM))
    imgui.text_colored(red, text)
    tooltip("The screen is recorded: the picture area with what lies over it, but neither panels nor this bar")


def _stopping() -> str:
    chord = bindings.hint("live")
    return f" · {chord} stops" if chord else ""


def _mode_buttons(state: ViewerState) -> list[Event]:
    events: list[Event] = []
    for i, mode in enumerate(MODES):
        if i:
            imgui.same_line(0.0, em(_MODE_GAP_EM))
        if button(f"{mode.capitalize()}##transport_{mode}", width=em(_MODE_EM), on=state.picture.mode == mode, why=modes.why(mode)):
            events.append(SetMode(mode=mode))
    return events


def _mode_list(state: ViewerState) -> list[Event]:
    """The same where there is no room for buttons."""
    imgui.set_next_item_width(em(_MODES_EM))
    changed, at = imgui.combo("##transport_modes", MODES.index(state.picture.mode), [mode.capitalize() for mode in MODES])
    tooltip(modes.why(state.picture.mode))
    return [SetMode(mode=MODES[at])] if changed else []
