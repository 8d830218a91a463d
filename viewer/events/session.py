"""From the Display and Keys panels and the session itself: preferences, keys of the user's own, where a scene was left."""

from __future__ import annotations

from dataclasses import dataclass

from viewer.memory import Place
from viewer.preferences import Preferences


@dataclass(frozen=True, kw_only=True)
class SetPreferences:
    """Brought into their ranges."""

    preferences: Preferences


@dataclass(frozen=True, kw_only=True)
class AskForKey:
    """The next key that is pressed is to mean this action; None: never mind."""

    action: str | None


@dataclass(frozen=True, kw_only=True)
class KeyCaptured:
    """The key that was asked for."""

    chord: str


@dataclass(frozen=True, kw_only=True)
class Restored:
    """The scene that was opened had been open before."""

    place: Place
    view: bool = True
    """The camera goes there too."""


SessionEvent = SetPreferences | AskForKey | KeyCaptured | Restored
