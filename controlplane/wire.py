"""Messages between processes of one host: lines of JSON over a Unix socket of its user.

A request is {"id": n, "do": name, …} and gets {"id": n, "ok": value} or {"id": n, "error": words,
"code": …}; what a server says unasked is {"say": topic, …}. Requests of a connection may be
answered in any order.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from aicr.errors import AicrError, NotFound, RateLimited, Unavailable

Json = dict[str, Any]
# A line is one message; those with results of functions carry paths of files, not the results.
MAX_LINE = 4 * 1024 * 1024


def encode(message: Mapping[str, Any]) -> bytes:
    """A message as a line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


# Errors that keep their type on the way; others arrive as Unavailable.
_ERRORS: dict[str, type[AicrError]] = {e.code: e for e in (RateLimited, NotFound, Unavailable)}


class Lost(Unavailable):
    """A connection ended before the answer came: nobody knows what was done. Every other
    Unavailable says that nothing was."""


class _Outgoing:
    """Messages of one turn of the loop go out together: each system call costs as much as all that
    is done for a message."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] = []

    def write(self, message: Mapping[str, Any]) -> None:
        if not self._parts:
            self._loop.call_soon(self.flush)
        self._parts.append(encode(message))

    def flush(self) -> None:
        """Hand over what waits."""
        if self._parts and not self._writer.is_closing():
            self._writer.write(b"".join(self._parts))
        self._parts.clear()


class Ear(Protocol):
    """Whoever can be told things unasked."""

    def say(self, topic: str, **facts: Any) -> None: ...

    def __hash__(self) -> int: ...


class Peer:
    """One connection as the server sees it: it can be told things, and it ends."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer, self._out = writer, _Outgoing(writer)

    def say(self, topic: str, **facts: Any) -> None:
        self._send({"say": topic, **facts})

    def _send(self, message: Json) -> None:
        if not self._writer.is_closing():
            self._out.write(message)

    def answer(self, id_: Any, value: Any) -> None:
        self._send({"id": id_, "ok": value})

    def refuse(self, id_: Any, words: str, code: str = NotFound.code) -> None:
        self._send({"id": id_, "error": words, "code": code})

    def end(self) -> None:
        """Hang up, after what was sent."""
        self._writer.close()


# What a command does for a peer. Whoever does not answer at once returns an awaitable.
Command = Callable[[Peer, Json], "Awaitable[Any] | Any"]


class Server:
    """Commands by name; `gone` is called with every peer whose connection ended."""

    def __init__(
        self, commands: Mapping[str, Command], gone: Callable[[Peer], None] = lambda _: None
    ) -> None:
        self._commands, self._gone = commands, gone
        self._peers: dict[Peer, asyncio.Task[Any] | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, path: str) -> asyncio.Server:
        """Listen at a path, private to this user. What stands there is in its way no longer: only
        who holds the lock beside it comes here."""
        if os.path.exists(path):
            os.unlink(path)
        before = os.umask(0o177)
        try:
            return await asyncio.start_unix_server(self._serve, path, limit=MAX_LINE)
        finally:
            os.umask(before)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(writer)
        self._peers[peer] = asyncio.current_task()
        try:
            while line := await reader.readline():
                self._do(peer, json.loads(line))
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass  # whoever sends what is no message is not heard any further; nor when all ends
        finally:
            self._peers.pop(peer)
            self._gone(peer)
            writer.close()

    def say(self, topic: str, **facts: Any) -> None:
        """Tell everybody."""
        for peer in self._peers:
            peer.say(topic, **facts)

    async def end(self) -> None:
        """Hang up on everybody, after what was said."""
        serving = [task for task in self._peers.values() if task is not None]
        for peer in self._peers:
            peer.end()
        await asyncio.gather(*serving)

    def _do(self, peer: Peer, message: Json) -> None:
        id_, name = message.get("id"), message.get("do")
        command = self._commands.get(str(name))
        if command is None:
            peer.refuse(id_, f"there is no {name}")
            return
        try:
            result = command(peer, message)
        except AicrError as e:
            peer.refuse(id_, e.message, e.code)
            return
        if isinstance(result, asyncio.Future):
            result.add_done_callback(lambda done: _say(peer, id_, done))
        elif isinstance(result, Awaitable):
            task = asyncio.ensure_future(self._later(peer, id_, result))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            peer.answer(id_, result)

    async def _later(self, peer: Peer, id_: Any, result: Awaitable[Any]) -> None:
        try:
            peer.answer(id_, await result)
        except AicrError as e:
            peer.refuse(id_, e.message, e.code)


