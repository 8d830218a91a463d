"""What changes with the user's preferences: the window's manners, presets, keys of their own. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from viewer import events as e
from viewer import keymap
from viewer.changes import notified
from viewer.preferences import Preferences, clamped
from viewer.restoring import restored
from viewer.settings import output_folder
from viewer.state import ViewerState


def with_preferences(state: ViewerState, preferences: Preferences) -> ViewerState:
    """Another output folder is in use at once; one that was named for this session only stays until then."""
    changed = replace(state, preferences=clamped(preferences))
    return changed if preferences.output == state.preferences.output else replace(changed, output=output_folder(preferences))


def _ask_for_key(state: ViewerState, event: e.AskForKey) -> ViewerState:
    known = {key.action for key in keymap.table(state.preferences).keys if keymap.can_change(key)}
    return replace(state, asks_key=event.action if event.action in known else None)


def _key_captured(state: ViewerState, event: e.KeyCaptured) -> ViewerState:
    """The action that asked gets the key; Escape leaves everything as it was."""
    action = state.asks_key
    state = replace(state, asks_key=None)
    if action is None or event.chord.rsplit("+", 1)[-1] == "Escape":
        return state
    preferences, losers = keymap.rebound(state.preferences, action, event.chord)
    state = with_preferences(state, preferences)
    if not losers:
        return state
    helps = {key.action: key.help for key in keymap.table(preferences).keys}
    return notified(state, "info", f"{event.chord} no longer means: {'; '.join(helps[loser] for loser in losers)}")


REDUCERS: dict[type, Callable[..., ViewerState]] = {
    e.SetPreferences: lambda state, event: with_preferences(state, event.preferences),
    e.AskForKey: _ask_for_key,
    e.KeyCaptured: _key_captured,
    e.Restored: lambda state, event: restored(state, event.place, view=event.view),
}
