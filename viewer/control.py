"""A door for programs that steer the window: a server on this machine's loopback, in one thread, which hands events to the session.

Messages are lines of JSON. The first one of a connection is ``{"token": "..."}``; each later one an event (`viewer.wire`), or ``{}`` to ask for the state
only. Each is answered by one line, ``{"state": {...}}`` as it is once the event has been reduced, or ``{"error": "..."}``. `viewer.remote` is the other side.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
import secrets
import socket
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viewer.events import Event
from viewer.wire import LONGEST, event_from_json, parsed

_log = logging.getLogger(__name__)
_HELLO_S = 5.0  # the token must come by then
_ANSWER_S = 10.0  # of the window, which may be minimised
_MOST = 8  # connections at once


@dataclass(frozen=True, kw_only=True)
class _Order:
    """A message that waits for the window."""

    event: Event | None
    answer: Future[dict[str, Any]]


class Control:
    """The server and its mailbox.

    Args:
        file: where port and token are written, for the user only; another window's are replaced.
        wake: called from the thread when there is something to take.

    Raises:
        OSError: no port can be had, or the file cannot be written.
    """

    def __init__(self, file: Path, wake: Callable[[], None]) -> None:
        self._file = file
        self._wake = wake
        self._token = secrets.token_urlsafe(32)
        self._waiting: deque[_Order] = deque()
        self._taken: list[_Order] = []
        self._connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        try:
            _write_private(file, json.dumps({"port": self._socket.getsockname()[1], "token": self._token, "process": os.getpid()}))
        except OSError:
            self._socket.close()
            self._loop.close()
            raise
        self._thread.start()

    def take(self) -> list[Event]:
        """Events that came since the last call; they are answered by the next `answer`."""
        while self._waiting:
            order = self._waiting.popleft()
            if order.answer.set_running_or_notify_cancel():
                self._taken.append(order)
        return [order.event for order in self._taken if order.event is not None]

    def answer(self, state: Callable[[], dict[str, Any]]) -> None:
        """What was taken has been reduced; tell the state that came of it."""
        if not self._taken:
            return
        told = state()
        for order in self._taken:
            order.answer.set_result(told)
        self._taken = []

    def close(self) -> None:
        """End the thread and its connections; the file goes if it is still this window's."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()
        try:
            if self._token in self._file.read_text(encoding="utf-8"):
                self._file.unlink()
        except OSError as error:
            _log.warning("%s is not removed: %s", self._file, error)

    # ---- the thread's side --------------------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, sock=self._socket, limit=LONGEST)
        await self._closing.wait()
        server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections > _MOST:
                raise ValueError(f"there are {_MOST} connections already; close one")
            await self._greet(reader)
            await _tell(writer, {})
            while line := await reader.readline():
                await _tell(writer, await self._reply(line))
        except ValueError as error:  # also of a line that is too long, after which nothing can be understood
            await _tell(writer, {"error": _explained(error)})
        except (TimeoutError, OSError):
            _log.debug("a connection broke off", exc_info=True)
        finally:
            self._connections -= 1
            writer.close()

    async def _greet(self, reader: asyncio.StreamReader) -> None:
        try:
            hello = parsed(await asyncio.wait_for(reader.readline(), _HELLO_S))
        except TimeoutError:
            raise ValueError(f"no token came within {_HELLO_S:g} s") from None
        token = hello.get("token")
        if not isinstance(token, str) or not hmac.compare_digest(token.encode(), self._token.encode()):
            raise ValueError(f"wrong token; the right one is in {self._file.name} of the viewer's settings folder")

    async def _reply(self, line: bytes) -> dict[str, Any]:
        answer: Future[dict[str, Any]] = Future()
        try:
            self._waiting.append(_Order(event=event_from_json(parsed(line)), answer=answer))
        except ValueError as error:
            return {"error": str(error)}
        self._wake()
        try:
            return {"state": await asyncio.wait_for(asyncio.wrap_future(answer), _ANSWER_S)}
        except TimeoutError:
            return {"error": f"the window did not answer within {_ANSWER_S:g} s; it may be minimised"}


async def _tell(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    writer.write(json.dumps(message).encode() + b"\n")
    await asyncio.wait_for(writer.drain(), _ANSWER_S)


def _explained(error: ValueError) -> str:
    return f"a message may have {LONGEST} bytes at most" if "limit" in str(error) else str(error)


def _write_private(file: Path, text: str) -> None:
    """Write a file that only the user may read; it appears whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
            opened.write(text)
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)