def _say(peer: Peer, id_: Any, done: asyncio.Future[Any]) -> None:
    """The answer of a future; one that is cancelled has none, since nobody waits for it."""
    if done.cancelled():
        return
    error = done.exception()
    if error is None:
        peer.answer(id_, done.result())
    elif isinstance(error, AicrError):
        peer.refuse(id_, error.message, error.code)
    else:
        raise error


class Client:
    """A connection of asyncio. `heard` gets what the server says unasked, `lost` is called once
    when the connection ends."""

    def __init__(
        self,
        heard: Callable[[Json], None] = lambda _: None,
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._heard, self._lost = heard, lost
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._last = 0
        self._writer: asyncio.StreamWriter | None = None
        self._out: _Outgoing | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        return self._writer is not None

    async def connect(self, path: str) -> None:
        """Raises OSError when nobody listens there."""
        reader, self._writer = await asyncio.open_unix_connection(path, limit=MAX_LINE)
        self._out = _Outgoing(self._writer)
        self._reading = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                message = json.loads(line)
                if "say" in message:
                    self._heard(message)
                    continue
                waiting = self._waiting.pop(message["id"], None)
                if waiting is not None and not waiting.done():
                    _settle(waiting, message)
        except (ConnectionError, ValueError):
            pass  # ended in the middle of a message: as if it had ended before it
        finally:
            self._end()

    def _end(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        if self._out is not None:
            self._out.flush()
        writer.close()
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(_gone())
        self._lost()

    def ask(self, do: str, **facts: Any) -> asyncio.Future[Any]:
        """The answer, later. It fails with Unavailable when the connection ends before, with
        another AicrError when the server refuses."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._writer is None or self._out is None:
            future.set_exception(_gone())
            return future
        self._last += 1
        self._waiting[self._last] = future
        self._out.write({"id": self._last, "do": do, **facts})
        return future

    def tell(self, do: str, **facts: Any) -> None:
        """Ask without waiting for the answer."""
        if self._writer is not None and self._out is not None:
            self._out.write({"id": 0, "do": do, **facts})

    async def close(self) -> None:
        self._end()
        if self._reading is not None:
            self._reading.cancel()


def _settle(future: asyncio.Future[Any], message: Json) -> None:
    if "error" in message:
        future.set_exception(_ERRORS.get(message.get("code", ""), Unavailable)(message["error"]))
    else:
        future.set_result(message["ok"])


def _gone() -> Unavailable:
    return Unavailable("the runner is gone")


def _lost() -> Lost:
    return Lost(_gone().message)


class Line:
    """A connection of a thread: one request at a time, each with its answer."""

    def __init__(self, connection: socket.socket) -> None:
        self._file = connection.makefile("rwb")

    def ask(self, do: str, **facts: Any) -> Any:
        """The answer. Raises Lost when the connection ends, Unavailable when the server refuses."""
        try:
            self._file.write(encode({"id": 1, "do": do, **facts}))
            self._file.flush()
            message = self._read()
            while "say" in message:  # whoever asks and waits has no ear for anything else
                message = self._read()
        except OSError as e:
            raise _lost() from e
        if "error" in message:
            raise Unavailable(message["error"])
        return message["ok"]

    def _read(self) -> Json:
        answer = self._file.readline(MAX_LINE)
        if not answer.endswith(b"\n"):
            raise _lost()
        message: Json = json.loads(answer)
        return message


@contextmanager
def line(path: str, seconds: float = 30.0) -> Iterator[Line]:
    """A connection for a few requests of a thread. Raises Unavailable when nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        try:
            connection.connect(path)
        except OSError as e:
            raise _gone() from e
        yield Line(connection)
