"""Steer a viewer that runs from a program: the same events that its window uses, and its state as plain values. Needs nothing but Python and this folder.

python app.py RUN --control

from viewer import events as e
from viewer.remote import connect

with connect() as viewer:
    viewer.send(e.JumpToCamera(view=3))
    viewer.send(e.SetMode(mode="full"))
    for index in range(0, 30, 10):
        viewer.send(e.SetFrame(index=index))
        viewer.screenshot(f"pictures/{index:03d}.png")
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from im4d_core.export_settings import ExportSettings
from viewer.events import LoadPath, OpenScene, SetExport, TakeScreenshot, TextPasted, Triggered
from viewer.settings import settings_folder
from viewer.wire import Sendable, event_to_json

_POLL_S = 0.05
State = dict[str, Any]


def control_file() -> Path:
    """Where the newest window that was started with --control says how it is reached."""
    return settings_folder() / "control.json"


def connect(file: Path | None = None) -> Remote:
    """A connection to the newest window that was started with --control, or to the one of a file.

    Raises:
        FileNotFoundError: there is none.
        ConnectionError: it is gone.
        ValueError: the file is not of a viewer, or its token is not the window's.
    """
    file = file or control_file()
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; start a viewer with --control first")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        port, token = int(content["port"]), str(content["token"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file}: expected port and token as the viewer writes them ({error}); start the viewer again") from error
    return Remote(port, token)


class Remote:
    """A viewer that runs. Every call returns when the window has done it, and raises ValueError with the window's words where it would not.

    Args:
        timeout_s: how long the window may take to answer.
    """

    def __init__(self, port: int, token: str, *, timeout_s: float = 30.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._lines = self._socket.makefile("rb")
        try:
            self._exchange({"token": token})
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """The viewer goes on."""
        self._lines.close()
        self._socket.close()

    def state(self) -> State:
        """What the window shows and does now."""
        return self._exchange({})["state"]

    def send(self, event: Sendable) -> State:
        """Let something happen in the window, as if a hand had done it; returns the state that came of it."""
        return self._exchange(event_to_json(event))["state"]

    def act(self, action: str) -> State:
        """Do what a key or a button does, by the name of its action in `viewer.bindings`, such as "play" or "frame_scene"."""
        return self.send(Triggered(action=action))

    def look(self, camera: dict[str, Any]) -> State:
        """Go to a camera as `state()["camera"]` tells it: a camera path of one key."""
        return self.send(TextPasted(text=json.dumps(camera)))

    def wait(self, timeout_s: float = 60.0) -> State:
        """Wait until nothing moves and the best picture of the view is on the screen."""
        return self._until(lambda state: state["settled"], self.state(), timeout_s, "the picture to settle")

    def screenshot(self, file: Path | str, *, window: bool = False, timeout_s: float = 60.0) -> Path:
        """Save the picture once it is the best one (while something plays: the one there is), or the whole window; writes over an existing file."""
        target = Path(file).absolute()
        before = self.state()
        if not (before["playing"] or before["path"]["playing"]):
            before = self.wait(timeout_s)
        self.send(TakeScreenshot(window=window, file=target))
        self._until(lambda state: any(notice["file"] == str(target) for notice in _news(before, state)), before, timeout_s, f"{target} to be saved")
        return target

    def open(self, source: Path | str, timeout_s: float = 60.0) -> State:
        """Open a run or an exported scene."""
        folder = Path(source).absolute()
        before = self.state()
        self.send(OpenScene(source=folder))
        return self._until(lambda state: state["source"] == str(folder) and state["settled"], before, timeout_s, f"{folder} to open")

    def load_path(self, file: Path | str, timeout_s: float = 10.0) -> State:
        """Load a camera path."""
        target = Path(file).absolute()
        before = self.state()
        self.send(LoadPath(file=target))
        return self._until(lambda state: state["path"]["file"] == str(target) and _news(before, state), before, timeout_s, f"{target} to be loaded")

    def export(self, settings: ExportSettings, timeout_s: float = 3600.0) -> Path:
        """Make the camera path a video or a folder of pictures, and wait for it."""
        return self.exported(self.queue_export(settings), timeout_s)

    def queue_export(self, settings: ExportSettings, timeout_s: float = 10.0) -> int:
        """Ask for the camera path as it is now, made after the exports that wait already; the number of this one, for `exported` and `RemoveExport`."""
        target = str(Path(settings.file).absolute())
        before = self.send(SetExport(settings=replace(settings, file=target)))
        known = {export["number"] for export in before["export"]["queue"]}
        self.act("export_start")

        def came(state: State) -> list[int]:
            return [export["number"] for export in state["export"]["queue"] if export["number"] not in known]

        after = self._until(lambda state: came(state) or state["question"], before, timeout_s, f"{target} to be queued")
        if not came(after):  # a file of another origin is there; nobody is asked behind a program's back
            self.act("decline")
            raise ValueError(after["question"])
        return came(after)[0]

    def exported(self, number: int, timeout_s: float = 3600.0) -> Path:
        """Wait until an export of the queue is done, whatever becomes of the others.

        Raises:
            ValueError: it failed, in the window's words, or is not in the queue.
            TimeoutError: it took too long.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            export = next((export for export in self.state()["export"]["queue"] if export["number"] == number), None)
            if export is None:
                raise ValueError(f"export {number} is not in the queue: it was cancelled or removed")
            if export["state"] == "failed":
                raise ValueError(export["error"])
            if export["state"] == "done":
                return Path(export["file"])
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {timeout_s:g} s in vain for {export['file']} to be exported")
            time.sleep(_POLL_S)

    def _until(self, reached: Callable[[State], object], before: State, timeout_s: float, what: str) -> State:
        """The first state that something holds of.

        Raises:
            ValueError: the window reported an error or a warning since the state before.
            TimeoutError: it took too long.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            state = self.state()
            bad = next((notice["text"] for notice in _news(before, state) if notice["level"] != "info"), None)
            if bad is not None:
                raise ValueError(bad)
            if reached(state):
                return state
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {timeout_s:g} s in vain for {what}")
            time.sleep(_POLL_S)

    def _exchange(self, message: dict[str, Any]) -> dict[str, Any]:
        self._socket.sendall(json.dumps(message).encode() + b"\n")
        line = self._lines.readline()
        if not line:
            raise ConnectionError("the viewer closed the connection")
        answer = json.loads(line)
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer


def _news(before: State, after: State) -> list[dict[str, Any]]:
    """Notices that are new, or were raised once more."""
    known = {(notice["id"], notice["count"]) for notice in before["notices"]}
    return [notice for notice in after["notices"] if (notice["id"], notice["count"]) not in known]
