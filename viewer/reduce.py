"""`reduce`: how each event changes the state. Pure and total: an event that makes no sense now changes nothing."""

from __future__ import annotations

from dataclasses import replace

from viewer.events import EffectsTaken, Event, Resized, Tick
from viewer.state import ViewerState


def reduce(state: ViewerState, event: Event) -> ViewerState:
    """The state after an event."""
    match event:
        case Tick(now_s=now_s):
            return replace(state, now_s=now_s)
        case Resized(width=width, height=height):
            return replace(state, width=width, height=height)
        case EffectsTaken(count=count):
            return replace(state, effects=state.effects[count:])
        case _:
            return state
