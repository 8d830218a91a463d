"""What messages of the render thread mean to the state, as events. Pure; pictures and scenes, which need the window, are the session's own."""

from __future__ import annotations

from viewer.events import Event, JobEnded, JobProgress, Notified, RenderFinished
from viewer.messages import Estimated, Failed, JobOver, JobStep, Message


def events_of(message: Message) -> tuple[Event, ...]:
    """The events of a message that is nothing but news."""
    match message:
        case Estimated(request=request, render_ms=render_ms):
            return (RenderFinished(request=request, render_ms=render_ms, shown=False),)
        case Failed(text=text, level=level):
            return (Notified(level=level, text=text),)
        case JobStep(job=job, number=number, done=done, total=total):
            return (JobProgress(job=job, number=number, done=done, total=total),)
        case JobOver(job=job, number=number, file=file, error=error, cancelled=cancelled):
            return (JobEnded(job=job, number=number, file=file, error=error, cancelled=cancelled),)
        case _:
            return ()
