"""Programs that steer the window: who gets in, what bad messages do, and a real window that is driven through its door."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
from driver import Driver, beside
from stand_in import StandIn

from im4d_core.export_settings import ExportSettings
from im4d_core.path_files import path_from_json
from viewer import events as e
from viewer.control import Control
from viewer.remote import Remote, connect
from viewer.wire import LONGEST


class Door:
    """The server with somebody behind it who answers at once, as the window does between two frames."""

    def __init__(self, file: Path) -> None:
        self.heard: list[e.Event] = []
        self.control = Control(file, self._wake)

    def _wake(self) -> None:
        self.heard += self.control.take()
        self.control.answer(lambda: {"heard": len(self.heard)})


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    made = Door(tmp_path / "settings" / "control.json")
    yield made
    made.control.close()


def _said(file: Path) -> dict[str, Any]:
    return json.loads((file).read_text())


def _talk(port: int, *lines: bytes) -> list[dict[str, Any]]:
    """Send raw bytes and read every answer until the connection ends or is quiet."""
    with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
        answers = b""
        try:
            for line in lines:
                connection.sendall(line)
            while received := connection.recv(1 << 16):
                answers += received
        except (TimeoutError, ConnectionError):
            pass
    return [json.loads(line) for line in answers.splitlines()]


def test_the_file_is_the_users_own_and_goes_with_the_window(door: Door, tmp_path: Path) -> None:
    file = tmp_path / "settings" / "control.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(_said(file)["token"]) >= 40
    assert _said(file)["process"] == os.getpid()
    assert [other.name for other in file.parent.iterdir()] == ["control.json"]  # nothing half-written beside it


def test_it_listens_on_this_machine_only(door: Door) -> None:
    assert door.control._socket.getsockname()[0] == "127.0.0.1"


def test_another_windows_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "control.json"
    first, second = Control(file, lambda: None), Control(file, lambda: None)
    first.close()
    assert file.exists(), "the newest window is still there"
    second.close()
    assert not file.exists()


def test_events_arrive_and_are_answered(door: Door, tmp_path: Path) -> None:
    with connect(tmp_path / "settings" / "control.json") as viewer:
        assert viewer.send(e.SetFrame(index=3)) == {"heard": 1}
        assert viewer.act("play") == {"heard": 2}
        assert viewer.state() == {"heard": 2}
    assert door.heard == [e.SetFrame(index=3), e.Triggered(action="play")]


@pytest.mark.parametrize("hello", [b'{"token": "guessed"}\n', b'{"token": 7}\n', b"{}\n", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\n", b"\xff\n"])
def test_without_the_token_nothing_gets_in(door: Door, tmp_path: Path, hello: bytes) -> None:
    port = _said(tmp_path / "settings" / "control.json")["port"]
    answers = _talk(port, hello, b'{"event": "SetFrame", "values": {"index": 3}}\n')
    assert len(answers) == 1  # and closed
    assert "error" in answers[0]
    assert door.heard == []
    with pytest.raises(ValueError, match="wrong token"):
        Remote(port, "guessed")


def test_what_is_malformed_is_refused_and_the_connection_goes_on(door: Door, tmp_path: Path) -> None:
    said = _said(tmp_path / "settings" / "control.json")
    hello = json.dumps({"token": said["token"]}).encode() + b"\n"
    answers = _talk(
        said["port"], hello, b"nonsense\n", b'{"event": "SetFrame", "values": {"index": "x"}}\n', b'{"event": "SetFrame", "values": {"index": 2}}\n'
    )
    assert answers[0] == {}
    assert "not a line of JSON" in answers[1]["error"]
    assert "index must be int" in answers[2]["error"]
    assert answers[3] == {"state": {"heard": 1}}


def test_a_message_that_is_too_long_ends_the_connection(door: Door, tmp_path: Path) -> None:
    said = _said(tmp_path / "settings" / "control.json")
    hello = json.dumps({"token": said["token"]}).encode() + b"\n"
    answers = _talk(said["port"], hello, b'{"event": "' + b"x" * (4 * LONGEST) + b'"}\n')
    assert [answer for answer in answers if "error" in answer] in ([], [{"error": f"a message may have {LONGEST} bytes at most"}])  # or reset meanwhile
    assert door.heard == []
    with connect(tmp_path / "settings" / "control.json") as viewer:
        assert viewer.act("play") == {"heard": 1}  # others are not concerned


def test_too_many_connections_are_refused(door: Door, tmp_path: Path) -> None:
    file = tmp_path / "settings" / "control.json"
    there = [connect(file) for _ in range(8)]
    with pytest.raises((ValueError, ConnectionError), match="already|closed|reset"):
        connect(file)
    for viewer in there:
        viewer.close()
    deadline = time.monotonic() + 5.0
    while door.control._connections and time.monotonic() < deadline:
        time.sleep(0.01)
    connect(file).close()


def test_closing_does_not_wait_for_those_who_are_connected(tmp_path: Path) -> None:
    control = Control(tmp_path / "control.json", lambda: None)
    with connect(tmp_path / "control.json") as viewer:

        def ask() -> None:
            with pytest.raises((ConnectionError, ValueError)):  # nobody answers
                viewer.state()

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.1)
        began = time.monotonic()
        control.close()
        assert time.monotonic() - began < 2.0
        asking.join(5.0)
        assert not asking.is_alive()


def test_no_viewer_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="start a viewer with --control"):
        connect(tmp_path / "control.json")
    (tmp_path / "control.json").write_text('{"port": "x"}')
    with pytest.raises(ValueError, match="expected port and token"):
        connect(tmp_path / "control.json")


# ---- the real window ----------------------------------------------------------------------------------------------------------------------------


def test_a_program_steers_the_window(drive, tmp_path: Path) -> None:
    picture, still = tmp_path / "steered.png", tmp_path / "again.png"

    def program(viewer: Remote) -> None:
        state = viewer.wait()
        assert state["frames"] == list(range(10, 18))
        viewer.send(e.JumpToCamera(view=3))
        viewer.send(e.SetMode(mode="full"))
        state = viewer.send(e.SetFrame(index=5))
        assert (state["frame"], state["mode"], state["dataset_camera"]) == (15, "full", "03")
        viewer.screenshot(picture)
        assert viewer.state()["displayed_frame"] == 15, "the picture that was asked for, not the one before"
        camera = viewer.state()["camera"]
        viewer.act("frame_scene")
        moved = viewer.wait()["camera"]
        assert moved != camera
        viewer.look(camera)
        back = viewer.wait()["camera"]
        there, again = (path_from_json(told, "state").keys[0].T_world_camera for told in (camera, back))
        np.testing.assert_allclose(again, there, atol=1e-9)
        assert viewer.act("play")["playing"]
        assert not viewer.act("play")["playing"]
        viewer.send(e.SetFrame(index=5))
        viewer.send(e.JumpToCamera(view=3))
        viewer.screenshot(still)
        with pytest.raises(ValueError, match="must end with .png"):
            viewer.screenshot(tmp_path / "picture.bmp")
        with pytest.raises(ValueError, match="unknown action"):
            viewer.act("explode")

    def script(d: Driver) -> None:
        beside(d, program)
        assert d.shown.request.mode == "full"
        np.testing.assert_array_equal(imageio.imread(still), d.shown.host_pixels()[..., :3])

    drive(control=tmp_path / "control.json").run(script)
    np.testing.assert_array_equal(imageio.imread(picture), imageio.imread(still))
    assert not (tmp_path / "control.json").exists()


def test_a_program_loads_exports_and_opens(drive, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"

    def program(viewer: Remote) -> None:
        viewer.act("key_add")
        viewer.send(e.JumpToCamera(view=2))
        viewer.act("key_add")
        viewer.act("path_save")
        file = Path(viewer.state()["path"]["file"])
        saved = file if file.is_absolute() else tmp_path / "output" / file
        deadline = time.monotonic() + 5.0
        while not saved.is_file() and time.monotonic() < deadline:
            time.sleep(0.02)
        viewer.act("path_clear")
        assert viewer.load_path(saved)["path"]["keys"] == 2
        settings = ExportSettings(width=32, height=24, fps=2.0, format="png", file=str(folder))
        assert viewer.export(settings) == folder
        with pytest.raises(ValueError, match="nowhere"):
            viewer.load_path(tmp_path / "nowhere.json")
        other = tmp_path / "other"
        assert viewer.open(other)["source"] == str(other)

    drive(control=tmp_path / "control.json").run(lambda d: beside(d, program))
    assert len(list(folder.glob("*.png"))) > 2


def test_a_flood_of_nonsense_leaves_the_window_as_it_is(drive, tmp_path: Path) -> None:
    def script(d: Driver) -> None:
        said = _said(tmp_path / "control.json")
        hello = json.dumps({"token": said["token"]}).encode() + b"\n"
        rng = np.random.default_rng(0)
        lines = [rng.bytes(200).replace(b"\n", b"") + b"\n" for _ in range(200)]
        answers: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: answers.extend(_talk(said["port"], hello, *lines)))
        thread.start()
        before = d.state.navigation
        d.until(lambda: not thread.is_alive())
        assert len(answers) == 201
        assert all("error" in answer for answer in answers[1:])
        assert d.state.navigation is before
        assert d.session._problems._newest is None

    drive(control=tmp_path / "control.json", renderer=StandIn()).run(script)
